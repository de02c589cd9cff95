package kubernetes_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/tree"
)

// newestOfEach are the newest releases of each minor one.
func newestOfEach() []string {
	newest := map[string]string{}
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		minor := catalogue.Minor(v.Version)
		if newest[minor] == "" || catalogue.CompareVersions(v.Version, newest[minor]) > 0 {
			newest[minor] = v.Version
		}
	}
	return slices.Sorted(maps.Values(newest))
}

// deadEnds are the places of objects that lead to services of the release that don't run. Those that name an object which is not there are
// dead ends, too.
func deadEnds(set *kubernetes.Set, rel *catalogue.Release) []string {
	leads, runs, there := rel.Leads(), map[string]bool{}, map[string]bool{}
	for _, o := range set.Objects {
		there[o.Key()] = true
		if o.Kind() != "Secret" { // those of a replaced store stay, and say where it is
			runs[o.Service] = true
		}
	}
	var found []string
	text := func(place, value string) {
		for _, service := range leads.To(value) {
			if !runs[service] {
				found = append(found, place+" leads to "+service+": "+value)
			}
		}
	}
	names := func(place, kind, name string) {
		if name != "" && !there[kind+"/"+name] {
			found = append(found, fmt.Sprintf("%s names %s/%s, which is not there", place, kind, name))
		}
	}
	for _, o := range set.Objects {
		if o.Kind() == "ConfigMap" {
			for file, content := range tree.At(o.Body, "data") {
				for _, line := range strings.Split(fmt.Sprint(content), "\n") {
					if at := strings.Index(line, "://"); at >= 0 || strings.Contains(line, "endpoint:") {
						text(o.Key()+" "+file, line[max(strings.LastIndexByte(line, ' '), 0):])
					}
				}
			}
		}
		for key, value := range o.Values {
			for _, part := range value {
				text(o.Key()+" "+key, part.Text)
			}
		}
		pods := tree.Pods(o.Body)
		if pods == nil {
			continue
		}
		spec := tree.At(pods, "spec")
		names(o.Key(), "ServiceAccount", tree.Text(spec, "serviceAccountName"))
		for _, v := range tree.Items(spec["volumes"]) {
			names(o.Key(), "ConfigMap", tree.Text(v, "configMap", "name"))
			names(o.Key(), "Secret", tree.Text(v, "secret", "secretName"))
			names(o.Key(), "PersistentVolumeClaim", tree.Text(v, "persistentVolumeClaim", "claimName"))
		}
		for _, c := range tree.Containers(spec) {
			place := o.Key() + " " + tree.Text(c, "name")
			for _, e := range tree.Items(c["env"]) {
				text(place+" "+tree.Text(e, "name"), tree.Text(e, "value"))
				names(place+" "+tree.Text(e, "name"), "Secret", tree.Text(e, "valueFrom", "secretKeyRef", "name"))
			}
			for _, e := range tree.Items(c["envFrom"]) {
				names(place, "Secret", tree.Text(e, "secretRef", "name"))
				names(place, "ConfigMap", tree.Text(e, "configMapRef", "name"))
			}
		}
	}
	return found
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
	_, _, problems := check.Read("sourcegraph.yaml", []byte("target: kubernetes\nurl: https://sourcegraph.example.com\ntls: {external: true}\n"+text+"\n"), catalogue.Embedded(), check.World{
		ReadFile: func(string) ([]byte, error) { return []byte("{}"), nil },
		Stat:     func(string) (fs.FileInfo, error) { return fs.Stat(os.DirFS("."), "leads_test.go") },
		Getenv:   func(string) string { return "value" }, Now: time.Now, Catalogue: catalogue.Embedded(),
	})
	return problems
}

// TestNothingLeadsToAServiceThatIsOff: for every service of every minor release, enabled: false is refused, or nothing leads to the service,
// and none of its containers runs.
func TestNothingLeadsToAServiceThatIsOff(t *testing.T) {
	off, needed := 0, 0
	for _, version := range newestOfEach() {
		rel, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(rel.Services)) {
			text := "services: {" + name + ": {enabled: false}}\n" + keyed[rel.Services[name].Kubernetes.Overlay]
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
			set, problems := kubernetes.Render(rendertest.Resolve(t, version, text), nil)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			for _, end := range deadEnds(set, rel) {
				if !explained(rel, end) {
					t.Errorf("%s without %s: %s", version, name, end)
				}
			}
			place := rel.Services[name].Kubernetes.Container
			for _, o := range set.Objects {
				if o.Key() == place.Object && tree.Named(tree.At(tree.Pods(o.Body), "spec")["containers"], place.Name) != nil {
					t.Errorf("%s without %s: its container runs in %s", version, name, place.Object)
				}
				if port := tree.Text(o.Body, "metadata", "annotations", "prometheus.io/port"); o.Kind() == "Service" && port == "9187" && strings.HasSuffix(name, "-exporter") &&
					o.Service == strings.TrimSuffix(name, "-exporter") {
					t.Errorf("%s without %s: Prometheus still asks %s", version, name, o.Key())
				}
			}
		}
	}
	if off < 32*8 || needed < 32*8 {
		t.Errorf("%d services were turned off, %d refused", off, needed)
	}
}

// TestNothingLeadsToAReplacedStore: with a store of the admin's own, nothing leads to the bundled one.
func TestNothingLeadsToAReplacedStore(t *testing.T) {
	for _, version := range newestOfEach() {
		rel, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			"", "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
			"databases: {codeintel-db: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
			"databases: {codeinsights-db: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
			"redis: {redis-cache: {external: {env: REDIS}}, redis-store: {external: {env: REDIS}}}",
			"objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}",
		} {
			set, problems := kubernetes.Render(rendertest.Resolve(t, version, text), nil)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			for _, end := range deadEnds(set, rel) {
				if !explained(rel, end) {
					t.Errorf("%s with %s: %s", version, text, end)
				}
			}
		}
	}
}
