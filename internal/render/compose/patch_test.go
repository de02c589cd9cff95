package compose_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/render/compose"
	"berth/internal/stack"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// fataler is a test of either kind.
type fataler interface{ Fatal(args ...any) }

// patched renders a config's text for a release.
func patched(t fataler, version, text string) (*compose.Project, diag.List) {
	return compose.Render(resolved(t, version, text), nil)
}

func resolved(t fataler, version, text string) *stack.Stack {
	doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\nurl: https://sourcegraph.example.com\n"+text+"\n"))
	if problems.Failed() {
		t.Fatal(problems, text)
	}
	rel, err := catalogue.Embedded().Release(version, catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	return stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel})
}

// TestPatchesBehindFronts: while only a part runs, a patch of what does not run is no problem. An upgrade could not close the front otherwise.
func TestPatchesBehindFronts(t *testing.T) {
	s := resolved(t, "7.5.4453", "patches: [{service: cadvisor, compose: {privileged: null}}, {service: pgsql, compose: {init: true}, add: true}]")
	for _, front := range []stack.Front{stack.Open, stack.BehindPage, stack.Closed, stack.Stopped, stack.DatabasesOnly} {
		if _, problems := compose.Render(s.With(front, "a page"), nil); len(problems) > 0 {
			t.Errorf("%q: %v", front, problems)
		}
	}
}

func composeFile(p *compose.Project) []byte {
	for _, f := range p.Files {
		if f.Path == compose.ComposeFile {
			return f.Content
		}
	}
	return nil
}

// loaded is what Compose makes of several files.
func loaded(t fataler, files ...[]byte) *types.Project {
	details := types.ConfigDetails{WorkingDir: "/project", Environment: types.Mapping{}}
	for i, f := range files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: fmt.Sprintf("%d.yaml", i), Content: f})
	}
	p, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SkipInterpolation, o.SkipResolveEnvironment = true, true
		o.SkipValidation = true // a newer release may have keys that this schema has not
		o.SetProjectName("sourcegraph", true)
	})
	if err != nil {
		t.Fatal(err, string(files[len(files)-1]))
	}
	p.ComposeFiles = nil
	for name, s := range p.Services {
		s.Labels = nil // have the hash of the rendered service
		p.Services[name] = s
	}
	return p
}

// few makes rapid try less: Compose takes a tenth of a second for a file. -rapid.checks still asks for more.
func few(t *testing.T) {
	f := flag.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		if err := f.Value.Set("12"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Value.Set(was) })
	}
}

func text(t fataler, v any) string {
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// pieces are parts of patches, by the key that they change, in the forms that Compose has.
var pieces = map[string][]any{
	"environment":       {map[string]any{"A": "1", "PATH_OF_B": "b=c"}, []any{"A=b", "LOG_LEVEL=debug"}, map[string]any{"NUMBER": 5, "TRUTH": true}},
	"ports":             {[]any{"16060:6060"}, []any{map[string]any{"target": 6060, "published": "16061", "host_ip": "127.0.0.1"}}, []any{"127.0.0.1:16062:6062", "16063:6063/udp"}},
	"volumes":           {[]any{"/srv/a:/a:ro"}, []any{map[string]any{"type": "bind", "source": "/srv/b", "target": "/b", "read_only": true}}, []any{"/srv/other:/data:ro", "/srv/repos:/data/repos:ro"}},
	"extra_hosts":       {[]any{"a.example.com=10.0.0.1"}, map[string]any{"b.example.com": "10.0.0.2"}},
	"dns":               {[]any{"10.0.0.53"}, "10.0.0.54"},
	"cap_add":           {[]any{"NET_ADMIN"}, []any{"SYS_PTRACE", "NET_RAW"}},
	"sysctls":           {map[string]any{"net.core.somaxconn": 1024}, []any{"net.ipv4.tcp_syncookies=0"}},
	"ulimits":           {map[string]any{"nproc": 65535}, map[string]any{"nofile": map[string]any{"soft": 1000, "hard": 2000}}},
	"logging":           {map[string]any{"driver": "local", "options": map[string]any{"max-size": "10m"}}},
	"healthcheck":       {map[string]any{"interval": "7s", "test": []any{"CMD", "true"}}, map[string]any{"test": "true", "retries": 9}},
	"command":           {[]any{"a", "b"}, "sleep 5"},
	"depends_on":        {[]any{"cadvisor"}, map[string]any{"node-exporter": map[string]any{"condition": "service_started"}}},
	"networks":          {[]any{"sourcegraph"}, map[string]any{"sourcegraph": map[string]any{"aliases": []any{"other"}}}, map[string]any{"sourcegraph": nil}},
	"tmpfs":             {[]any{"/run"}, "/tmp"},
	"user":              {"1000:1000"},
	"restart":           {"unless-stopped"},
	"stop_grace_period": {"90s"},
	"security_opt":      {[]any{"no-new-privileges:true"}},
	"read_only":         {true},
}

// releases are the newest releases of all minors.
func releases() (out []string) {
	for _, v := range catalogue.Embedded().Versions(catalogue.Compose) {
		if len(out) == 0 || catalogue.Minor(out[len(out)-1]) != catalogue.Minor(v.Version) {
			out = append(out, v.Version)
		}
	}
	return out
}

// services are those that every release has, with one instance and with several.
var services = []string{"gitserver", "worker", "sourcegraph-frontend", "pgsql", "redis-cache", "prometheus"}

// change is a patch of some keys.
func change(t *rapid.T, label string, keys []string) map[string]any {
	out := map[string]any{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 4, rapid.ID).Draw(t, label) {
		out[key] = rapid.SampledFrom(pieces[key]).Draw(t, label+" "+key)
	}
	return out
}

// TestMergesAsCompose: a patch gives what Compose makes of the same text in an override file, in every release.
func TestMergesAsCompose(t *testing.T) {
	few(t)
	rapid.Check(t, func(t *rapid.T) {
		version, service := rapid.SampledFrom(releases()).Draw(t, "release"), rapid.SampledFrom(services).Draw(t, "service")
		body := change(t, "patch", slices.Sorted(maps.Keys(pieces)))
		before, _ := patched(t, version, "")
		name := ""
		for _, u := range before.Units {
			if u.Service == service {
				name = u.Name
			}
		}
		after, problems := patched(t, version, text(t, map[string]any{"patches": []any{map[string]any{"service": name, "compose": body, "add": true}}}))
		if len(problems) == 1 && problems[0].Code == "BERTH1191" {
			after = before // it says what is there
		} else if len(problems) > 0 {
			t.Fatal(problems)
		}
		override := text(t, map[string]any{"services": map[string]any{name: body}})
		want := loaded(t, composeFile(before), []byte(strings.ReplaceAll(override, "$", "$$")))
		if d := cmp.Diff(text(t, want), text(t, loaded(t, composeFile(after)))); d != "" {
			t.Errorf("Compose (-), berth (+):\n%s", d)
		}
	})
}

// TestPatchOfWhatIsThere: a patch that says what a service has already changes nothing, for every key of every service.
func TestPatchOfWhatIsThere(t *testing.T) {
	few(t)
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom(releases()).Draw(t, "release")
		before, _ := patched(t, version, "")
		var file struct{ Services map[string]map[string]any }
		if err := yaml.Unmarshal(bytes.ReplaceAll(composeFile(before), []byte("$$"), []byte("$")), &file); err != nil {
			t.Fatal(err)
		}
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(file.Services))).Draw(t, "service")
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(file.Services[name])), func(key string) bool {
			return slices.Contains([]string{"image", "cpus", "mem_limit", "labels", "container_name"}, key)
		})
		body := map[string]any{}
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, -1, rapid.ID).Draw(t, "keys") {
			body[key] = file.Services[name][key]
		}
		if env, ok := body["environment"].(map[string]any); ok {
			maps.DeleteFunc(env, func(_ string, v any) bool { return strings.Contains(fmt.Sprint(v), "${") }) // secrets, which a patch can't name
		}
		after, problems := patched(t, version, text(t, map[string]any{"patches": []any{map[string]any{"service": name, "compose": body}}}))
		if len(problems) != 1 || problems[0].Code != "BERTH1191" || !bytes.Equal(composeFile(before), composeFile(after)) {
			t.Fatal(name, body, problems)
		}
	})
}

// TestPatchesCommute: two patches of different things give the same file in either order.
func TestPatchesCommute(t *testing.T) {
	few(t)
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom(releases()).Draw(t, "release")
		keys := rapid.Permutation(slices.Sorted(maps.Keys(pieces))).Draw(t, "keys")
		a := map[string]any{"service": rapid.SampledFrom(services).Draw(t, "a"), "add": true, "compose": change(t, "one", keys[:len(keys)/2])}
		b := map[string]any{"service": rapid.SampledFrom(services).Draw(t, "b"), "add": true, "compose": change(t, "other", keys[len(keys)/2:])}
		one, first := patched(t, version, text(t, map[string]any{"patches": []any{a, b}}))
		other, second := patched(t, version, text(t, map[string]any{"patches": []any{b, a}}))
		if !bytes.Equal(composeFile(one), composeFile(other)) || len(first) != len(second) {
			t.Fatal(cmp.Diff(string(composeFile(one)), string(composeFile(other))), first, second)
		}
	})
}

// TestPatchInEveryForm: what a patch says in Compose's own words, and what comes of it.
func TestPatchInEveryForm(t *testing.T) {
	for _, c := range []struct{ name, text, want, not string }{
		{"a list of variables adds to them", "patches: [{service: worker, compose: {environment: [A=b]}}]", "      A: b\n", ""},
		{"null removes", "patches: [{service: cadvisor, compose: {privileged: null}}]", "", "privileged"},
		{"!reset removes", "patches: [{service: cadvisor, compose: {devices: !reset []}}]", "", "/dev/kmsg:/dev/kmsg"},
		{"!override replaces a list", "patches: [{service: cadvisor, compose: {volumes: !override ['/:/rootfs:ro']}}]", "- /:/rootfs:ro", "/var/run:/var/run"},
		{"a number for each instance", "services: {gitserver: {replicas: 2}}\npatches: [{service: gitserver, compose: {volumes: ['/mnt/{i}:/data/repos']}}]", "- /mnt/1:/data/repos", "gitserver-1:/data/repos"},
		{"one instance", "services: {gitserver: {replicas: 2}}\npatches: [{service: gitserver-1, compose: {volumes: ['/mnt/r:/data/repos']}}]", "- gitserver-0:/data/repos", "- gitserver-1:/data/repos"},
		{"all", "patches: [{service: all, add: true, compose: {logging: {driver: local}}}]", "      driver: local\n", ""},
		{"a network of one's own", "patches: [{add: true, project: {networks: {traefik: {external: true}}}}, {service: caddy, compose: {networks: [traefik]}}]",
			"      - sourcegraph\n      - traefik\n", ""},
		{"a network without options is joined", "patches: [{add: true, project: {networks: {traefik: null}}}, {service: caddy, compose: {networks: {traefik: null}}}]",
			"      - sourcegraph\n      - traefik\n", ""},
		{"the network's addresses", "patches: [{project: {networks: {sourcegraph: {ipam: {config: [{subnet: 10.77.0.0/16}]}}}}}]", "10.77.0.0/16", ""},
		{"a volume's driver", "patches: [{project: {volumes: {blobstore: {driver_opts: {type: nfs}}}}}]", "type: nfs", ""},
		{"a dollar is a dollar", "patches: [{service: worker, compose: {environment: {A: $B}}}]", "$$B", ""},
	} {
		p, problems := patched(t, "7.5.4453", c.text)
		file := string(composeFile(p))
		if len(problems) > 0 || !strings.Contains(file, c.want) || c.not != "" && strings.Contains(file, c.not) {
			t.Errorf("%s: %v; want %q and not %q", c.name, problems, c.want, c.not)
		}
		loaded(t, composeFile(p))
	}
}

// TestPatchedOrder: berth itself waits for what a patch says, and Compose finds circles.
func TestPatchedOrder(t *testing.T) {
	p, problems := patched(t, "7.5.4453", "patches: [{service: grafana, add: true, compose: {depends_on: [prometheus]}}]")
	for _, u := range p.Units {
		if u.Name == "grafana" && !slices.Contains(u.DependsOn, stack.Dependency{Name: "prometheus", Condition: catalogue.Started}) {
			t.Error(u.DependsOn)
		}
	}
	if len(problems) > 0 {
		t.Error(problems)
	}
	_, problems = patched(t, "7.5.4453", "patches: [{service: grafana, add: true, compose: {depends_on: [prometheus]}}, {service: prometheus, add: true, compose: {depends_on: [grafana]}}]")
	if len(problems) != 1 || problems[0].Code != "BERTH1198" || !strings.Contains(problems[0].Summary, "cycle") {
		t.Error(problems)
	}
}

// TestPatchesThatAreRefused: each with its code, the place and what to do.
func TestPatchesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"patches: [{service: cadvisor, compose: {privileged: true}}]":                                                                  "3:11 BERTH1191 patch of cadvisor changes nothing in release 7.5.4453; remove it, or compare it with: berth render --as compose",
		"patches: [{service: cadvisor, compose: {shm_size: null}}]":                                                                    "3:11 BERTH1191 patch of cadvisor changes nothing in release 7.5.4453; remove it, or compare it with: berth render --as compose",
		"patches: [{service: gitserver-3, compose: {user: root}}]":                                                                     "3:11 BERTH1191 patch of gitserver-3 matches nothing in release 7.5.4453: it does not run here; its instances are gitserver-0",
		"patches: [{service: cadvisor, compose: {mem_limit: 1g}}]":                                                                     "3:52 BERTH1190 patch of cadvisor: it can't set \"mem_limit\"; set services.cadvisor.memory",
		"patches: [{project: {name: a}}]":                                                                                              "3:28 BERTH1190 patch of the project: it can't set \"name\"; set name",
		"patches: [{service: worker, compose: {resource: {}}}]":                                                                        "3:49 BERTH1197 patch of worker: Compose has no \"resource\"; remove it",
		"patches: [{service: worker, compose: {enviroment: {A: b}}}]":                                                                  "3:51 BERTH1197 patch of worker: Compose has no \"enviroment\"; did you mean environment?",
		"patches: [{service: worker, add: true, compose: {init: 7}}]":                                                                  "3:56 BERTH1197 patch of worker: init: got number, want boolean or string; see Compose's own reference of the key",
		"patches: [{service: worker, compose: {dns: [10.0.0.1]}}]":                                                                     "3:44 BERTH1196 patch of worker: release 7.5.4453 has no \"dns\" for worker; correct the name; or add  add: true  if it is to be new",
		"patches: [{service: gitserver, compose: {volumes: ['/mnt/r:/data/rep']}}]":                                                    "3:51 BERTH1196 patch of gitserver: release 7.5.4453 has no mount at /data/rep for gitserver; correct the name; or add  add: true  if it is to be new",
		"patches: [{project: {networks: {sourcegrap: {internal: true}}}}]":                                                             "3:45 BERTH1196 patch of the project: release 7.5.4453 has no network \"sourcegrap\"; correct the name; or add  add: true  if it is to be new",
		"patches: [{service: caddy, compose: {networks: [traefik]}}]":                                                                  "3:11 BERTH1198 with your patches, Compose refuses the file: service \"caddy\" refers to undefined network traefik; define it with  patches: [{add: true, project: {networks: {traefik: {external: true}}}}]",
		"services: {gitserver: {replicas: 2}}\npatches: [{service: gitserver, compose: {volumes: ['/mnt/data/repos:/data/repos']}}]":   "4:51 BERTH1670 with your patch, gitserver-0 and gitserver-1 both write into /mnt/data/repos; write {i} into the name, for the instance's number; or patch one with  service: gitserver-1 ; or mount it with :ro",
		"services: {sourcegraph-frontend: {replicas: 2}}\npatches: [{service: sourcegraph-frontend, compose: {ports: ['6060:6060']}}]": "4:60 BERTH1154 port 6060 of the host is published by sourcegraph-frontend-0 and sourcegraph-frontend-1; give one of them another port",
		"containers: {mine: {image: 'a:1', ports: ['80:80']}}":                                                                         "3:20 BERTH1154 port 80 of the host is published by caddy and mine; give one of them another port",
		"patches: [{service: worker, compose: {ports: ['80:80']}}]":                                                                    "3:46 BERTH1154 port 80 of the host is published by caddy and worker; give one of them another port",
	} {
		_, problems := patched(t, "7.5.4453", text)
		var got []string
		for _, d := range problems {
			got = append(got, fmt.Sprintf("%d:%d %s %s; %s", d.Range.Line, d.Range.Column, d.Code, d.Summary, d.Hint))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, strings.Join(got, "\n"), want)
		}
	}
}
