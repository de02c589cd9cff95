package compose

import (
	"net"
	"strings"
	"testing"

	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
)

// good is a host on which nothing is in the way.
func good() Facts {
	return Facts{Engine: "28.2.2", Compose: "5.6.0", Architecture: "x86_64", CPUs: 16, Memory: 64 << 30, FreeDisk: 500 << 30, MapCount: 262144,
		Taken: func(string) (string, bool) { return "", false }}
}

func needs() Needs {
	return Needs{Ports: []string{"0.0.0.0:80:80", "0.0.0.0:443:443"}, Limits: []Limit{{Service: "gitserver", CPUs: 4, Memory: 8 << 30}, {Service: "pgsql", CPUs: 4, Memory: 4 << 30}}}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Facts, *Needs)
		want   []string // code, severity, and a piece of the summary or the hint
	}{
		{"nothing in the way", func(*Facts, *Needs) {}, nil},
		{"an old engine", func(f *Facts, _ *Needs) { f.Engine = "19.03.15" }, []string{"BERTH2105 error 19.03.15"}},
		{"the oldest engine that will do", func(f *Facts, _ *Needs) { f.Engine = "20.10.24+dfsg1" }, nil},
		{"an old Compose", func(f *Facts, _ *Needs) { f.Compose = "1.29.2" }, []string{"BERTH2106 error 1.29.2"}},
		{"a Compose without secrets from the environment", func(f *Facts, n *Needs) { f.Compose, n.SecretFiles = "2.20.0", true }, []string{"BERTH2106 error 2.23.1"}},
		{"the same without files of secrets", func(f *Facts, _ *Needs) { f.Compose = "2.20.0" }, nil},
		{"another architecture", func(f *Facts, _ *Needs) { f.Architecture = "aarch64" }, []string{"BERTH2107 error aarch64"}},
		{"another architecture, with images of one's own", func(f *Facts, n *Needs) { f.Architecture, n.Registry = "aarch64", "r" }, nil},
		{"too few cores", func(f *Facts, _ *Needs) { f.CPUs = 2 }, []string{"BERTH2108 error 2 processor cores; 2 services"}},
		{"too few cores: what would fit", func(f *Facts, _ *Needs) { f.CPUs = 2 }, []string{"BERTH2108 error size: demo"}},
		{"little memory", func(f *Facts, _ *Needs) { f.Memory = 6 << 30 }, []string{"BERTH2109 warning gitserver"}},
		{"a full disk", func(f *Facts, _ *Needs) { f.FreeDisk = 1 << 30 }, []string{"BERTH2110 warning 1.0 GiB"}},
		{"a disk on another host", func(f *Facts, _ *Needs) { f.FreeDisk = -1 }, nil},
		{"volumes that will not fit", func(f *Facts, n *Needs) { n.Storage = []Storage{{Service: "gitserver", Bytes: 1 << 40}} }, []string{"BERTH2111 warning 1024 GiB"}},
		{"a port that is taken", func(f *Facts, _ *Needs) {
			f.Taken = func(a string) (string, bool) { return "nginx (pid 812)", a == "0.0.0.0:443" }
		}, []string{"BERTH2112 error port 443 is in use by nginx (pid 812)"}},
		{"a port that the installation itself has", func(f *Facts, _ *Needs) {
			f.Running, f.Taken = true, func(string) (string, bool) { return "", true }
		}, nil},
		{"an engine on another host", func(f *Facts, _ *Needs) { f.Elsewhere = "ssh://far" }, []string{"BERTH2115 warning ssh://far"}},
		{"few memory maps", func(f *Facts, _ *Needs) { f.MapCount = 65530 }, []string{"BERTH2113 warning 65530"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, n := good(), needs()
			tt.change(&f, &n)
			problems := Check(f, n)
			if len(problems) != len(tt.want) {
				t.Fatalf("%d problems, want %d: %+v", len(problems), len(tt.want), problems)
			}
			for i, want := range tt.want {
				code, rest, _ := strings.Cut(want, " ")
				severity, words, _ := strings.Cut(rest, " ")
				p := problems[i]
				if p.Code != code || string(p.Severity) != severity || !strings.Contains(p.Summary+" "+p.Hint, words) {
					t.Errorf("%+v, want %s", p, want)
				}
				if p.Hint == "" {
					t.Error("nothing is said about what to do")
				}
			}
		})
	}
}

// TestCodesAreExplained: berth explain must know every code that a host check gives.
func TestCodesAreExplained(t *testing.T) {
	f, n := good(), needs()
	f.Engine, f.Compose, f.Architecture, f.CPUs, f.Memory, f.FreeDisk, f.MapCount = "1.0", "1.0", "s390x", 1, 1<<30, 0, 1
	f.Taken, f.Elsewhere = func(string) (string, bool) { return "", true }, "ssh://far"
	n.Storage = []Storage{{Bytes: 1}}
	problems := Check(f, n)
	if len(problems) < 9 {
		t.Errorf("only %d problems: %v", len(problems), problems)
	}
	for _, p := range problems {
		if _, ok := diag.Explain(p.Code); !ok {
			t.Errorf("%s is not explained", p.Code)
		}
	}
}

func TestListenerIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	by, isTaken := taken(l.Addr().String())
	if !isTaken || !strings.Contains(by, "compose.test") {
		t.Errorf("taken by %q, %v; want this test", by, isTaken)
	}
	l.Close()
	if _, isTaken := taken(l.Addr().String()); isTaken {
		t.Error("a port that is free counts as taken")
	}
}

func TestOlder(t *testing.T) {
	got := map[string]bool{}
	for _, v := range []string{"20.9.9", "20.10.0", "20.10.24+dfsg1", "v2.3", "28", "dev"} {
		got[v] = older(v, "20.10.0")
	}
	want := map[string]bool{"20.9.9": true, "20.10.0": false, "20.10.24+dfsg1": false, "v2.3": true, "28": false, "dev": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
