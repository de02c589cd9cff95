package jsonc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Value is a value with its place in the text.
type Value struct {
	Start, End int // byte offsets: text[Start:End]
	Members    []Member
	Items      []Value
	Any        any  // what it means: as encoding/json decodes it
	comma      bool // a comma stands after the last member or item
}

// Member is a member of an object, in the order of the text.
type Member struct {
	Name  string
	Start int // of the name
	Value Value
}

// Parse reads a text; ok is false where Check finds a problem.
func Parse(data []byte) (v Value, ok bool) {
	if _, problem := Check(data); problem != "" {
		return Value{}, false
	}
	plain, _ := blankComments(data)
	p := &parser{text: plain}
	return p.value(), true
}

// parser reads a text that Check found to be right.
type parser struct {
	text []byte
	at   int
}

// next skips what stands between values, and returns the byte there.
func (p *parser) next() byte {
	for strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
	return p.text[p.at]
}

func (p *parser) value() Value {
	c := p.next()
	v := Value{Start: p.at}
	switch c {
	case '{':
		p.list('}', &v, func() {
			m := Member{Start: p.at}
			name := p.text[p.at : p.at+quoted(p.text[p.at:])]
			_ = json.Unmarshal(name, &m.Name) // Check has read it
			p.at += len(name)
			p.next() // the colon
			p.at++
			m.Value = p.value()
			v.Members = append(v.Members, m)
		})
		all := map[string]any{}
		for _, m := range v.Members {
			all[m.Name] = m.Value.Any
		}
		v.Any = all
	case '[':
		p.list(']', &v, func() { v.Items = append(v.Items, p.value()) })
		all := []any{}
		for _, item := range v.Items {
			all = append(all, item.Any)
		}
		v.Any = all
	case '"':
		p.at += quoted(p.text[p.at:])
		_ = json.Unmarshal(p.text[v.Start:p.at], &v.Any)
	default:
		end := bytes.IndexAny(p.text[p.at:], ",]} \t\r\n")
		if end < 0 {
			end = len(p.text) - p.at
		}
		p.at += end
		_ = json.Unmarshal(p.text[v.Start:p.at], &v.Any)
	}
	v.End = p.at
	return v
}

// list reads what stands between an opening and a closing bracket.
func (p *parser) list(end byte, v *Value, item func()) {
	p.at++ // the opening one
	for p.next() != end {
		item()
		v.comma = p.next() == ','
		if v.comma {
			p.at++
		}
	}
	p.at++
}

// At finds the value at a path of members' names; of several with one name the last counts. nil: there is none.
func (v *Value) At(path ...string) *Value {
	for _, name := range path {
		i := -1
		for k := range v.Members {
			if v.Members[k].Name == name {
				i = k
			}
		}
		if i < 0 {
			return nil
		}
		v = &v.Members[i].Value
	}
	return v
}

// Addition is a value that a text should have at a path of members' names: as the value itself, or as a further item of the list there.
type Addition struct {
	Path []string
	Item bool
}

// Piece is what has to be written at an offset of a text: a text of its own, or the value of an addition.
type Piece struct {
	Offset   int
	Text     string
	Addition int // the index of one; -1: Text counts
}

// Add says what has to be written where, so that a text has some additions, in the order of offsets. The rest of the text stays: comments, other
// members. clash is the index of an addition where another value is in the way; -1: there is none.
func (v *Value) Add(additions []Addition) (pieces []Piece, clash int) {
	a := adder{additions: additions, clash: -1}
	all := make([]int, len(additions))
	for i := range all {
		all[i] = i
	}
	a.into(v, all, 0)
	slices.SortStableFunc(a.pieces, func(x, y Piece) int { return x.Offset - y.Offset })
	return a.pieces, a.clash
}

type adder struct {
	additions []Addition
	pieces    []Piece
	clash     int
}

// into adds some additions to an object. depth is how much of their paths leads to it.
func (a *adder) into(v *Value, some []int, depth int) {
	if v.kind() != '{' {
		a.clash = some[0]
		return
	}
	empty := len(v.Members) == 0 || v.comma
	for _, group := range a.groups(some, depth) {
		name := a.additions[group[0]].Path[depth]
		there, last := v.At(name), len(a.additions[group[0]].Path) == depth+1
		switch {
		case there != nil && !last:
			a.into(there, group, depth+1)
		case there != nil && a.additions[group[0]].Item && there.kind() == '[':
			if len(there.Items) > 0 && !there.comma {
				a.text(there.End-1, ",")
			}
			a.pieces = append(a.pieces, Piece{there.End - 1, "", group[0]})
		case there != nil:
			a.clash = group[0]
		default:
			if !empty {
				a.text(v.End-1, ",")
			}
			empty = false
			a.member(v.End-1, group, depth)
		}
	}
}

// groups are additions by the next name of their paths, in the order of their first.
func (a *adder) groups(some []int, depth int) [][]int {
	var names []string
	var out [][]int
	for _, i := range some {
		name := a.additions[i].Path[depth]
		k := slices.Index(names, name)
		if k < 0 {
			names, out, k = append(names, name), append(out, nil), len(names)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// member writes a new member with all that is below it.
func (a *adder) member(at int, group []int, depth int) {
	first := a.additions[group[0]]
	name, _ := json.Marshal(first.Path[depth]) // a string always marshals
	a.text(at, string(name)+":")
	if len(first.Path) == depth+1 {
		if first.Item {
			a.text(at, "[")
		}
		a.pieces = append(a.pieces, Piece{at, "", group[0]})
		if first.Item {
			a.text(at, "]")
		}
		return
	}
	a.text(at, "{")
	for i, below := range a.groups(group, depth+1) {
		if i > 0 {
			a.text(at, ",")
		}
		a.member(at, below, depth+1)
	}
	a.text(at, "}")
}

func (a *adder) text(at int, text string) { a.pieces = append(a.pieces, Piece{at, text, -1}) }

// kind is '{', '[' or 0.
func (v *Value) kind() byte {
	switch v.Any.(type) {
	case map[string]any:
		return '{'
	case []any:
		return '['
	}
	return 0
}
