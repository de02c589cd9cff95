package contract

import (
	"slices"
	"testing"

	"berth/testbed/internal/release"
)

// Every promise has a source that is listed, every service is waited for by name, and every form is one that can be checked.
func TestContractIsSound(t *testing.T) {
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	known := func(where, source string) {
		if source != "" && c.Sources[source] == "" {
			t.Errorf("%s: there is no source %q", where, source)
		}
	}
	for kind, s := range c.Kinds {
		known(kind, s)
	}
	names := []string{}
	for _, s := range c.Services {
		for _, a := range s.After {
			if !slices.Contains(names, a) {
				t.Errorf("%s comes after %s, which is not before it in the list", s.Name, a)
			}
		}
		names = append(names, s.Name)
		for kind, source := range s.Sources {
			known(s.Name, source)
			if c.Kinds[kind] == "" {
				t.Errorf("%s: there is no kind %q", s.Name, kind)
			}
		}
		for _, v := range s.ImageEnv {
			known(s.Name, v.Source)
		}
		for _, n := range s.Needs {
			if forms[n.Form] == nil {
				t.Errorf("%s: there is no form %q", s.Name, n.Form)
			}
		}
		for _, v := range []string{"5.0", "5.11", "6.3", "7.5"} {
			at := release.Must(v)
			if _, ok := s.Image(at); s.Has(at) && !ok {
				t.Errorf("%s has no image at %s", s.Name, v)
			}
		}
	}
	for _, r := range c.Refusals {
		known(r.Name, r.Source)
		if !slices.Contains(names, r.Service) || r.Says == "" || r.Source == "" {
			t.Errorf("%s: service, words or source are missing", r.Name)
		}
		if len(r.SQL) > 0 && len(r.Undo) == 0 {
			t.Errorf("%s: nothing undoes its SQL", r.Name)
		}
	}
}
