package compose_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/render/compose"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// newestOfEach are the newest releases of each minor one on a target.
func newestOfEach(target catalogue.Target) []string {
	newest := map[string]string{}
	for _, v := range catalogue.Embedded().Versions(target) {
		minor := catalogue.Minor(v.Version)
		if newest[minor] == "" || catalogue.CompareVersions(v.Version, newest[minor]) > 0 {
			newest[minor] = v.Version
		}
	}
	return slices.Sorted(maps.Values(newest))
}

// deadEnds are the places of a project that lead to services of the release that don't run, and the variables and names that mean them.
func deadEnds(p *compose.Project, rel *catalogue.Release) []string {
	leads, runs := rel.Leads(), map[string]bool{}
	for _, u := range p.Units {
		runs[u.Service] = true
	}
	var found []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				walk(path+"."+key, key)
				if key != "name" {
					walk(path+"."+key, value)
				}
			}
		case []any:
			for i, value := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), value)
			}
		case string:
			to := leads.To(v)
			for _, service := range to {
				if !runs[service] {
					found = append(found, path+" leads to "+service+": "+v)
				}
			}
			if host := nobodys(v); host != "" && len(to) == 0 {
				found = append(found, path+" leads to nobody: "+host)
			}
		}
	}
	for _, f := range p.Files {
		if strings.HasSuffix(f.Path, ".json") || strings.HasSuffix(f.Path, ".conf") || strings.HasSuffix(f.Path, "_rules.yml") {
			continue // dashboards, rules and settings name measurements and files
		}
		var tree any
		if strings.HasSuffix(f.Path, ".Caddyfile") {
			tree = string(f.Content)
		} else if err := yaml.Load(f.Content, &tree); err != nil {
			found = append(found, f.Path+": "+err.Error())
		}
		if f.Path == compose.ComposeFile {
			tree = referring(tree)
		}
		walk(f.Path, tree)
	}
	slices.Sort(found)
	return found
}

var address = regexp.MustCompile(`^(?:[a-z]+://(?:[^/@]*@)?)?([a-z][a-z0-9-]*)(?::[0-9]+)?(?:/.*)?$`)

// nobodys is the host of an address that is no service's, and no name of another network; "" for other texts.
func nobodys(text string) string {
	if m := address.FindStringSubmatch(text); m != nil && strings.Contains(text, ":") && m[1] != "localhost" {
		return m[1]
	}
	return ""
}

// referring are the parts of a Compose file that refer to other services.
func referring(tree any) map[string]any {
	out := map[string]any{}
	for name, s := range catalogue.Branch(tree, "services") {
		out[name] = map[string]any{"environment": catalogue.Branch(s)["environment"], "depends_on": catalogue.Branch(s)["depends_on"]}
	}
	return out
}

// explained are dead ends that Sourcegraph ships.
func explained(rel *catalogue.Release, end string) bool {
	return slices.ContainsFunc(rel.Relations.Unused, func(u catalogue.Unused) bool {
		return slices.ContainsFunc(u.Leads, func(s string) bool { return strings.Contains(end, " leads to "+s+":") })
	})
}

// keyed are the keys that services of overlays need.
var keyed = map[string]string{catalogue.Executors: "executors: {}\nsiteConfig: {file: site.json}", catalogue.Jaeger: "tracing: {jaeger: true}"}

// refused are the problems of a config's meaning.
func refused(text string) diag.List {
	_, _, problems := check.Read("sourcegraph.yaml", []byte("target: compose\nurl: https://sourcegraph.example.com\ntls: {external: true}\n"+text+"\n"), catalogue.Embedded(), check.World{
		ReadFile: func(string) ([]byte, error) { return []byte("{}"), nil },
		Stat:     func(string) (fs.FileInfo, error) { return fs.Stat(os.DirFS("."), "leads_test.go") },
		Getenv:   func(string) string { return "value" }, Now: time.Now, Catalogue: catalogue.Embedded(),
	})
	return problems
}

// TestNothingLeadsToAServiceThatIsOff: for every service of every minor release, enabled: false is refused, or nothing leads to the service.
func TestNothingLeadsToAServiceThatIsOff(t *testing.T) {
	off, needed := 0, 0
	for _, version := range newestOfEach(catalogue.Compose) {
		rel, err := catalogue.Embedded().Release(version, catalogue.Compose)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(rel.Services)) {
			text := "services: {" + name + ": {enabled: false}}\n" + keyed[rel.Services[name].Compose.Overlay]
			if problems := refused("release: " + version + "\n" + text); problems.Failed() {
				needed++
				for _, p := range problems {
					if p.Severity == diag.Error && p.Code != "BERTH1153" && p.Code != "BERTH1173" && p.Code != "BERTH1166" {
						t.Errorf("%s without %s: %v", version, name, p)
					}
				}
				continue
			}
			off++
			for _, end := range deadEnds(render(t, version, text), rel) {
				if !explained(rel, end) {
					t.Errorf("%s without %s: %s", version, name, end)
				}
			}
		}
	}
	if off < 31*9 || needed < 31*9 {
		t.Errorf("%d services were turned off, %d refused", off, needed)
	}
}

// parts are pieces of configs that change who runs, and who leads to whom.
var parts = map[string]string{
	"executors": "executors: {}\nsiteConfig: {file: site.json}\n", "tracing": "tracing: {jaeger: true}\n",
	"storage":   "objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}\n",
	"redis":     "redis: {redis-cache: {external: {env: REDIS}}}\n",
	"databases": "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}\n",
}

// TestNothingLeadsNowhere: whatever runs and whatever is off, nothing of what is accepted leads to a service that does not run, or to nobody.
func TestNothingLeadsNowhere(t *testing.T) {
	versions := newestOfEach(catalogue.Compose)
	pieces := 0
	rapid.Check(t, func(rt *rapid.T) {
		version := rapid.SampledFrom(versions).Draw(rt, "version")
		rel, err := catalogue.Embedded().Release(version, catalogue.Compose)
		if err != nil {
			rt.Fatal(err)
		}
		names := slices.Sorted(maps.Keys(rel.Services))
		// A piece that contradicts the ones before it is left out, so that every try renders something.
		off, more := "", ""
		config := func(off, more string) string { return "services: {" + off + "}\n" + more }
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID).Draw(rt, "off") {
			next := off + name + ": {enabled: false}, "
			if catalogue.Embedded().Describe()[name].Optional() && !refused("release: "+version+"\n"+config(next, more)).Failed() {
				off = next
			}
		}
		for _, part := range rapid.SliceOfDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(parts))), rapid.ID).Draw(rt, "parts") {
			if next := more + parts[part]; !refused("release: " + version + "\n" + config(off, next)).Failed() {
				more = next
			}
		}
		text := config(off, more)
		pieces += strings.Count(text, "\n") + strings.Count(off, ",") - 1
		for _, end := range deadEnds(render(t, version, text), rel) {
			if !explained(rel, end) {
				rt.Errorf("%s with\n%s%s", version, text, end)
			}
		}
	})
	if pieces == 0 {
		t.Error("every config said nothing")
	}
}

// TestNothingLeadsToAReplacedStore: with a store of the admin's own, nothing leads to the bundled one.
func TestNothingLeadsToAReplacedStore(t *testing.T) {
	for _, version := range newestOfEach(catalogue.Compose) {
		rel, err := catalogue.Embedded().Release(version, catalogue.Compose)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			"databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
			"databases: {codeintel-db: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
			"databases: {codeinsights-db: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
			"redis: {redis-cache: {external: {env: REDIS}}, redis-store: {external: {env: REDIS}}}",
			"objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}",
		} {
			for _, end := range deadEnds(render(t, version, text), rel) {
				if !explained(rel, end) {
					t.Errorf("%s with %s: %s", version, text, end)
				}
			}
		}
	}
}
