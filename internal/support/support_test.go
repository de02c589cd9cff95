package support

import (
	"os"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
)

// reader answers from the catalogue's record, as if 7.5 was the newest release.
func reader() *Reader {
	var minors []string
	for _, v := range catalogue.Embedded().Versions("") {
		minors = append(minors, catalogue.Minor(v.Version))
	}
	return New(catalogue.Embedded().SupportRecord(), catalogue.Embedded().Sizing(), "7.5.4453", minors, "2026-11-29")
}

// TestQuestions: of the questions whose right answers are written down, at least 95 % are answered right, and none is answered wrong as if it was
// known: with yes or no, and every word understood.
func TestQuestions(t *testing.T) {
	text, err := os.ReadFile("testdata/questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	verdictOf := map[string]Verdict{"Y": Yes, "G": WithGuidance, "D": OnTheWayOut, "E": NeedsOne, "N": No, "?": NobodyKnows, "P": InPart}
	r, all, right := reader(), 0, 0
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		head, question, _ := strings.Cut(line, " | ")
		want := strings.Fields(head)
		all++
		a := r.Ask(question, "")
		var got []string
		for _, f := range a.Findings {
			got = append(got, f.Subject)
		}
		named := !slices.ContainsFunc(want[1:], func(subject string) bool { return !slices.Contains(got, subject) })
		if a.Verdict == verdictOf[want[0]] && named {
			right++
			continue
		}
		t.Logf("%s: %s by %v (not understood: %v), want %s", question, a.Verdict, got, a.Ignored, head)
		if (a.Verdict == Yes || a.Verdict == WithGuidance || a.Verdict == No) && len(a.Ignored) == 0 {
			t.Errorf("%s: %s is wrong, and said with confidence", question, a.Verdict)
		}
	}
	t.Logf("%d of %d questions are answered right", right, all)
	if all < 200 || right*100 < all*95 {
		t.Errorf("%d of %d questions are answered right, want 95 %%", right, all)
	}
}

// TestReleases: the release of a question wins over the one that it is asked for, and the newest is assumed where none is named.
func TestReleases(t *testing.T) {
	r := reader()
	for _, c := range []struct {
		question, release, want string
		assumed                 bool
	}{{"postgres 12", "", "7.5.4453", true}, {"postgres 12", "5.9.0", "5.9.0", false}, {"postgres 12 on 6.0", "5.9.0", "6.0", false}, {"Sourcegraph 7.0.2852 with redis", "", "7.0.2852", false}} {
		if a := r.Ask(c.question, c.release); a.Release != c.want || a.Assumed != c.assumed {
			t.Errorf("%s: answered for %s (%v)", c.question, a.Release, a.Assumed)
		}
	}
}

// TestReleaseItself: that a release gets no support any more is said beside what was asked about it; a record that has nothing about releases says nothing.
func TestReleaseItself(t *testing.T) {
	if a := reader().Ask("postgres 12 on 5.9", ""); a.Verdict != Yes || !strings.HasPrefix(a.ReleaseSays, "Sourcegraph 5.9 itself: unsupported") {
		t.Errorf("%s, %q", a.Verdict, a.ReleaseSays)
	}
	if a := reader().Ask("postgres 16 on 7.5", ""); a.ReleaseSays != "" {
		t.Error(a.ReleaseSays)
	}
	r := New(&catalogue.SupportRecord{}, catalogue.Embedded().Sizing(), "7.5.4453", []string{"5.9"}, "2026-11-29")
	if a := r.Ask("redis on 5.9", ""); a.ReleaseSays != "" {
		t.Error(a.ReleaseSays)
	}
}

// TestDifference: what changes from release to release follows from the record.
func TestDifference(t *testing.T) {
	var got []string
	for _, c := range reader().Difference("5.11.0", "7.5.4453") {
		got = append(got, c.Before.Subject+" "+c.Before.Version+" "+string(c.Before.Status)+" -> "+string(c.After.Status))
	}
	for _, want := range []string{"postgres 12 supported -> unsupported", "machine-images  deprecated -> unsupported", "sbom  supported -> unsupported"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if same := reader().Difference("7.4.0", "7.5.4453"); len(same) != 0 {
		t.Errorf("7.4 and 7.5 differ: %v", same)
	}
}

// FuzzAsk: nothing that people write breaks it, and words are either understood or said not to be.
func FuzzAsk(f *testing.F) {
	f.Add("postgres 15 external on 7.4")
	f.Add("")
	r := reader()
	f.Fuzz(func(t *testing.T, question string) {
		a := r.Ask(question, "")
		if a.Verdict == Yes && len(a.Ignored) > 0 {
			t.Errorf("%q: yes, although %q was not understood", question, a.Ignored)
		}
	})
}
