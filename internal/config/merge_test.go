package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestMergeKeys: a merge key brings what the map has not, those of the first map of a list first, and each value has the place of its own line.
func TestMergeKeys(t *testing.T) {
	doc, problems := Load("sourcegraph.yaml", []byte(`target: compose
url: http://localhost
x-mine:
  small: &small {cpu: 1, memory: 2Gi}
  big: &big {<<: *small, memory: 16Gi, env: {A: b}}
services:
  gitserver: {<<: *big, replicas: 2}
  searcher: {cpu: 3, <<: [*small, *big]}
patches:
- service: worker
  compose: {environment: {<<: {B: c}, D: e}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	git, searcher := doc.Config.Services["gitserver"], doc.Config.Services["searcher"]
	got := fmt.Sprintln(git.CPU, git.Memory, *git.Replicas, git.Env["A"].Text, searcher.CPU, searcher.Memory, searcher.Env["A"].Text, doc.Config.Patches[0].Compose)
	if want := "1 16Gi 2 b 3 2Gi b map[environment:map[B:c D:e]]\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if line := doc.At("services.gitserver.memory").Line; line != 5 {
		t.Errorf("the memory of gitserver is on line %d", line)
	}
}

// TestMergeKeysEnd: maps that merge themselves, and maps of maps of maps, end with a problem.
func TestMergeKeysEnd(t *testing.T) {
	many := "x-a: &a0 {k: v}\n"
	for i := range 12 {
		many += fmt.Sprintf("x-a%d: &a%d {<<: [%s]}\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 12), ", "))
	}
	for _, text := range []string{"services: &all {<<: *all}\n", many + "services: {<<: *a12}\n"} {
		if _, problems := Load("sourcegraph.yaml", []byte("target: compose\nurl: http://localhost\n"+text)); len(problems) == 0 || problems[0].Code != "BERTH1114" {
			t.Errorf("%s: %v", text, problems)
		}
	}
}
