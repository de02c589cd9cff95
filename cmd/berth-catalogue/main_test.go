package main

import (
	"strings"
	"testing"
)

// TestVerifyNeedsBothRepositories: without the two repositories nothing is compared, so nothing may look proven.
func TestVerifyNeedsBothRepositories(t *testing.T) {
	for _, args := range [][]string{{"verify"}, {"import"}, {"verify", "--compose", t.TempDir()}, {"verify", "--compose", t.TempDir(), "--helm", t.TempDir()}} {
		root := newRoot()
		var out strings.Builder
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err == nil {
			t.Errorf("berth-catalogue %v ended well and printed %q", args, out.String())
		}
	}
}
