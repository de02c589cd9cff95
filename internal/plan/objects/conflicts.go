package objects

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/plan"
	"berth/internal/plan/fields"
)

// people are prefixes of managers through which a person changed something by hand, in contrast to a controller.
var people = []string{"kubectl", "k9s", "rancher", "agent"}

// conflicts are the fields of an object that other managers own, each with the decision about it.
func conflicts(o *Object, seen *Seen, rules []Rule) []plan.Conflict {
	var out []plan.Conflict
	before := fields.Predecessors(seen.Live)
	for _, owner := range seen.Conflicts {
		if owner.Manager == plan.Manager {
			continue // what we set in other ways than by applying, such as a claim's size, is ours too
		}
		field := fields.FromMessage(owner.Field)
		theirs, _ := fields.Lookup(seen.Live, field)
		ours, wanted := fields.Lookup(fields.Encoded(o.Body), field)
		if !wanted {
			continue // the API server means a part of a value that we set as a whole
		}
		c := plan.Conflict{Object: o.Key, Field: field, Manager: owner.Manager, Theirs: show(theirs), Ours: show(ours)}
		if secretField(o, field, theirs, ours) {
			c.Theirs, c.Ours = veil(theirs), veil(ours)
		}
		c.Decision = decision(c, rules)
		if c.Decision == plan.Take && slices.ContainsFunc(before, func(m fields.Manager) bool { return m.Name == c.Manager }) {
			continue // no conflict: the whole object becomes ours
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b plan.Conflict) int { return strings.Compare(a.Field, b.Field) })
	return out
}

// decision is the admin's where there is one. By default berth reverts what people changed by hand, and takes over what earlier deployments
// set. The number of pods stays with whoever changed it, person or autoscaler: two managers that fight over it help nobody. None at all is no such
// number: the service was stopped, and the config asks for it.
func decision(c plan.Conflict, rules []Rule) plan.Choice {
	for _, r := range rules {
		if matches(r.Object, c.Object) && matches(r.Field, c.Field) {
			return r.Choice
		}
	}
	switch {
	case fields.Deployer(c.Manager):
		return plan.Take
	case c.Field == plan.ReplicasField && c.Theirs != "0":
		return plan.Yield
	case slices.ContainsFunc(people, func(prefix string) bool { return strings.HasPrefix(c.Manager, prefix) }):
		return plan.Take
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

// secretField is like secret, for a field that is written out.
func secretField(o *Object, field string, values ...any) bool {
	top, _, _ := strings.Cut(field, ".")
	_, variable, _ := strings.Cut(field, ".env[name=")
	name, _, _ := strings.Cut(variable, "]")
	return secretAt(o, name, top, values...)
}

// withoutYielded removes yielded fields from an object and from what was observed of it: they make no difference.
func withoutYielded(o Object, seen Seen, held []plan.Conflict) (Object, Seen) {
	for _, c := range held {
		if c.Decision == plan.Yield {
			o.Body, seen.Live, seen.Applied = fields.Without(o.Body, c.Field), fields.Without(seen.Live, c.Field), fields.Without(seen.Applied, c.Field)
		}
	}
	return o, seen
}

// drift says which changes revert what other managers did. Taking over from the deployer is none.
func drift(seen *Seen, all []plan.Change, conflicts []plan.Conflict) []plan.Cause {
	known := slices.ContainsFunc(fields.Managers(seen.Live), func(m fields.Manager) bool { return m.Name == plan.Manager })
	before := strings.Split(fields.Names(fields.Predecessors(seen.Live)), ", ")
	byManager := map[string][]plan.Change{}
	var names []string
	for _, c := range all {
		if owners := strings.Split(c.Owner, ", "); c.Owner == "" || slices.Contains(owners, plan.Manager) || slices.ContainsFunc(owners, func(o string) bool { return slices.Contains(before, o) }) {
			continue
		}
		if byManager[c.Owner] == nil {
			names = append(names, c.Owner)
		}
		byManager[c.Owner] = append(byManager[c.Owner], c)
	}
	var out []plan.Cause
	for _, name := range names {
		out = append(out, drifted(name, byManager[name], known, conflicts))
	}
	return out
}

func drifted(name string, changed []plan.Change, known bool, conflicts []plan.Conflict) plan.Cause {
	byHand := ""
	if slices.ContainsFunc(people, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) && !fields.Deployer(name) {
		byHand = " by hand"
	}
	switch first := changed[0]; {
	case slices.ContainsFunc(conflicts, func(c plan.Conflict) bool { return c.Manager == name && c.Decision == "" }):
		return plan.Cause{Text: fmt.Sprintf("%s set %s; who owns it?", name, changedFields(changed))}
	case !known || fields.Deployer(name):
		return plan.Cause{Text: "so far set by " + name + ", taken over"}
	case len(changed) == 1:
		return revert(fmt.Sprintf("%s changed %s%s: %s -> %s", name, last(first.Field), byHand, orNone(first.To), orNone(first.From)))
	}
	return revert(fmt.Sprintf("%s changed %s%s", name, changedFields(changed), byHand))
}

func revert(what string) plan.Cause { return plan.Cause{Text: what + ", put back", Reverts: what} }

func changedFields(changed []plan.Change) string {
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

// last is the end of a field's path: "limits.cpu" of a long path.
func last(field string) string {
	if i := strings.LastIndexByte(field, ']'); i >= 0 && i+1 < len(field) {
		return field[i+2:]
	}
	return field
}
