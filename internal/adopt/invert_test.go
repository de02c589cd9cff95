package adopt

import (
	"strings"
	"testing"

	"berth/internal/diag"
)

// TestInvert: a config of numbers, of which the renderer doubles one, refuses one, and has no way to say another.
func TestInvert(t *testing.T) {
	theirs := Objects{"box": {"double": "4", "plain": "p", "refused": "r", "unsaid": "u"}, "other": {"x": "1"}}
	render := func(text []byte, _ map[string][]byte, _ map[string]string) (Rendering, diag.List) {
		value := func(key string) any {
			_, rest, found := strings.Cut(string(text), "\n"+key+": ")
			if !found {
				return nil
			}
			line, _, _ := strings.Cut(rest, "\n")
			return strings.Trim(line, `"`)
		}
		line := func(key string) diag.Range {
			before, _, found := strings.Cut(string(text), "\n"+key+":")
			if !found {
				return diag.Range{}
			}
			return diag.Range{Line: strings.Count(before, "\n") + 2}
		}
		out := Rendering{At: line, Objects: Objects{"box": {"plain": value("plain")}}}
		if v := value("half"); v != nil {
			out.Objects["box"]["double"] = map[any]any{"2": "4"}[v]
		}
		if value("refused") != nil {
			return out, diag.List{{Severity: diag.Error, Summary: "no such thing", Range: line("refused")}}
		}
		return out, nil
	}
	set := func(name, key string, value any) Rule {
		return Rule{Name: name, Answer: func(d Difference, _ *Situation) *Answer {
			if strings.Join(d.Path, ".") != name {
				return nil
			}
			return &Answer{Fate: Key, Edits: []Edit{{Path: []string{key}, Value: value}}}
		}}
	}
	alone := Rule{Answer: func(d Difference, _ *Situation) *Answer {
		if len(d.Path) > 0 || d.Object != "other" {
			return nil
		}
		return &Answer{Fate: Alone, Whole: true}
	}}
	out, problems := Invert(Input{Theirs: theirs, Draft: &Draft{}, Render: render,
		Rules: []Rule{alone, set("double", "half", "9"), set("double", "half", "2"), set("plain", "plain", "p"), set("refused", "refused", "r")}})
	if problems.Failed() {
		t.Fatal(problems)
	}
	if out.Draft.Value("half") != "2" || out.Draft.Value("plain") != "p" || out.Draft.Value("refused") != nil {
		t.Errorf("the config is\n%s", out.Draft.Text(""))
	}
	want := map[string]Fate{"box double": Key, "box plain": Key, "box refused": Lost, "box unsaid": Lost, "other ": Alone}
	for _, i := range out.Items {
		if i.Fate != want[i.Object+" "+i.Path] {
			t.Errorf("%s %s: %s", i.Object, i.Path, i.Fate)
		}
		if i.Path == "refused" && i.Why != "no such thing" {
			t.Errorf("the reason is %q", i.Why)
		}
		delete(want, i.Object+" "+i.Path)
	}
	if len(want) > 0 {
		t.Errorf("the report is silent about %v", want)
	}
}
