package compose_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/render/compose"
	"berth/internal/stack"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// minors are the newest patch of each minor release; of every fourth one in a short run.
func minors(t *testing.T) []*catalogue.Release {
	t.Helper()
	var out []*catalogue.Release
	seen := map[string]bool{}
	for _, v := range catalogue.Embedded().Versions(catalogue.Compose) {
		if seen[catalogue.Minor(v.Version)] {
			continue
		}
		seen[catalogue.Minor(v.Version)] = true
		if testing.Short() && len(seen)%4 != 1 {
			continue
		}
		rel, err := catalogue.Embedded().Release(v.Version, catalogue.Compose)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rel)
	}
	return out
}

// file is the rendered Compose file, read again.
type file struct {
	Services map[string]map[string]any
	Networks map[string]map[string]any
	Volumes  map[string]map[string]any
}

// fatal is what stops a test, of Go's or of rapid's.
type fatal interface {
	Helper()
	Fatal(...any)
}

func parsed(t fatal, rel *catalogue.Release, text string) (file, *compose.Project) {
	t.Helper()
	doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\nurl: https://sourcegraph.example.com\n"+text+"\n"))
	if problems.Failed() {
		t.Fatal(problems)
	}
	p, problems := compose.Render(stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel}), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var f file
	for _, written := range p.Files {
		if written.Path == compose.ComposeFile {
			if err := yaml.Load(written.Content, &f); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f, p
}

// said is everything that can be said of a container, with a word in it, and what the Compose file then has.
func said(word string) (config string, want map[string]any) {
	return fmt.Sprintf("{env: {OWN: %[1]s}, labels: {own: %[1]s}, extraHosts: {%[1]s.internal: 10.0.0.5}, dns: {servers: [10.0.0.2], search: [%[1]s.example.com], options: [ndots:2]}, "+
			"timezone: Europe/Berlin, sysctls: {net.core.somaxconn: 1024}, ulimits: {nofile: {soft: 65536}}, logging: {driver: json-file, options: {tag: %[1]s}}, "+
			"networks: [%[1]s], mounts: [{at: /own, path: /%[1]s}]}", word),
		map[string]any{
			"environment.OWN": word, "environment.TZ": "Europe/Berlin", "labels.own": word, "extra_hosts." + word + ".internal": "10.0.0.5",
			"dns": []any{"10.0.0.2"}, "dns_search": []any{word + ".example.com"}, "dns_opt": []any{"ndots:2"}, "sysctls.net.core.somaxconn": "1024",
			"ulimits.nofile": map[string]any{"soft": 65536, "hard": 65536}, "logging": map[string]any{"driver": "json-file", "options": map[string]any{"tag": word}},
			"networks": word, "volumes": map[string]any{"type": "bind", "source": "/" + word, "target": "/own", "bind": map[string]any{"create_host_path": false}},
		}
}

// has reports whether a service of the file has a value: under a key, under a name below it, or among a list.
func has(service map[string]any, path string, want any) bool {
	key, name, below := strings.Cut(path, ".")
	value := service[key]
	if m, ok := value.(map[string]any); ok && below {
		value = m[name]
	}
	if list, ok := value.([]any); ok && !reflect.DeepEqual(value, want) {
		return slices.ContainsFunc(list, func(item any) bool { return reflect.DeepEqual(item, want) })
	}
	return reflect.DeepEqual(value, want)
}

// TestWhatIsSaidReachesEveryContainer: every key of containers reaches every container of every release, said for all services, for one
// service, or for one instance; the volumes and networks of the file are those that its services name.
func TestWhatIsSaidReachesEveryContainer(t *testing.T) {
	for _, rel := range minors(t) {
		names := map[string]bool{}
		for name, s := range rel.Services {
			names[name] = s.Compose != nil
		}
		for _, level := range []string{"all", "service", "instance"} {
			text := "executors: {}\ntracing: {jaeger: true}\n"
			all, _ := said("all")
			switch level {
			case "all":
				text += "allServices: " + all
			default:
				text += "services:\n"
				for name, there := range names {
					own, _ := said(name)
					if level == "instance" {
						own = "{instances: {0: " + own + "}}"
					}
					if there {
						text += "  " + name + ": " + own + "\n"
					}
				}
			}
			f, p := parsed(t, rel, text)
			for _, u := range p.Units {
				word := u.Service
				if level == "all" {
					word = "all"
				}
				_, want := said(word)
				for path, value := range want {
					if !has(f.Services[u.Name], path, value) {
						t.Errorf("%s, said for %s: %s has no %s = %v:\n%v", rel.Version, level, u.Name, path, value, f.Services[u.Name])
					}
				}
				if f.Networks[word]["external"] != true {
					t.Errorf("%s: the network %s is not in the file", rel.Version, word)
				}
			}
		}
	}
}

// TestVolumesGoWhereTheConfigSays: every volume of every release can be in each kind of place, and nothing of the old place is left.
func TestVolumesGoWhereTheConfigSays(t *testing.T) {
	for _, rel := range minors(t) {
		for kind, place := range map[string]string{"path": "{path: '/mnt/%s-{i}'}", "name": "{name: 'own-%s-{i}'}", "nfs": "{nfs: {server: nfs, path: '/%s/{i}'}}"} {
			text, shared := "services:\n", map[string]bool{}
			for name, s := range rel.Services {
				for _, m := range volumesOf(s.Compose) {
					if !shared[m] && s.Compose.Overlay == "" {
						shared[m] = true
						text += "  " + name + ": {volume: " + fmt.Sprintf(place, name) + "}\n"
					}
				}
			}
			f, p := parsed(t, rel, text)
			for _, u := range p.Units {
				for _, v := range u.Data {
					if v.Source == v.Default {
						t.Errorf("%s, %s: the data of %s is still in %s", rel.Version, kind, u.Name, v.Source)
					}
				}
			}
			for name := range f.Volumes {
				if shared[strings.ReplaceAll(name, "-0", "-{i}")] || shared[name] {
					t.Errorf("%s, %s: the volume %s is still in the file", rel.Version, kind, name)
				}
			}
			if len(f.Volumes) == 0 != (kind == "path") {
				t.Errorf("%s, %s: the file has the volumes %v", rel.Version, kind, f.Volumes)
			}
		}
	}
}

func volumesOf(s *catalogue.ComposeService) (names []string) {
	if s == nil {
		return nil
	}
	for _, m := range s.Volumes {
		if m.Volume != "" {
			names = append(names, m.Volume)
		}
	}
	return names
}

// TestTheNarrowerPlaceWins: names that several places say have the value of the narrowest, and all other names stay.
func TestTheNarrowerPlaceWins(t *testing.T) {
	rel, err := catalogue.Embedded().Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOfN(rapid.SampledFrom([]string{"A", "B", "C"}), rapid.SampledFrom([]string{"x", "y"}), 1, 3)
		levels := []map[string]string{values.Draw(t, "all"), values.Draw(t, "service"), values.Draw(t, "instance")}
		want, texts := map[string]string{}, make([]string, len(levels))
		for i, level := range levels {
			var items []string
			for name, value := range level {
				want[name] = fmt.Sprint(i) + value
				items = append(items, name+": "+want[name])
			}
			texts[i] = "env: {" + strings.Join(items, ", ") + "}, labels: {" + strings.Join(items, ", ") + "}"
		}
		f, _ := parsed(t, rel, fmt.Sprintf("allServices: {%s}\nservices: {gitserver: {replicas: 2, %s, instances: {1: {%s}}}}", texts[0], texts[1], texts[2]))
		for name, value := range want {
			if !has(f.Services["gitserver-1"], "environment."+name, value) || !has(f.Services["gitserver-1"], "labels."+name, value) {
				t.Fatalf("%s of gitserver-1 is not %s: %v", name, value, f.Services["gitserver-1"])
			}
		}
		for name, value := range levels[0] {
			if !has(f.Services["pgsql"], "labels."+name, "0"+value) {
				t.Fatalf("%s of pgsql is not 0%s", name, value)
			}
		}
	})
}

// TestComposeAccepts: Docker Compose itself reads what is rendered, where it is installed.
func TestComposeAccepts(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		t.Skip("NOT CHECKED: docker compose is not installed")
	}
	for _, name := range []string{"attributes", "all-services", "instances", "volumes", "network"} {
		p := render(t, "7.5.4453", cases[name])
		dir := t.TempDir()
		for _, f := range append(p.Files, stack.File{Path: ".env", Content: compose.EnvFile(p.Secrets, func(string) string { return "x" })}) {
			to := filepath.Join(dir, f.Path)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, f.Content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("docker", "compose", "--file", compose.ComposeFile, "config", "--quiet")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestAPatchMovesData: plans know where data is that a patch puts elsewhere.
func TestAPatchMovesData(t *testing.T) {
	for text, want := range map[string]string{
		"": "sourcegraph_gitserver-0",
		"patches: [{service: gitserver, compose: {volumes: [\"/mnt/repos:/data/repos\"]}}]": "/mnt/repos",
		"services: {gitserver: {volume: {path: /mnt/disk}}}":                                "/mnt/disk",
	} {
		for _, u := range render(t, "7.5.4453", text).Units {
			if u.Name == "gitserver-0" && (len(u.Data) != 1 || u.Data[0].Source != want) {
				t.Errorf("%s: %+v, want %s", text, u.Data, want)
			}
		}
	}
}
