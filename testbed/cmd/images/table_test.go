package main

import (
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func names(t *testing.T, version string) []string {
	t.Helper()
	all, err := of(version, full)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range all {
		out = append(out, i.name)
	}
	return out
}

func TestImagesOfARelease(t *testing.T) {
	now, then := names(t, "7.5.4453"), names(t, "5.3.9104")
	for name, want := range map[string][2]bool{ // in 7.5.4453, in 5.3.9104
		"frontend": {true, true}, "postgresql-16": {true, false}, "postgres-12-alpine": {false, true}, "symbols": {false, true},
		"syntactic-code-intel-worker": {true, false}, "opentelemetry-collector": {true, true},
	} {
		if got := [2]bool{slices.Contains(now, name), slices.Contains(then, name)}; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// Before 5.4 Caddy had tags of its own, which do not differ between releases.
func TestTagOfCaddy(t *testing.T) {
	for version, want := range map[string]string{"5.0.0": "r/sourcegraph/caddy:2.5.2-alpine", "5.3.9104": "r/sourcegraph/caddy:2.7.6-alpine", "5.4.0": "r/sourcegraph/caddy:5.4.0"} {
		all, err := of(version, full)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			if i.name == "caddy" && i.reference("r/sourcegraph", version) != want {
				t.Errorf("%s has %s, want %s", version, i.reference("r/sourcegraph", version), want)
			}
		}
	}
}

// Two versions of one image have two digests: a test of an upgrade has to see a change.
func TestVersionsDiffer(t *testing.T) {
	base, err := mutate.Config(empty.Image, v1.Config{Env: []string{"PATH=/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range table {
		a, err := i.on(base, "7.4.0", "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := i.on(base, "7.5.4453", "")
		if err != nil {
			t.Fatal(err)
		}
		x, errX := a.Digest()
		y, errY := b.Digest()
		if errX != nil || errY != nil || x == y {
			t.Errorf("%s: both versions are %s", i.name, x)
		}
	}
}

// Each kind has the same images, so that a deployment can't tell them apart by name.
func TestKindsHaveTheSameImages(t *testing.T) {
	for _, version := range []string{"5.0.0", "5.9.1590", "7.5.4453"} {
		want, err := of(version, full)
		if err != nil {
			t.Fatal(err)
		}
		want = slices.DeleteFunc(want, func(i image) bool { return i.beside })
		for kind := range kinds {
			got, err := of(version, kind)
			if err != nil {
				t.Fatal(err)
			}
			same := slices.EqualFunc(want, got, func(a, b image) bool {
				return a.reference("r", version) == b.reference("r", version) && a.user == b.user
			})
			if !same {
				t.Errorf("%s, %s: the images differ in name or user", version, kind)
			}
		}
	}
}
