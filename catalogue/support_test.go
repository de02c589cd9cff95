package catalogue

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSupportRecord: every statement has a source and a day, ranges can be read, each subject has an answer for every release and version, and no
// two subjects have the same word.
func TestSupportRecord(t *testing.T) {
	r := Embedded().SupportRecord()
	tests := e2eTests(t)
	owners := map[string]string{}
	ids := map[string]bool{}
	for _, s := range r.Subjects {
		ids[s.ID] = true
	}
	statuses := []SupportStatus{Supported, Guidance, Deprecated, Exception, Unsupported, Unknown}
	for _, s := range r.Subjects {
		for _, w := range s.Words {
			if owner := owners[w]; owner != "" {
				t.Errorf("%q is a word of %s and of %s", w, owner, s.ID)
			}
			owners[w] = s.ID
			if w != strings.ToLower(w) || slices.Contains(r.Fillers, w) {
				t.Errorf("%s: the word %q is not in lower case, or says nothing", s.ID, w)
			}
		}
		for _, also := range append(slices.Clone(s.Also), s.VersionOf) {
			if also != "" && !ids[also] {
				t.Errorf("%s names %s, which is no subject", s.ID, also)
			}
		}
		lives(t, s, r.Subjects, tests)
		if len(s.Statements) == 0 {
			continue
		}
		if last := s.Statements[len(s.Statements)-1]; s.Life == nil && (last.Versions != "" && s.Takes != "" || last.Releases != "" && !strings.HasPrefix(last.Releases, "<")) {
			t.Errorf("%s: the last statement is for some only", s.ID)
		}
		for _, st := range s.Statements {
			if !slices.Contains(statuses, st.Status) || st.Says == "" || !strings.HasPrefix(st.Source, "https://") {
				t.Errorf("%s: %+v", s.ID, st)
			}
			if _, err := time.Parse(time.DateOnly, st.Read); err != nil {
				t.Errorf("%s: %v", s.ID, err)
			}
			for _, bounds := range []string{st.Releases, st.Versions} {
				if _, err := Within("7.5", bounds); err != nil {
					t.Errorf("%s: %v", s.ID, err)
				}
			}
			if st.Evidence != "" && !slices.Contains(tests, st.Evidence) {
				t.Errorf("%s: %s is no test on a real engine", s.ID, st.Evidence)
			}
		}
	}
}

// lives: each deployment option, and nothing else, has a life; its days are in order and true to the catalogue's; and what ends leads to one that is supported.
func lives(t *testing.T, s SupportSubject, all []SupportSubject, tests []string) {
	t.Helper()
	if (s.Is == "option") != (len(s.Life) > 0) {
		t.Errorf("%s: an option has a life, and nothing else has", s.ID)
	}
	for _, wrong := range s.Life.Wrong() {
		t.Errorf("%s: %s", s.ID, wrong)
	}
	for _, st := range s.Life {
		if st.Says == "" || !strings.HasPrefix(st.Source, "https://") || st.Read == "" || st.Dated != "" && !strings.HasPrefix(st.Dated, "https://") || st.Evidence != "" && !slices.Contains(tests, st.Evidence) {
			t.Errorf("%s: %+v", s.ID, st)
		}
		if first := firstOf(st.Release); first != "" && st.On != first {
			t.Errorf("%s: %s began on %s, and the record says %s", s.ID, st.Release, first, st.On)
		}
		if st.Stage.Ends() && (s.WayOff == nil || s.WayOff.Says == "" || s.WayOff.Command == "" ||
			!slices.ContainsFunc(all, func(o SupportSubject) bool {
				return o.ID == s.WayOff.To && len(o.Life) > 0 && o.Life[len(o.Life)-1].Stage == InSupport
			})) {
			t.Errorf("%s ends, and its way off leads nowhere: %+v", s.ID, s.WayOff)
		}
	}
}

// firstOf is the day on which a minor release first came out, as the catalogue has it.
func firstOf(minor string) (first string) {
	for _, v := range Embedded().Versions("") {
		if Minor(v.Version) == minor {
			for _, day := range v.Dates {
				if first == "" || day < first {
					first = day
				}
			}
		}
	}
	return first
}

// TestLifeAt: a stage begins on its day, or with its release whatever the day is.
func TestLifeAt(t *testing.T) {
	l := Life{{Stage: InBeta, On: "2026-03"}, {Stage: InSupport, On: "2026-06-01"}, {Stage: EndOfLife, On: "2027-01-01", Release: "8.0"}}
	for at, want := range map[[2]string]LifeStage{{"7.5.4453", "2026-02-28"}: "", {"7.5.4453", "2026-03-01"}: InBeta, {"7.5.4453", "2026-06-01"}: InSupport, {"7.5.4453", "2028-01-01"}: InSupport, {"8.0.1", "2026-12-01"}: EndOfLife} {
		got := LifeStage("")
		if s := l.At(at[0], at[1]); s != nil {
			got = s.Stage
		}
		if got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
	if wrong := l.Wrong(); len(wrong) > 0 {
		t.Error(wrong)
	}
	bad := Life{{Stage: InSupport, On: "2026-06-01"}, {Stage: InBeta, On: "2026-03"}, {Stage: "gone", On: "soon"}, {Stage: EndOfLife}}
	want := []string{"beta comes after supported", "2026-03 is before 2026-06-01", `"gone" is no stage`, `"soon" is not a day`, "the end of life has no day and no release"}
	if got := bad.Wrong(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestStatementsAge says which statements are older than a year, so that somebody reads their sources again. It fails after two.
func TestStatementsAge(t *testing.T) {
	old, veryOld := aged(t, Embedded().SupportRecord(), time.Now())
	for _, line := range old {
		t.Log(line + ", more than a year ago")
	}
	for _, line := range veryOld {
		t.Error(line + "; read it again")
	}
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	r, err := ParseSupportRecord([]byte(`docs: https://example.com
read: "2026-08-21"
subjects:
- {id: a, statements: [{source: a}, {source: b, read: "2026-11-29"}]}
- {id: c, life: [{stage: supported, source: c}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for on, want := range map[string][2]int{"2027-08-21": {0, 0}, "2027-08-22": {2, 0}, "2027-11-30": {3, 0}, "2028-08-21": {1, 2}} {
		if old, veryOld := aged(t, r, day(on)); len(old) != want[0] || len(veryOld) != want[1] {
			t.Errorf("%s: %q and %q", on, old, veryOld)
		}
	}
}

// aged are the statements and stages whose source was read more than a year ago, and more than two.
func aged(t *testing.T, r *SupportRecord, now time.Time) (old, veryOld []string) {
	t.Helper()
	const year = 365 * 24 * time.Hour
	add := func(id, source, day string) {
		read, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		line := fmt.Sprintf("%s: %s was read on %s", id, source, day)
		switch age := now.Sub(read); {
		case age > 2*year:
			veryOld = append(veryOld, line)
		case age > year:
			old = append(old, line)
		}
	}
	for _, s := range r.Subjects {
		for _, st := range s.Statements {
			add(s.ID, st.Source, st.Read)
		}
		for _, st := range s.Life {
			add(s.ID, st.Source, st.Read)
		}
	}
	return old, veryOld
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		version, bounds string
		want            bool
	}{
		{"16", ">=16", true}, {"16.2", ">=16", true}, {"15", ">=16", false}, {"15.9", "<16", true}, {"14", ">=14.0 <14.4", false}, {"14.1", ">=14.0 <14.4", true},
		{"14.4", ">=14.0 <14.4", false}, {"7.5.4453", ">=7.1", true}, {"7.0.2852", "<7.1", true}, {"6.0", ">=6.0 <7.0", true}, {"7.0", ">=6.0 <7.0", false},
		{"1.29", "<1.29", false}, {"1.28.9", "<1.29", true}, {"2", ">=1.29 <2", false}, {"5.12", "<5.10", false}, {"anything", "", true}, {"2.24", ">=1.29 <2", false},
	} {
		got, err := Within(c.version, c.bounds)
		if err != nil || got != c.want {
			t.Errorf("%s within %q: %v, %v", c.version, c.bounds, got, err)
		}
	}
	for _, c := range [][2]string{{"x", ">=1"}, {"1", "~>1"}, {"1", ">=x"}} {
		if _, err := Within(c[0], c[1]); err == nil {
			t.Errorf("%v: no error", c)
		}
	}
}

// e2eTests are the names of the tests on real engines and clusters.
func e2eTests(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../e2e/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("the tests of e2e: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	return names
}
