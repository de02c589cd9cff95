package adopt

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/secret"
	"berth/internal/tree"
)

// rounds is how often a draft is rendered at most: each rule of a difference may need a round, and few differences need more than three.
const rounds = 24

// Compare lists the differences of two sides, in order.
func Compare(theirs, ours Objects) []Difference {
	var out []Difference
	for _, name := range names(theirs, ours) {
		a, b := theirs[name], ours[name]
		if a == nil || b == nil {
			d := Difference{Object: name}
			if a != nil {
				d.Theirs = a
			} else {
				d.Ours = b
			}
			out = append(out, d)
			continue
		}
		out = append(out, differences(name, nil, a, b)...)
	}
	return out
}

// differences are those of two values. A map that is empty is as good as none.
func differences(object string, path []string, theirs, ours any) (out []Difference) {
	a, isMap := theirs.(map[string]any)
	b, both := ours.(map[string]any)
	if !(isMap || theirs == nil) || !(both || ours == nil) || a == nil && b == nil {
		if !tree.Same(theirs, ours) {
			out = append(out, Difference{object, slices.Clone(path), theirs, ours})
		}
		return out
	}
	for _, key := range keysOf(a, b) {
		out = append(out, differences(object, append(slices.Clone(path), key), a[key], b[key])...)
	}
	return out
}

func keysOf(a, b map[string]any) []string {
	keys := append(tree.Keys(a), tree.Keys(b)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

func names(sides ...Objects) []string {
	all := map[string]bool{}
	for _, side := range sides {
		for name := range side {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (d Difference) id() string { return d.Object + "\x00" + strings.Join(d.Path, "\x00") }

// matter is a difference in work: which rule answered it last, and how.
type matter struct {
	difference Difference
	next       int // the rule that is asked next
	answer     *Answer
	edits      []*Edit
	why        string // why the rules before were refused
	closed     bool   // nothing more is tried
}

// inverter looks for a config.
type inverter struct {
	theirs, shipped Objects
	draft           *Draft
	render          Render
	rules           []Rule
	matters         map[string]*matter
	order           []string
	whole           map[string]*matter // objects that are not looked at any more
}

// Input is what Invert works on.
type Input struct {
	Theirs Objects
	Draft  *Draft // what is known from the beginning: the target, the release, names
	Render Render
	Rules  []Rule
}

// Outcome is what Invert found: the draft, and the items of the report.
type Outcome struct {
	Draft *Draft
	Items []Item
}

// Invert finds the config for which berth renders theirs. Errors are those of the draft as it was given.
func Invert(in Input) (Outcome, diag.List) {
	i := &inverter{theirs: in.Theirs, draft: in.Draft, render: in.Render, rules: in.Rules, matters: map[string]*matter{}, whole: map[string]*matter{}}
	first, problems := i.rendered()
	if problems.Failed() {
		return Outcome{}, problems
	}
	i.shipped = first.Objects
	ours := first
	for range rounds {
		left := i.left(ours.Objects)
		if !i.step(left, ours.Objects) {
			break
		}
		ours, problems = i.rendered()
		for range rounds {
			if !problems.Failed() || !i.takeBack(problems, ours.At) {
				break
			}
			ours, problems = i.rendered()
		}
		if problems.Failed() {
			return Outcome{}, problems
		}
	}
	return Outcome{Draft: i.draft, Items: i.items(ours.Objects)}, nil
}

func (i *inverter) rendered() (Rendering, diag.List) {
	return i.render(i.draft.Text(""), i.draft.Files(), i.draft.Generated())
}

// left are the differences that are still to be answered.
func (i *inverter) left(ours Objects) []Difference {
	return slices.DeleteFunc(Compare(i.theirs, ours), func(d Difference) bool { return i.whole[d.Object] != nil })
}

// step answers differences, and reports whether the draft changed. Whole objects come first, since others follow from them; the last rules are asked
// where all others have nothing more to say.
func (i *inverter) step(left []Difference, ours Objects) bool {
	whole := slices.DeleteFunc(slices.Clone(left), func(d Difference) bool { return len(d.Path) > 0 })
	return i.answer(whole, ours, false) || i.answer(left, ours, false) || i.answer(left, ours, true)
}

func (i *inverter) answer(left []Difference, ours Objects, last bool) bool {
	changed := false
	s := &Situation{Theirs: i.theirs, Shipped: i.shipped, Ours: ours, Differences: left, Draft: i.draft}
	for _, d := range left {
		m := i.matters[d.id()]
		if m == nil {
			m = &matter{difference: d}
			i.matters[d.id()] = m
			i.order = append(i.order, d.id())
		}
		m.difference = d
		if m.closed {
			continue
		}
		if len(m.edits) > 0 { // they left the difference
			changed = i.withdraw(m) || changed
		}
		changed = i.ask(m, s, last) || changed
	}
	return changed
}

// ask asks the rules from the next one on, and reports whether the draft changed.
func (i *inverter) ask(m *matter, s *Situation, last bool) bool {
	for ; m.next < len(i.rules); m.next++ {
		if i.rules[m.next].Last && !last {
			return false
		}
		answer := i.rules[m.next].Answer(m.difference, s)
		if answer == nil {
			continue
		}
		edits, ok := i.apply(answer)
		if !ok {
			continue
		}
		m.next++
		m.answer, m.edits = answer, edits
		if answer.Whole {
			i.whole[m.difference.Object] = m
		}
		if len(edits) == 0 {
			m.closed = true
		}
		return len(edits) > 0
	}
	m.closed, m.answer = true, nil
	return false
}

// apply makes the edits of an answer, all or none.
func (i *inverter) apply(a *Answer) ([]*Edit, bool) {
	var edits []*Edit
	for k := range a.Edits {
		e := a.Edits[k]
		if !i.draft.do(&e) {
			for _, done := range edits {
				i.draft.undo(done)
			}
			return nil, false
		}
		edits = append(edits, &e)
	}
	return edits, true
}

func (i *inverter) withdraw(m *matter) bool {
	for _, e := range m.edits {
		i.draft.undo(e)
	}
	had := len(m.edits) > 0
	m.edits, m.answer = nil, nil
	return had
}

// takeBack takes back the edits that problems are about, and reports whether there were any. The next rule is asked then.
func (i *inverter) takeBack(problems diag.List, at func(string) diag.Range) bool {
	if at == nil {
		return false
	}
	lines, found := i.lines(at), false
	for _, p := range problems {
		if p.Severity != diag.Error {
			continue
		}
		for _, m := range lines.responsible(p.Range.Line) {
			m.why = p.Summary
			found = i.withdraw(m) || found
		}
	}
	return found
}

// edited are the matters by the lines of the draft's text that their edits have. within has the lines of the keys that these are below.
type edited struct{ at, within map[int][]*matter }

func (i *inverter) lines(at func(string) diag.Range) edited {
	out := edited{map[int][]*matter{}, map[int][]*matter{}}
	for _, id := range i.order {
		m := i.matters[id]
		for _, e := range m.edits {
			for _, path := range i.draft.places(e) {
				l := at(path).Line
				if l == 0 {
					continue
				}
				out.at[l] = append(out.at[l], m)
				for cut := strings.LastIndexByte(path, '.'); cut > 0; cut = strings.LastIndexByte(path, '.') {
					path = path[:cut]
					if l := at(path).Line; strings.Contains(path, ".") && l > 0 {
						out.within[l] = append(out.within[l], m)
					}
				}
			}
		}
	}
	return out
}

// responsible are the matters whose edits are at a line, or below the key there; else those closest above it.
func (e edited) responsible(line int) []*matter {
	if e.at[line] == nil && e.within[line] != nil {
		return e.within[line]
	}
	for ; line > 0; line-- {
		if m := e.at[line]; m != nil {
			return m
		}
	}
	return nil
}

// items are the lines of the report: everything of theirs, and what they took away.
func (i *inverter) items(ours Objects) []Item {
	said := map[string]Item{}
	rest := map[string]bool{}
	for _, d := range i.left(ours) {
		rest[d.id()] = true
	}
	for _, id := range i.order {
		m := i.matters[id]
		said[id] = i.item(m, rest[id])
	}
	var out []Item
	for _, name := range names(i.theirs) {
		if m := i.whole[name]; m != nil {
			continue // its matter has an item
		}
		for _, l := range leaves(i.theirs[name], nil) {
			d := Difference{Object: name, Path: l.path}
			if under(i.order, d) {
				continue
			}
			item := Item{Object: name, Path: strings.Join(l.path, "."), Theirs: shown(l.path, l.value), Fate: Default}
			if !tree.Same(at(i.shipped[name], l.path), l.value) {
				item.Fate, item.Why = Key, follows
			}
			out = append(out, item)
		}
	}
	for _, id := range i.order {
		out = append(out, said[id])
	}
	slices.SortStableFunc(out, func(a, b Item) int { return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Path, b.Path)) })
	return out
}

// under reports whether a difference is, or is within, one of some.
func under(ids []string, d Difference) bool {
	id := d.id()
	return slices.ContainsFunc(ids, func(other string) bool {
		return id == other || strings.HasPrefix(id, other+"\x00")
	})
}

func (i *inverter) item(m *matter, left bool) Item {
	d := m.difference
	item := Item{Object: d.Object, Path: strings.Join(d.Path, "."), Theirs: shown(d.Path, d.Theirs)}
	switch a := m.answer; {
	case a != nil && !left && len(m.edits) > 0:
		item.Fate, item.Why = a.Fate, a.Why
		for _, e := range m.edits {
			item.Keys = append(item.Keys, i.draft.paths(e)...)
		}
	case a != nil && len(a.Edits) == 0 && (left || a.Whole):
		item.Fate, item.Why = a.Fate, a.Why
	case !left:
		item.Fate, item.Why = Key, follows
	default:
		item.Fate, item.Why = Lost, cmp.Or(m.why, "no key and no patch of sourcegraph.yaml can set it")
	}
	item.Undone = item.Fate == Lost || item.Fate == Again
	return item
}

// follows is why a line of theirs needs no key of its own.
const follows = "follows from other keys"

// at is a value inside a tree of maps; nil where it has none.
func at(v any, path []string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

type leaf struct {
	path  []string
	value any
}

// leaves are the values of a tree that are no maps, in order.
func leaves(v any, path []string) []leaf {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return []leaf{{path, v}}
	}
	var out []leaf
	for _, key := range tree.Keys(m) {
		out = append(out, leaves(m[key], append(slices.Clone(path), key))...)
	}
	return out
}

// longest is how much of a value a report shows.
const longest = 60

// shown is a value as text, without secrets.
func shown(path []string, v any) string {
	if v == nil {
		return ""
	}
	text, isText := v.(string)
	if !isText {
		encoded, err := json.Marshal(hidden(v))
		if err != nil {
			return fmt.Sprintf("%T", v)
		}
		text = string(encoded)
	}
	if len(path) > 0 {
		if _, is := secret.Looks(path[len(path)-1], text); is {
			return secret.Stars
		}
	}
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "..."
	}
	return secret.Mask(text)
}

// hidden is a tree without its secrets.
func hidden(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for key, value := range m {
		out[key] = hidden(value)
		if text, ok := value.(string); ok {
			if _, is := secret.Looks(key, text); is {
				out[key] = secret.Stars
			}
		}
	}
	return out
}
