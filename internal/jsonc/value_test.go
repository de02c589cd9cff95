package jsonc

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAdd(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{}`, `{"externalURL":<0>,"experimentalFeatures":{"tls.external":{"certificates":[<1>]},"x":<2>}}`},
		{"{\n  // theirs\n  \"a\": 1, /* }*/\n}\n", "{\n  // theirs\n  \"a\": 1, /* }*/\n\"externalURL\":<0>,\"experimentalFeatures\":{\"tls.external\":{\"certificates\":[<1>]},\"x\":<2>}}\n"},
		{`{"experimentalFeatures": {"rateLimitAnonymous": 500}}`,
			`{"experimentalFeatures": {"rateLimitAnonymous": 500,"tls.external":{"certificates":[<1>]},"x":<2>},"externalURL":<0>}`},
		{`{"experimentalFeatures": {"tls.external": {"certificates": ["}"]}}}`,
			`{"experimentalFeatures": {"tls.external": {"certificates": ["}",<1>]},"x":<2>},"externalURL":<0>}`},
		{`{"experimentalFeatures": {"tls.external": {"certificates": [ ], "insecureSkipVerify": false,}}}`,
			`{"experimentalFeatures": {"tls.external": {"certificates": [ <1>], "insecureSkipVerify": false,},"x":<2>},"externalURL":<0>}`},
	} {
		v, ok := Parse([]byte(c.text))
		if !ok {
			t.Fatalf("%s: not read", c.text)
		}
		pieces, clash := v.Add([]Addition{{Path: []string{"externalURL"}}, {Path: []string{"experimentalFeatures", "tls.external", "certificates"}, Item: true},
			{Path: []string{"experimentalFeatures", "x"}}})
		if got := written(c.text, pieces, []string{"<0>", "<1>", "<2>"}); got != c.want || clash >= 0 {
			t.Errorf("%s:\ngot  %s\nwant %s, clash %d", c.text, got, c.want, clash)
		}
	}
}

func written(text string, pieces []Piece, values []string) string {
	var b strings.Builder
	at := 0
	for _, p := range pieces {
		b.WriteString(text[at:p.Offset] + p.Text)
		if p.Addition >= 0 {
			b.WriteString(values[p.Addition])
		}
		at = p.Offset
	}
	return b.String() + text[at:]
}

func TestAddClashes(t *testing.T) {
	for text, path := range map[string][]string{`{"a": 1}`: {"a"}, `{"a": 2}`: {"a", "b"}, `[]`: {"a"}, `{"a": {"b": {}}}`: {"a", "b"}} {
		v, _ := Parse([]byte(text))
		if pieces, clash := v.Add([]Addition{{Path: path}}); clash != 0 || len(pieces) > 0 {
			t.Errorf("%s: clash %d, %v", text, clash, pieces)
		}
	}
}

// TestAddKeepsTheRest: with any additions to any object, the text has the additions and all that it had.
func TestAddKeepsTheRest(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "c.d", "e\"f"})
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return rapid.SampledFrom([]any{1.5, "x,}]", true, nil, "// no comment"})
		}
		return rapid.OneOf(value(0), rapid.Map(rapid.MapOfN(names, value(depth-1), 0, 3), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(value(depth-1), 0, 2), func(l []any) any { return l }))
	}
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.MapOfN(names, value(2), 0, 4).Draw(t, "before")
		text, _ := json.MarshalIndent(before, "", " ")
		if rapid.Bool().Draw(t, "comments") {
			text = []byte(strings.ReplaceAll(string(text), "\n}", ", // }\n}"))
			if len(before) == 0 {
				text = []byte("{/* { */}")
			}
		}
		v, ok := Parse(text)
		if !ok || !reflect.DeepEqual(v.Any, any(before)) && len(before) > 0 {
			t.Fatalf("%s: read as %v", text, v.Any)
		}
		path := rapid.SliceOfN(names, 1, 3).Draw(t, "path")
		pieces, clash := v.Add([]Addition{{Path: path}})
		if clash >= 0 {
			return
		}
		after, ok := Parse([]byte(written(string(text), pieces, []string{`"new"`})))
		if !ok {
			t.Fatalf("%s with %v is no JSON", text, path)
		}
		if got := after.At(path...); got == nil || got.Any != "new" {
			t.Fatalf("%s with %v: %v", text, path, after.Any)
		}
		delete(parent(after.Any, path[:len(path)-1]), path[len(path)-1])
		for i := len(path) - 1; i > 0; i-- { // what was made on the way
			if v.At(path[:i]...) == nil {
				delete(parent(after.Any, path[:i-1]), path[i-1])
			}
		}
		if len(before) > 0 && !reflect.DeepEqual(after.Any, any(before)) {
			t.Fatalf("%s with %v: %v", text, path, after.Any)
		}
	})
}

func parent(v any, path []string) map[string]any {
	m := v.(map[string]any)
	for _, name := range path {
		m = m[name].(map[string]any)
	}
	return m
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": "// no comment, /* none */", /* one */ "b": [1, 2,], } // end`: "",
		`{"a": "\"//", }`: "",
		`{"a": 1 /* open`: "8 the comment is not closed",
		`{"a": }`:         "6 unexpected '}' looking for beginning of value",
		`{"a": 1`:         "6 the text ends too early",
		`{"a": "open`:     "10 the text ends too early",
	} {
		offset, problem := Check([]byte(text))
		got := ""
		if problem != "" {
			got = strconv.Itoa(offset) + " " + problem
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
