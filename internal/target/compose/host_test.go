package compose

import (
	"io/fs"
	"net"
	"strings"
	"testing"

	"berth/internal/diag"
	render "berth/internal/render/compose"
	"github.com/google/go-cmp/cmp"
)

// good is a host on which nothing is in the way.
func good() Facts {
	return Facts{Engine: "28.2.2", Compose: "5.6.0", Architecture: "x86_64", CPUs: 16, Memory: 64 << 30, FreeDisk: 500 << 30, MapCount: 262144,
		Taken: func(string) (string, bool) { return "", false }}
}

func needs() Needs {
	return Needs{Ports: []render.Port{{Service: "caddy", Address: "0.0.0.0", Host: "80", Inside: "80", Protocol: "tcp"}, {Service: "caddy", Address: "0.0.0.0", Host: "443", Inside: "443", Protocol: "tcp"}}, Limits: []Limit{{Service: "gitserver", CPUs: 4, Memory: 8 << 30}, {Service: "pgsql", CPUs: 4, Memory: 4 << 30}}}
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
			f.Running, f.Own, f.Taken = true, map[string]bool{"80/tcp": true, "443/tcp": true}, func(string) (string, bool) { return "", true }
		}, nil},
		{"a port that a new config of a running installation opens", func(f *Facts, n *Needs) {
			f.Running, f.Own, f.Taken = true, map[string]bool{"80/tcp": true}, func(a string) (string, bool) { return "", a != "0.0.0.0:53" }
		}, []string{"BERTH2112 error port 443 is in use"}},
		{"a port of a patch that is taken", func(f *Facts, n *Needs) {
			n.Ports = append(n.Ports, render.Port{Service: "worker", Host: "7000", Inside: "7000", Protocol: "tcp", Patched: diag.Range{Line: 3}})
			f.Taken = func(a string) (string, bool) { return "", a == ":7000" }
		}, []string{"BERTH2112 error in the patch"}},
		{"an engine on another host", func(f *Facts, _ *Needs) { f.Elsewhere, f.System = "ssh://far", "linux" }, nil},
		{"an engine on another host than Windows", func(f *Facts, _ *Needs) { f.Elsewhere, f.System = "ssh://far", "windows" }, []string{"BERTH2115 error ssh://far"}},
		{"Docker Desktop", func(f *Facts, _ *Needs) { f.Elsewhere, f.System = "npipe:////./pipe/docker_engine", "windows" }, nil},
		{"a folder that is not there", folder("/mnt/gone", Folder{User: "100:101"}), []string{"BERTH1662 error chown 100:101 /mnt/gone"}},
		{"a folder that belongs to the image's user", folder("/mnt/100", Folder{User: "100:101"}), nil},
		{"a folder whose group may write", folder("/mnt/group", Folder{User: "100:101"}), nil},
		{"a folder of another user", folder("/mnt/root", Folder{User: "100:101", Service: "gitserver-0"}), []string{"BERTH1663 error gitserver-0 runs as 100:101"}},
		{"a folder of another user, of a container that runs as root", folder("/mnt/root", Folder{User: "0:0"}), nil},
		{"a folder of another user, where users are remapped", func(f *Facts, n *Needs) {
			folder("/mnt/root", Folder{User: "100:101"})(f, n)
			f.Found.Remapped = true
		}, nil},
		{"a folder that is only mounted", folder("/mnt/root", Folder{}), nil},
		{"a file in place of a folder", folder("/mnt/file", Folder{User: "100:101"}), []string{"BERTH1662 error is not a folder"}},
		{"an empty folder that is said to hold the data", folder("/mnt/100", Folder{User: "100:101", Holds: true, Service: "pgsql"}), []string{"BERTH1662 error holds the data of pgsql"}},
		{"a folder on another host", func(f *Facts, n *Needs) { n.Places.Folders = []Folder{{Path: "/mnt/gone"}} }, nil},
		{"a volume and a network that are not there", func(f *Facts, n *Needs) {
			f.Found = Found{Volumes: map[string]bool{"a": true}, Networks: map[string][]string{"b": nil}}
			n.Places.Volumes, n.Places.Networks = []Named{{Name: "a"}, {Name: "v"}}, []Named{{Name: "b"}, {Name: "traefik"}}
		}, []string{"BERTH1664 error docker volume create v", "BERTH1664 error docker network create traefik"}},
		{"addresses of another network", func(f *Facts, n *Needs) {
			f.Found.Networks, n.Places.Subnet = map[string][]string{"office": {"10.0.0.0/8"}, "other": {"192.168.0.0/24"}}, "10.213.0.0/24"
		}, []string{"BERTH1665 error the Docker network office"}},
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
	f.Taken, f.Elsewhere, f.System = func(string) (string, bool) { return "", true }, "ssh://far", "windows"
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

// folder needs a folder of a host that has some.
func folder(path string, f Folder) func(*Facts, *Needs) {
	f.Path = path
	return func(facts *Facts, n *Needs) {
		n.Places.Folders = []Folder{f}
		facts.Found.Look = func(path string) (Look, error) {
			l, ok := map[string]Look{
				"/mnt/100": {Folder: true, UID: 100, GID: 101, Mode: 0o700, Empty: true}, "/mnt/group": {Folder: true, GID: 101, Mode: 0o770},
				"/mnt/root": {Folder: true, Mode: 0o755}, "/mnt/file": {UID: 100, Mode: 0o600},
			}[path]
			if !ok {
				return Look{}, fs.ErrNotExist
			}
			return l, nil
		}
	}
}
