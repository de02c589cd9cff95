package catalogue

import (
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
		if last := s.Statements[len(s.Statements)-1]; last.Versions != "" && s.Takes != "" || last.Releases != "" && !strings.HasPrefix(last.Releases, "<") {
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

// TestStatementsAge says which statements are older than a year, so that somebody reads their sources again. It fails after two.
func TestStatementsAge(t *testing.T) {
	for _, s := range Embedded().SupportRecord().Subjects {
		for _, st := range s.Statements {
			read, err := time.Parse(time.DateOnly, st.Read)
			if err != nil {
				t.Fatal(err)
			}
			switch age := time.Since(read); {
			case age > 2*365*24*time.Hour:
				t.Errorf("%s: %s was read on %s; read it again", s.ID, st.Source, st.Read)
			case age > 365*24*time.Hour:
				t.Logf("%s: %s was read on %s, more than a year ago", s.ID, st.Source, st.Read)
			}
		}
	}
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
