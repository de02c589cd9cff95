package catalogue

import (
	"slices"
	"strings"
	"testing"
)

// TestState: every entry says what a restore without it loses, and where that is known from; every service that keeps something has one.
func TestState(t *testing.T) {
	state := Embedded().State()
	for name, s := range state.Stores {
		if !slices.Contains([]Carry{CarryMust, CarryShould, CarryChoice, CarryRebuilt}, s.Carry) || s.Lost == "" || s.Source == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for name, info := range Embedded().Describe() {
		if info.Keeps != "" && state.Stores[name].Carry == "" {
			t.Errorf("%s keeps %s, and nothing says whether a backup takes it", name, info.Keeps)
		}
	}
	for _, table := range state.Compared.Tables {
		if database, _, ok := strings.Cut(table, "."); !ok || state.Stores[database].Carry == "" {
			t.Errorf("%s is no table of a database", table)
		}
	}
}
