package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Conflict is a field that somebody else set, and that we want otherwise.
type Conflict struct {
	Object   string `json:"object"`
	Field    string `json:"field"`
	Manager  string `json:"manager"` // who set it: "kubectl-edit"
	Theirs   string `json:"theirs"`
	Ours     string `json:"ours"`
	Decision Choice `json:"decision,omitempty"` // "": somebody has to decide
}

// Choice is what is done about a conflict.
type Choice string

// The choices.
const (
	Take  Choice = "take"  // it becomes ours, with our value
	Yield Choice = "yield" // it stays theirs: we say nothing about it
)

// Rule is what the admin decided about fields. A * in a pattern stands for anything.
type Rule struct {
	Object string // "Deployment/*"
	Field  string // "spec.replicas"
	Choice Choice
}

// Undecided are the conflicts that keep the plan from being carried out.
func (p *Plan) Undecided() []Conflict {
	return slices.DeleteFunc(slices.Clone(p.Conflicts), func(c Conflict) bool { return c.Decision != "" })
}

// Yielded are the fields of an object that are left to others: who applies it leaves them out, see Without.
func (p *Plan) Yielded(object string) []string {
	var fields []string
	for _, c := range p.Conflicts {
		if c.Object == object && c.Decision == Yield {
			fields = append(fields, c.Field)
		}
	}
	return fields
}

// deployers are managers whose updates stand for how the installation was deployed so far.
var deployers = []string{"helm", "before-first-apply", "kubectl-client-side-apply", "kubectl-create", "kubectl-replace"}

// people are prefixes of managers through which somebody changed something by hand, rather than a controller for a reason of its own.
var people = []string{"kubectl", "k9s", "rancher", "agent"}

// conflicts are the fields of an object that others hold, each with what is done about it.
func conflicts(o *Object, seen *Seen, rules []Rule) []Conflict {
	var out []Conflict
	before := predecessors(seen.Live)
	for _, owner := range seen.Conflicts {
		if owner.Manager == Manager {
			continue // what we set otherwise than by applying, such as a claim's size, is ours all the same
		}
		field := fieldOf(owner.Field)
		theirs, _ := lookup(seen.Live, field)
		ours, wanted := lookup(encoded(o.Body), field)
		if !wanted {
			continue // the API server means a part of a value that we set as a whole
		}
		c := Conflict{Object: o.Key, Field: field, Manager: owner.Manager, Theirs: show(theirs), Ours: show(ours)}
		if secretField(o, field, theirs, ours) {
			c.Theirs, c.Ours = veil(theirs), veil(ours)
		}
		c.Decision = decision(c, rules)
		if c.Decision == Take && slices.ContainsFunc(before, func(m manager) bool { return m.name == c.Manager }) {
			continue // no conflict: the whole object becomes ours
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Conflict) int { return strings.Compare(a.Field, b.Field) })
	return out
}

// decision is the admin's where there is one. Else what people changed by hand is put back, and what earlier deployments set is taken
// over. The number of pods stays with whoever changed it, person or autoscaler: fighting over it would help nobody.
func decision(c Conflict, rules []Rule) Choice {
	for _, r := range rules {
		if matches(r.Object, c.Object) && matches(r.Field, c.Field) {
			return r.Choice
		}
	}
	switch {
	case slices.Contains(deployers, c.Manager):
		return Take
	case c.Field == "spec.replicas":
		return Yield
	case slices.ContainsFunc(people, func(prefix string) bool { return strings.HasPrefix(c.Manager, prefix) }):
		return Take
	}
	return ""
}

func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// secretField is secretAt for a field that is written out.
func secretField(o *Object, field string, values ...any) bool {
	top, _, _ := strings.Cut(field, ".")
	_, variable, _ := strings.Cut(field, ".env[name=")
	name, _, _ := strings.Cut(variable, "]")
	return secretAt(o, name, top, values...)
}

// left drops what is yielded from an object and from what was seen of it: what stays theirs does not differ.
func left(o Object, seen Seen, held []Conflict) (Object, Seen) {
	for _, c := range held {
		if c.Decision == Yield {
			o.Body, seen.Live, seen.Applied = without(o.Body, c.Field), without(seen.Live, c.Field), without(seen.Applied, c.Field)
		}
	}
	return o, seen
}

// drift says which changes put back what somebody else did. What is taken over from whoever deployed it is none.
func drift(seen *Seen, all []Change, conflicts []Conflict) []Cause {
	known := slices.ContainsFunc(managersOf(seen.Live), func(m manager) bool { return m.name == Manager })
	before := strings.Split(namesOf(predecessors(seen.Live)), ", ")
	byManager := map[string][]Change{}
	var names []string
	for _, c := range all {
		if owners := strings.Split(c.Owner, ", "); c.Owner == "" || slices.Contains(owners, Manager) || slices.ContainsFunc(owners, func(o string) bool { return slices.Contains(before, o) }) {
			continue
		}
		if byManager[c.Owner] == nil {
			names = append(names, c.Owner)
		}
		byManager[c.Owner] = append(byManager[c.Owner], c)
	}
	var out []Cause
	for _, name := range names {
		out = append(out, Cause{Text: drifted(name, byManager[name], known, conflicts)})
	}
	return out
}

func drifted(name string, changed []Change, known bool, conflicts []Conflict) string {
	byHand := ""
	if slices.ContainsFunc(people, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) && !slices.Contains(deployers, name) {
		byHand = " by hand"
	}
	switch first := changed[0]; {
	case slices.ContainsFunc(conflicts, func(c Conflict) bool { return c.Manager == name && c.Decision == "" }):
		return fmt.Sprintf("%s set %s; who is to have it?", name, fields(changed))
	case !known || slices.Contains(deployers, name):
		return "so far set by " + name + ", taken over"
	case len(changed) == 1:
		return fmt.Sprintf("%s changed %s%s: %s -> %s, put back", name, last(first.Field), byHand, orNone(first.To), orNone(first.From))
	}
	return fmt.Sprintf("%s changed %s%s, put back", name, fields(changed), byHand)
}

func fields(changed []Change) string {
	if len(changed) == 1 {
		return changed[0].Field
	}
	return counted(len(changed), "field")
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// last is a field without the way to it: "limits.cpu" of a long path.
func last(field string) string {
	if i := strings.LastIndexByte(field, ']'); i >= 0 && i+1 < len(field) {
		return field[i+2:]
	}
	return field
}
