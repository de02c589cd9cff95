package catalogue

import (
	"strings"
	"testing"
)

// TestKnownIssues: each issue can be read by whoever meets it, and names no release that does not exist.
func TestKnownIssues(t *testing.T) {
	seen := map[string]bool{}
	k := Embedded().KnownIssues()
	if k.Read == "" || len(k.Issues) == 0 {
		t.Fatalf("%+v", k)
	}
	for _, i := range k.Issues {
		if i.ID == "" || seen[i.ID] || i.Title == "" || i.Says == "" || i.Do == "" || !strings.Contains(i.Source, "://") {
			t.Errorf("%+v", i)
		}
		seen[i.ID] = true
		met := false
		for _, v := range Embedded().Versions(i.When.Target) {
			met = met || within(v.Version, i.Releases)
		}
		if !met {
			t.Errorf("%s: berth knows no release within %s", i.ID, i.Releases)
		}
	}
}

// TestMeets: all conditions have to hold, and what is not known or not understood does not.
func TestMeets(t *testing.T) {
	k, err := ParseKnownIssues([]byte(`read: "2026-01-02"
issues:
- {id: one, releases: ">=7.0 <7.5", from: "<7.0", when: {target: compose, database: external, postgres: "<16", keys: ["services.*.env.X"], without: [objectStorage], gib: 100}}
- {id: later, releases: ">=7.0", when: {moon: full}}
- {id: all, releases: ">=7.0"}
`))
	if err != nil {
		t.Fatal(err)
	}
	fits := func(change func(*Circumstances)) (ids string) {
		keys := []string{"services.*.env.X"}
		c := Circumstances{Release: "7.4.0", From: "6.12.5040", Target: Compose, External: true, Bundled: true, Postgres: []int{16, 14}, Bytes: 200 << 30,
			Has: func(key string) bool { return strings.Contains(strings.Join(keys, " "), key) }}
		change(&c)
		for _, i := range k.Issues {
			if i.Meets(c) {
				ids += i.ID + " "
			}
		}
		return ids
	}
	if got := fits(func(*Circumstances) {}); got != "one all " {
		t.Fatalf("met: %s", got)
	}
	for name, change := range map[string]func(*Circumstances){
		"another release":   func(c *Circumstances) { c.Release = "7.5.4453" },
		"from another":      func(c *Circumstances) { c.From = "7.0.2852" },
		"no upgrade":        func(c *Circumstances) { c.From = "" },
		"another target":    func(c *Circumstances) { c.Target = Kubernetes },
		"bundled databases": func(c *Circumstances) { c.External = false },
		"a newer Postgres":  func(c *Circumstances) { c.Postgres = []int{16} },
		"nobody knows":      func(c *Circumstances) { c.Postgres = nil },
		"small databases":   func(c *Circumstances) { c.Bytes = 99 << 30 },
		"a key is not set":  func(c *Circumstances) { c.Has = func(string) bool { return false } },
		"a key is set":      func(c *Circumstances) { c.Has = func(string) bool { return true } },
	} {
		if got := fits(change); got != "all " {
			t.Errorf("%s: met: %s", name, got)
		}
	}
	for _, wrong := range []string{"issues: [{id: x, releases: newest}]", "issues: [{id: x, releases: '>=7.0', when: {log: '('}}]", "issues: {}"} {
		if _, err := ParseKnownIssues([]byte(wrong)); err == nil {
			t.Errorf("%s was accepted", wrong)
		}
	}
}
