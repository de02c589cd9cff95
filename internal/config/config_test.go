package config

import "testing"

func TestHeld(t *testing.T) {
	for text, want := range map[string]bool{
		"target: kubernetes": true,
		"target: kubernetes\nupgrades: {automatic: patch}": true,
		"target: kubernetes\nupgrades: {hold: true}":       true,
		"target: kubernetes\nupgrades: {hold: false}":      false,
		"target: kubernetes\nkubernetes: {namespace: x}":   true,
		"target: kubernetes\nkubernetes: {mesh: istio}":    false,
		"target: compose": true,
		"target: compose\nupgrades: {window: daily 02:00-05:00}": true,
		"target: compose\nupgrades: {hold: false}":               false,
	} {
		doc, problems := Load("sourcegraph.yaml", []byte(text+"\nurl: http://localhost\n"))
		if problems.Failed() {
			t.Fatal(problems)
		}
		if got := doc.Config.HoldsRequests(); got != want {
			t.Errorf("%q: requests wait: %v", text, got)
		}
	}
}
