package config

import "testing"

func TestHeld(t *testing.T) {
	for text, want := range map[string]bool{
		"on: kubernetes": true,
		"on: kubernetes\nupgrades: {automatic: patch}": true,
		"on: kubernetes\nupgrades: {hold: true}":       true,
		"on: kubernetes\nupgrades: {hold: false}":      false,
		"on: kubernetes\nkubernetes: {namespace: x}":   true,
		"on: kubernetes\nkubernetes: {mesh: istio}":    false,
		"on: compose": false,
		"on: compose\nupgrades: {window: daily 02:00-05:00}": false,
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
