package proposal

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/size"
	"berth/internal/support"
)

// proposed is the proposal for a list.
func proposed(t testing.TB, name, list string) *Proposal {
	t.Helper()
	c := catalogue.Embedded()
	const release = "7.5.4453"
	var minors []string
	for _, v := range c.Versions("") {
		minors = append(minors, catalogue.Minor(v.Version))
	}
	answers := support.New(c.SupportRecord(), c.Sizing(), release, minors, "2026-11-29").Lines(list, release)
	p, err := Of(Input{Name: name, Answers: answers, Tables: size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}, Read: c.SupportRecord().Read, Berth: "test",
		Releases: func(on catalogue.Target) (*catalogue.Release, error) { return c.Release(release, on) }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var update = flag.Bool("update", false, "rewrite golden files")

// TestAnswers: each line of the lists is answered as somebody judged it to be right, in less than a second for all of them.
func TestAnswers(t *testing.T) {
	lists, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(lists) != 10 {
		t.Fatalf("%d lists: %v", len(lists), err)
	}
	var b strings.Builder
	b.WriteString("# What the record answers to each line of the lists: the verdict, the subjects, and what it does not understand. Each line was judged by hand.\n")
	began := time.Now()
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n## %s\n", filepath.Base(list))
		for _, a := range proposed(t, filepath.Base(list), string(text)).in.Answers {
			var subjects []string
			for _, f := range a.Findings {
				subjects = append(subjects, strings.TrimSpace(f.Subject+" "+f.Version))
			}
			fmt.Fprintf(&b, "%s\n    %s: %s", a.Question, a.Verdict, strings.Join(subjects, ", "))
			if len(a.Ignored) > 0 {
				fmt.Fprintf(&b, " (not understood: %s)", strings.Join(a.Ignored, ", "))
			}
			b.WriteString("\n")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ten lists took %s", took)
	}
	const golden = "testdata/answers.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("answers changed; judge each, then: go test ./internal/proposal -update\n%s", diff)
	}
}

// TestLists: what each list asks for is in its config or among its open points.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		list    string
		target  catalogue.Target
		load    size.Load // 0: not looked at
		config  []string
		open    []string
		without []string // of the config
	}{
		{"01-bank", catalogue.Kubernetes, size.Load{People: 3500, Repositories: 42000, Total: 900, LargestRepository: 18},
			[]string{"openshift: true", "clusterScoped: false", "name: gold-block", "window: 'Sat 22:00-04:00 UTC'", "sslmode: verify-full", "registry:"}, []string{"below 16", "Sentinel", "time zone", "identity provider"}, []string{"redis:", "pgsql: {memory"}},
		{"02-startup", catalogue.Compose, size.Load{People: 60, Repositories: 400}, []string{"letsEncrypt"}, []string{"mails of Let's Encrypt", "assumed"}, []string{"kubernetes:"}},
		{"03-games", catalogue.Kubernetes, size.Load{People: 5000, Repositories: 2000, LargestRepository: 700}, nil, []string{"amd64", "Executors"}, nil},
		{"04-agency", catalogue.Kubernetes, size.Load{People: 300, Repositories: 1500}, []string{"registry:"}, []string{"podman"}, nil},
		{"05-retail", catalogue.Kubernetes, size.Load{People: 2000}, []string{"backend: gcs", "class: nginx"}, []string{"Autopilot", "below 16"}, []string{"blobstore"}},
		{"06-telco", catalogue.Kubernetes, size.Load{People: 12000, Repositories: 180000, Total: 9000, LargestRepository: 60}, []string{"mesh: istio"}, nil, []string{"backend: s3", "networkPolicy"}},
		{"07-university", catalogue.Compose, size.Load{People: 9000, Repositories: 25000}, nil, []string{"32 cores and 128 GB", "licence key"}, nil},
		{"08-insurer", catalogue.Kubernetes, size.Load{}, []string{"auth: aws-iam", "auth: identity", "podSecurity: restricted", "REDIS_CACHE_URL"}, nil, []string{"blobstore"}},
		{"09-automotive", catalogue.Kubernetes, size.Load{People: 5500, Repositories: 60000, LargestRepository: 42}, []string{"proxy:"}, []string{"Executors"}, []string{"databases:"}},
		{"10-agency-small", catalogue.Compose, size.Load{}, []string{"backup:"}, nil, []string{"databases:"}},
	} {
		t.Run(c.list, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", c.list+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			p := proposed(t, c.list, string(text))
			l := p.Estimate.Load
			for _, n := range [][2]float64{{float64(c.load.People), float64(l.People)}, {float64(c.load.Repositories), float64(l.Repositories)}, {c.load.Total, l.Total}, {c.load.LargestRepository, l.LargestRepository}} {
				if n[0] > 0 && n[0] != n[1] {
					t.Errorf("the load has %g where the list says %g: %+v", n[1], n[0], l)
				}
			}
			if p.Target != c.target {
				t.Errorf("target %s: %s", p.Target, p.Why)
			}
			for _, word := range c.config {
				if !strings.Contains(string(p.Config), word) {
					t.Errorf("the config lacks %q", word)
				}
			}
			for _, word := range c.without {
				if strings.Contains(string(p.Config), word) {
					t.Errorf("the config has %q", word)
				}
			}
			for _, word := range c.open {
				if !slices.ContainsFunc(p.Open, func(o string) bool { return strings.Contains(o, word) }) {
					t.Errorf("%q is not open: %q", word, p.Open)
				}
			}
		})
	}
}

// TestExceptions: what an exception is needed for is named with the command that asks for it.
func TestExceptions(t *testing.T) {
	p := proposed(t, "old", "Docker Compose 1.29 on CentOS 7")
	if len(p.Needs) != 1 || !strings.Contains(p.Page(), "`berth exception new centos7 --subject centos7`") {
		t.Errorf("exceptions: %v", p.Needs)
	}
}

// TestRefused: what the config leaves out is said where exceptions are, with the command that asks for one; the check of the same list names it, too.
func TestRefused(t *testing.T) {
	p := proposed(t, "old", "Redis Sentinel\ntotal: 900 GB\nusers: 3500")
	page := p.Page()
	for _, said := range []string{"The config needs no exception, 1 thing that a line asks for is not supported", "The config leaves out what is not supported", "`berth exception new redis-cluster --subject redis-cluster`"} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q:\n%s", said, page)
		}
	}
	if l := p.Estimate.Load; l.Total != 900 {
		t.Errorf("the load is %+v", l)
	}
}

// TestHostileLines: nothing that people write makes another config than one that can be read, or a link on the page.
func TestHostileLines(t *testing.T) {
	for _, line := range []string{"RDS with IAM\u2028patches: x", "one machine\r size: huge", `storage class "a: b" encrypted on Kubernetes`, "change window Sat 22:00 to 04:00 | x",
		"S3 [here](javascript:x)", "9999999999999999999 users", "largest 1e9 GB", "largest 9,9.9 GB", "\xff\xfe Redis"} {
		p := proposed(t, "x", line)
		if _, problems := config.Load("sourcegraph.yaml", p.Config); problems.Failed() {
			t.Errorf("%q: %v\n%s", line, problems, p.Config)
		}
		if page, _, _ := strings.Cut(p.Page(), "\n## The config"); strings.Contains(page, "](javascript:") {
			t.Errorf("%q: a link on the page", line)
		}
	}
}
