package api

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/tree"
)

// Prove finds what is wrong in an object of a kind: fields that do not exist, values of another type, fields that exclude each other, required
// fields that are missing, and two items with one name. Of kinds that the table does not have it knows nothing.
func Prove(kind string, object map[string]any) []Problem {
	p := &prover{}
	if Known(kind) {
		p.object(kind, object, nil)
	}
	return p.problems
}

type prover struct{ problems []Problem }

func (p *prover) wrong(path []string, text, hint string) {
	p.problems = append(p.problems, Problem{Path: slices.Clone(path), Text: text, Hint: hint})
}

func (p *prover) object(of string, object map[string]any, path []string) {
	fields := types().Types[of]
	for _, key := range tree.Keys(object) {
		below := append(slices.Clone(path), key)
		if fields[key] == "" {
			hint := ""
			if guess := diag.Closest(key, tree.Keys(fields)); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			p.wrong(below, "is not a field of "+of, hint)
			continue
		}
		p.value(read(fields[key]), object[key], below)
	}
	for _, key := range tree.Keys(fields) {
		if read(fields[key]).must && object[key] == nil {
			p.wrong(path, "has no "+key, "add it")
		}
	}
	for _, group := range types().OneOf[of] {
		set := slices.DeleteFunc(slices.Clone(group), func(key string) bool { return object[key] == nil })
		if len(set) > 1 {
			p.wrong(path, "has "+diag.Listed(set, "and")+", and may have one of them", "remove one")
		}
	}
	for key, needs := range types().Only[of] {
		if object[key] != nil && object[needs[0]] != nil && object[needs[0]] != needs[1] {
			p.wrong(append(slices.Clone(path), key), fmt.Sprintf("needs  %s: %s", needs[0], needs[1]), "remove it")
		}
	}
}

func (p *prover) value(f field, v any, path []string) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		switch {
		case f.list || f.of != "anything" && !f.dict && types().Types[f.of] == nil:
			p.wrong(path, "must be "+f.String()+", and is a map", "")
		case f.dict:
			for _, key := range tree.Keys(v) {
				p.value(field{of: f.of}, v[key], append(slices.Clone(path), key))
			}
		case f.of != "anything":
			p.object(f.of, v, path)
		}
	case []any:
		if !f.list {
			if f.of != "anything" {
				p.wrong(path, "must be "+f.String()+", and is a list", "")
			}
			return
		}
		for i, item := range v {
			name := fmt.Sprint(i)
			if n := nameOf(item, f.key); f.key != "" && n != nil {
				name = fmt.Sprint(n)
			}
			p.value(field{of: f.of}, item, append(slices.Clone(path), name))
		}
		p.twice(f, v, path)
	default:
		if f.list || f.dict || !f.holds(v) {
			p.wrong(path, fmt.Sprintf("must be %s, but is %v", f, v), quoted(f, v))
		}
	}
}

// quoted is the hint for numbers and the like where texts belong.
func quoted(f field, v any) string {
	if _, isText := v.(string); isText || f.list || f.dict || f.of != "string" {
		return ""
	}
	return fmt.Sprintf("put it in quotes: \"%v\"", v)
}

// twice finds two items with one name.
func (p *prover) twice(f field, list []any, path []string) {
	for _, key := range []string{f.key, types().Unique[f.of]} {
		seen := map[string]bool{}
		for _, item := range list {
			n := nameOf(item, key)
			if key == "" || n == nil {
				continue
			}
			if protocol := nameOf(item, "protocol"); key != "name" && protocol != nil {
				n = fmt.Sprintf("%v/%v", n, protocol) // a port may be open for both
			}
			if seen[fmt.Sprint(n)] {
				p.wrong(path, fmt.Sprintf("has two items with %s %v", key, n), "remove one with  $patch: delete")
			}
			seen[fmt.Sprint(n)] = true
		}
	}
}

var quantity = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$`)

// holds reports whether a single value has the field's type.
func (f field) holds(v any) bool {
	text, isText := v.(string)
	_, isBool := v.(bool)
	switch f.of {
	case "anything":
		return true
	case "string":
		return isText
	case "bool":
		return isBool
	case "number":
		return !isText && !isBool
	case "number or string":
		return !isBool
	case "quantity":
		return !isBool && (!isText || quantity.MatchString(text) || strings.HasPrefix(text, "{"))
	}
	return false
}

// String is what a field holds, in words.
func (f field) String() string {
	switch {
	case f.list:
		return "a list"
	case f.dict:
		return "a map"
	case f.of == "string":
		return "a text"
	case f.of == "bool":
		return "true or false"
	case f.of == "number":
		return "a number"
	case f.of == "quantity":
		return "an amount such as 500m or 8Gi"
	}
	return "a " + f.of
}
