package kubernetes_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/tree"
)

// said is everything that can be said of a container and its pods, with a word in it.
func said(word string, guest bool) string {
	pods := fmt.Sprintf("labels: {own: %[1]s}, annotations: {own: %[1]s}, extraHosts: {%[1]s.internal: 10.0.0.5}, dns: {servers: [10.0.0.2], options: [ndots:2]}, sysctls: {net.ipv4.tcp_fin_timeout: 30}, ", word)
	if guest {
		pods = "" // these belong to the pods of another service
	}
	return fmt.Sprintf("{%senv: {OWN: %[2]s, SECRET: {secretKey: {name: %[2]s, key: k}}, CONFIG: {configMapKey: {name: %[2]s, key: k}}}, timezone: Europe/Berlin, "+
		"mounts: [{at: /own/secret, secret: %[2]s}, {at: /own/config, configMap: %[2]s, key: k}, {at: /own/path, path: /%[2]s}, {at: /own/claim, volume: %[2]s}]}", pods, word)
}

// wrong says what a container and its pods lack of what was said.
func wrong(template, c map[string]any, word string, guest bool) (missing []string) {
	check := func(what string, ok bool) {
		if !ok {
			missing = append(missing, what)
		}
	}
	env := func(name string) map[string]any { return tree.Named(c["env"], name) }
	check("env", env("OWN")["value"] == word && env("TZ")["value"] == "Europe/Berlin")
	check("secretKey", tree.Text(env("SECRET"), "valueFrom", "secretKeyRef", "name") == word)
	check("configMapKey", tree.Text(env("CONFIG"), "valueFrom", "configMapKeyRef", "name") == word)
	spec := tree.At(template, "spec")
	for _, at := range []string{"/own/secret", "/own/config", "/own/path", "/own/claim"} {
		i := slices.IndexFunc(tree.Items(c["volumeMounts"]), func(m map[string]any) bool { return m["mountPath"] == at })
		check("mount "+at, i >= 0 && strings.Contains(fmt.Sprint(tree.Named(spec["volumes"], tree.Text(tree.Items(c["volumeMounts"])[max(i, 0)], "name"))), word))
	}
	if guest {
		return missing
	}
	check("labels", tree.Text(template, "metadata", "labels", "own") == word && tree.Text(template, "metadata", "annotations", "own") == word)
	check("extraHosts", reflect.DeepEqual(spec["hostAliases"], []any{map[string]any{"ip": "10.0.0.5", "hostnames": []any{word + ".internal"}}}))
	check("dns", reflect.DeepEqual(spec["dnsConfig"], map[string]any{"nameservers": []any{"10.0.0.2"}, "options": []any{map[string]any{"name": "ndots", "value": "2"}}}))
	check("sysctls", reflect.DeepEqual(tree.At(spec, "securityContext")["sysctls"], []any{map[string]any{"name": "net.ipv4.tcp_fin_timeout", "value": "30"}}))
	return missing
}

// TestWhatIsSaidReachesEveryContainer: every key of containers reaches every container of every minor release, said for all services or for one.
func TestWhatIsSaidReachesEveryContainer(t *testing.T) {
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		if short := testing.Short() && !strings.HasSuffix(v.Version, ".4.0"); (short || !strings.HasSuffix(v.Version, ".0")) && v.Version != "7.5.4453" {
			continue
		}
		rel, err := catalogue.Embedded().Release(v.Version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		own := "services:\n"
		for name := range rel.Services {
			if w := rel.Workload(name); w != nil {
				own += "  " + name + ": " + said(name, w.Guest()) + "\n"
			}
		}
		for level, text := range map[string]string{"all": "allServices: " + said("all", false), "": own} {
			s := rendertest.Resolve(t, v.Version, text)
			set, problems := kubernetes.Render(s, nil)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			for service, place := range s.Cluster.Containers {
				i := slices.IndexFunc(set.Objects, func(o kubernetes.Object) bool { return o.Key() == place.Object })
				group := map[bool]string{true: "initContainers", false: "containers"}[place.Init]
				template := tree.Pods(set.Objects[i].Body)
				c := tree.Named(tree.At(template, "spec")[group], place.Name)
				word := service
				if level != "" {
					word = level
				}
				guest := set.Objects[i].Service != service
				if missing := wrong(template, c, word, guest); missing != nil {
					t.Errorf("%s: %s lacks %v", v.Version, service, missing)
				}
			}
		}
	}
}

// TestVolumesGoWhereTheConfigSays: every volume of every release can be on an NFS server and, where it is one, in a claim of the admin's.
func TestVolumesGoWhereTheConfigSays(t *testing.T) {
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		if !strings.HasSuffix(v.Version, ".0") {
			continue
		}
		rel, err := catalogue.Embedded().Release(v.Version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		for kind, place := range map[string]string{"nfs": "{nfs: {server: nfs, path: '/%s/{i}'}}", "name": "{name: own-%s}"} {
			text, services := "services:\n", 0
			for name := range rel.Services {
				if w := rel.Workload(name); w != nil && !w.Guest() && w.Claim != nil && w.Overlay == "" {
					services++
					text += "  " + name + ": {replicas: 1, volume: " + fmt.Sprintf(place, name) + "}\n"
				}
			}
			if services < 8 {
				t.Fatalf("%s: only %d services with a volume", v.Version, services)
			}
			volumes, claims := 0, 0
			for _, o := range render(t, v.Version, strings.ReplaceAll(text, "replicas: 1, ", "")).Objects {
				claims += strings.Count(fmt.Sprint(o.Body), "claimName:own-")
				if o.Kind() == "PersistentVolume" {
					volumes++
				}
				for _, claim := range append(tree.Items(tree.At(o.Body, "spec")["volumeClaimTemplates"]), o.Body) {
					if class, set := tree.At(claim, "spec")["storageClassName"]; tree.At(claim, "spec")["accessModes"] != nil && (kind == "name" || !set || class != "") {
						t.Errorf("%s, %s: %s still asks for a disk of its own", v.Version, kind, o.Key())
					}
				}
			}
			if kind == "name" && claims < services || kind == "nfs" && volumes < services {
				t.Errorf("%s, %s: %d services with a volume, %d volumes, %d claims", v.Version, kind, services, volumes, claims)
			}
		}
	}
}
