package kubernetes

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"
	render "berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/stack"
	"berth/internal/tree"
)

const tested = "7.5.4453"

// release is a Helm release with the objects that berth renders for a config, which catalogue verify holds equal to those of the chart.
func release(t *testing.T, text string) (*Helm, map[string]map[string]any) {
	t.Helper()
	set, problems := render.Render(rendertest.Resolve(t, tested, text), nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	h, live := &Helm{Name: "sourcegraph", Namespace: "sg", Status: "deployed"}, map[string]map[string]any{}
	for i := range set.Objects {
		o := &set.Objects[i]
		if o.OneShot {
			continue
		}
		body := tree.WithoutNulls(o.Whole(func(p stack.Part) string { return "their-" + p.Secret })).(map[string]any)
		h.Objects, live[o.Key()] = append(h.Objects, body), tree.WithoutNulls(body).(map[string]any)
	}
	return h, live
}

func adopted(t *testing.T, s *Source) adopt.Result {
	t.Helper()
	base, err := adopt.FindBase(catalogue.Embedded(), catalogue.Kubernetes, s.Images)
	if err != nil {
		t.Fatal(err)
	}
	if problems := Known(base, s); problems.Failed() {
		t.Fatal(problems)
	}
	r, problems := Adopt(s, catalogue.Embedded(), base, "", t.TempDir(), time.Now)
	if problems.Failed() {
		t.Fatal(problems)
	}
	return r
}

// TestSettings: what admins set is found again, as a key where there is one. That the result gives back everything is proved by Adopt itself, which
// lists the rest as undone.
func TestSettings(t *testing.T) {
	for name, want := range map[string][]string{
		"demo":             {"size: demo"},
		"replicas":         {"gitserver:\n    replicas: 2", "sourcegraph-frontend:\n    replicas: 4"},
		"limits":           {"memory: \"16Gi\"", "storage: \"1Ti\"", "storageClass: fast"},
		"disabled":         {"cadvisor:\n    enabled: false"},
		"monitoring-off":   {"prometheus:\n    enabled: false"},
		"database":         {"pgsql-auth: pgsql-auth", "pgsql:\n    enabled: false"},
		"redis":            {"redis-cache: redis-cache"},
		"existing-secrets": {"pgsql-auth: my-pgsql", "redis-cache: my-redis"},
		"registry":         {"registry: registry.example.com/mirror"},
		"jaeger":           {"jaeger: true"},
		"ingress":          {"class: alb", "tlsSecret: my-tls", "url: https://sourcegraph.example.com"},
		"load-balancer":    {"type: LoadBalancer", "- \"10.0.0.0/8\""},
		"node-port":        {"nodePort: 30080"},
		"placement":        {"priorityClass: high", "disk: ssd", "key: dedicated", "topologyKey: zone"},
		"storage-class":    {"provisioner: ebs.csi.aws.com"},
		"existing-class":   {"name: ssd"},
		"namespaced":       {"clusterScoped: false"},
		"workload-identity": {"serviceAccount:\n        annotations:\n          role: a",
			"serviceAccount:\n        name: mine"},
		"run-as":   {"patches:", "fsGroup: 2000"},
		"sidecars": {"patches:", "- args:\n"},
		"patch":    {"\"$patch\": delete"},
	} {
		t.Run(name, func(t *testing.T) {
			h, live := release(t, rendertest.Cases[name])
			r := adopted(t, Read(OfHelm(h.Name), h.Objects, live, "", "sg"))
			for _, line := range want {
				if !strings.Contains(string(r.Text), line) {
					t.Errorf("the config lacks %q", line)
				}
			}
			if undone := r.Report.Undone(); len(undone) > 0 {
				t.Errorf("not kept: %+v", undone)
			}
			if t.Failed() {
				t.Logf("%s", r.Text)
			}
		})
	}
}

// TestNothingSecret: neither the config nor the report has a password or a hash of one; a secret in a variable goes into a file.
func TestNothingSecret(t *testing.T) {
	const token, hash = "ghp_0123456789abcdefghijABCDEFGHIJ012345", "5dd2fcbd0b2a1b2c2f7a4a9d6c0e2e8d5a1c1a6f0c0f8a5d3c7f9b1e2d4c6a8b"
	h, live := release(t, "")
	worker := live["Deployment/worker"]
	c := tree.Containers(tree.Branch(tree.Pods(worker), "spec"))[0]
	c["env"] = append(tree.List(c["env"]), map[string]any{"name": "GITHUB_TOKEN", "value": token})
	tree.At(live["StatefulSet/pgsql"], "spec", "template", "metadata", "annotations")["checksum/pgsql.secret"] = hash
	tree.At(live["Secret/pgsql-auth"], "data")["password"] = base64.StdEncoding.EncodeToString([]byte("aZ9-their-own"))
	h.Objects = nil
	for _, body := range live {
		h.Objects = append(h.Objects, body)
	}
	r := adopted(t, Read(OfHelm(h.Name), h.Objects, live, "", "sg"))
	report, err := json.Marshal(r.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, hash, "aZ9-their-own", base64.StdEncoding.EncodeToString([]byte("aZ9-their-own"))} {
		if strings.Contains(string(r.Text)+string(report), secret) {
			t.Errorf("%s is written down:\n%s", secret, r.Text)
		}
	}
	if got := string(r.Files["secrets/worker-github-token"]); got != token+"\n" {
		t.Errorf("the file has %q", got)
	}
	if !strings.Contains(string(r.Text), "checksum/*") || len(r.Report.Undone()) > 0 {
		t.Errorf("%+v\n%s", r.Report.Undone(), r.Text)
	}
}

// TestOtherSelectors: objects of Sourcegraph's Kustomize repository have other selectors. They are made again as the release has them, with what keys say and
// without a patch, and each of their lines is listed.
func TestOtherSelectors(t *testing.T) {
	h, live := release(t, "services: {worker: {memory: 5Gi}, gitserver: {replicas: 2}}")
	for _, bodies := range [][]map[string]any{h.Objects, slices.Collect(maps.Values(live))} {
		for _, body := range bodies {
			if labels := tree.Branch(body, "spec", "selector", "matchLabels"); labels["app.kubernetes.io/instance"] != nil && tree.Pods(body) != nil {
				delete(labels, "app.kubernetes.io/instance")
				delete(tree.Branch(tree.Pods(body), "metadata", "labels"), "app.kubernetes.io/instance")
				tree.At(tree.Pods(body), "metadata", "annotations")["own"] = "yes"
				tree.At(tree.Pods(body), "spec")["hostNetwork"] = true
			}
			if keyOf(body) == "Service/gitserver" { // it names a port as the pods do that go
				tree.Items(tree.Branch(body, "spec")["ports"])[0]["targetPort"] = "theirs"
			}
		}
	}
	h.Objects = slices.DeleteFunc(h.Objects, func(body map[string]any) bool {
		return keyOf(body) == "Secret/pgsql-auth" || keyOf(body) == "Secret/codeinsights-db-auth"
	})
	delete(live, "Secret/pgsql-auth")
	delete(live, "Secret/codeinsights-db-auth")
	for _, body := range append(slices.Clone(h.Objects), live["StatefulSet/codeinsights-db"]) {
		for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
			if v := tree.Named(c["env"], "POSTGRES_PASSWORD"); v != nil && keyOf(body) == "StatefulSet/codeinsights-db" {
				delete(v, "valueFrom")
				v["value"] = "theirs"
			}
		}
	}
	r := adopted(t, Read(OfFiles("overlay", ""), h.Objects, live, "", "sg"))
	for _, want := range []string{"memory: \"5Gi\"", "replicas: 2", "own: \"yes\""} {
		if !strings.Contains(string(r.Text), want) {
			t.Errorf("the config lacks %q:\n%s", want, r.Text)
		}
	}
	if strings.Contains(string(r.Text), "hostNetwork") || strings.Contains(string(r.Text), "targetPort") {
		t.Errorf("what is made again is patched:\n%s", r.Text)
	}
	again := map[string]bool{}
	for _, i := range r.Report.Items {
		if i.Fate == adopt.Again {
			again[i.Object+" "+i.Path] = i.Undone
		}
	}
	for _, line := range []string{"StatefulSet/gitserver spec.selector.matchLabels.app.kubernetes.io/instance", "Deployment/worker spec.template.spec.hostNetwork"} {
		if !again[line] {
			t.Errorf("%s is not among what is made again, and asked about", line)
		}
	}
	if notes := strings.Join(r.Report.Notes, "\n"); !strings.Contains(notes, "Secret/pgsql-auth is created with a new password") {
		t.Errorf("the new password is not said: %s", notes)
	} else if !strings.Contains(notes, "Secret/codeinsights-db-auth is created with the password that StatefulSet/codeinsights-db has") || strings.Contains(notes, "theirs") {
		t.Errorf("the password that stays is not said, or shown: %s", notes)
	}
	if strings.Contains(string(r.Text), "theirs") {
		t.Errorf("the password is in the config:\n%s", r.Text)
	}
}

// TestRefusedLine: where a patch can't have one of its lines, it keeps the others.
func TestRefusedLine(t *testing.T) {
	h, live := release(t, "")
	c := tree.Named(tree.Branch(tree.Pods(live["Deployment/sourcegraph-frontend"]), "spec")["containers"], "frontend")
	c["workingDir"], c["tty"] = "/tmp", true
	c["env"] = slices.DeleteFunc(slices.Clone(tree.List(c["env"])), func(e any) bool { return tree.Text(e.(map[string]any), "name") == "PGHOST" })
	h.Objects = slices.Collect(maps.Values(live))
	r := adopted(t, Read(OfHelm(h.Name), h.Objects, live, "", "sg"))
	for _, want := range []string{"workingDir: /tmp", "tty: true"} {
		if !strings.Contains(string(r.Text), want) {
			t.Errorf("the config lacks %q:\n%s", want, r.Text)
		}
	}
	undone := r.Report.Undone()
	if len(undone) == 0 {
		t.Error("a variable that berth needs was taken away")
	}
	for _, i := range undone {
		if !strings.Contains(i.Path, "env.PGHOST") || !strings.HasPrefix(i.Why, "PGHOST can't be set here") {
			t.Errorf("lost with it: %+v", i)
		}
	}
}

// TestRefused: what can't be taken over in place, and what is no Sourcegraph, is refused before anything is compared.
func TestRefused(t *testing.T) {
	for code, change := range map[string]func(body map[string]any){
		"BERTH4313": func(body map[string]any) {
			if labels := tree.Branch(body, "spec", "selector", "matchLabels"); labels != nil {
				labels["app.kubernetes.io/instance"] = "other"
			}
		},
		"BERTH4315": func(body map[string]any) {
			if keyOf(body) == "Deployment/worker" {
				images(body, "sourcegraph/worker:7.4.0")
			}
		},
		"BERTH4316": func(body map[string]any) {
			if keyOf(body) == "Deployment/worker" {
				tree.Containers(tree.Branch(tree.Pods(body), "spec"))[0]["image"] = "index.docker.io/sourcegraph/frontend:" + tested
			}
		},
		"BERTH4304": func(body map[string]any) { images(body, "nginx:1.27") },
		"BERTH4305": func(body map[string]any) { images(body, "sourcegraph/frontend:4.5.1") },
	} {
		h, live := release(t, "")
		for _, body := range live {
			change(body)
		}
		s := Read(OfHelm(h.Name), h.Objects, live, "", "sg")
		base, err := adopt.FindBase(catalogue.Embedded(), catalogue.Kubernetes, s.Images)
		if err != nil {
			t.Fatal(err)
		}
		if problems := Known(base, s); len(problems) != 1 || problems[0].Code != code {
			t.Errorf("want %s: %v", code, problems)
		}
	}
}

func images(body map[string]any, image string) {
	for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
		c["image"] = image
	}
}

func TestDecode(t *testing.T) {
	record := fmt.Sprintf(`{"name": "sourcegraph", "namespace": "sg", "version": 3, "info": {"status": "deployed"}, "chart": {"metadata": {"name": "sourcegraph", "version": %q}},
		"manifest": "---\n# Source: a\nkind: StorageClass\nmetadata: {name: fast}\nparameters:\n  type: a\n  type: b\n---\n---\nkind: List\nitems: [{kind: ConfigMap, metadata: {name: cm}}]\n"}`, tested)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(record)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{packed.Bytes(), []byte(record)} { // the oldest are not packed
		twice := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(text)))
		h, err := Decode(map[string]any{"data": map[string]any{"release": twice}})
		if err != nil {
			t.Fatal(err)
		}
		if h.Version != 3 || h.ChartVersion != tested || len(h.Objects) != 2 || keyOf(h.Objects[1]) != "ConfigMap/cm" || tree.Text(h.Objects[0], "parameters", "type") != "b" {
			t.Errorf("%+v", h)
		}
	}
	for _, wrong := range []string{"", "####", base64.StdEncoding.EncodeToString([]byte("####"))} {
		if _, err := Decode(map[string]any{"data": map[string]any{"release": wrong}}); err == nil {
			t.Errorf("%q is a record", wrong)
		}
	}
}

// TestOtherNames: of objects that are made again, what means the same is no change: names of ports with all that refers to them, the user of a pod, the
// container that kubectl chooses. A port of another number is one, and in an object that stays its name is.
func TestOtherNames(t *testing.T) {
	h, live := release(t, "")
	worker, searcher := live["Deployment/worker"], live["StatefulSet/searcher"]
	delete(tree.Branch(worker, "spec", "selector", "matchLabels"), "app.kubernetes.io/instance")
	pods := tree.Branch(tree.Pods(worker), "spec")
	c := tree.Containers(pods)[0]
	for _, port := range tree.Items(c["ports"]) {
		port["name"] = fmt.Sprint("theirs-", port["containerPort"])
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		tree.At(c, probe, "httpGet")["port"] = "theirs-6060"
	}
	user := tree.Branch(c, "securityContext")["runAsUser"]
	tree.At(pods, "securityContext")["runAsUser"] = user
	tree.At(worker, "metadata", "annotations")["kubectl.kubernetes.io/default-container"] = "worker"
	for _, body := range []map[string]any{worker, searcher} {
		tree.At(body, "metadata", "labels")["sourcegraph-resource-requires"] = "no-cluster-admin"
	}
	service := tree.Items(tree.Branch(live["Service/worker"], "spec")["ports"])
	service[0]["targetPort"], service[0]["name"] = fmt.Sprint("theirs-", service[0]["port"]), "theirs"
	tree.Containers(tree.Branch(tree.Pods(searcher), "spec"))[0]["ports"].([]any)[0].(map[string]any)["name"] = "own"
	h.Objects = slices.Collect(maps.Values(live))
	r := adopted(t, Read(OfFiles("overlay", ""), h.Objects, live, "", "sg"))
	fates := map[string]adopt.Fate{}
	for _, i := range r.Report.Items {
		fates[i.Object+" "+i.Path] = i.Fate
	}
	in := "Deployment/worker spec.template.spec."
	for line, want := range map[string]adopt.Fate{
		in + "containers.worker.ports.6060/TCP.name":                             adopt.Default,
		in + "containers.worker.livenessProbe.httpGet.port":                      adopt.Default,
		in + "containers.worker.readinessProbe.httpGet.port":                     adopt.Default,
		in + "securityContext.runAsUser":                                         adopt.Default,
		"Deployment/worker labels.sourcegraph-resource-requires":                 adopt.Default,
		"StatefulSet/searcher labels.sourcegraph-resource-requires":              adopt.Default,
		"Deployment/worker annotations.kubectl.kubernetes.io/default-container":  adopt.Default,
		"Deployment/worker spec.selector.matchLabels.app.kubernetes.io/instance": adopt.Again,
	} {
		if fates[line] != want {
			t.Errorf("%s: %q, want %q", line, fates[line], want)
		}
	}
	if user == nil {
		t.Error("the chart has no user of the worker's container: the test proves nothing")
	}
	for line, fate := range fates {
		if strings.HasPrefix(line, "StatefulSet/searcher spec.template.spec.containers.searcher.ports.") && strings.HasSuffix(line, "own") && fate == adopt.Default {
			t.Errorf("%s of an object that stays: %q", line, fate)
		}
		if strings.HasPrefix(line, "Service/worker spec.ports") && fate == adopt.Again {
			t.Errorf("%s would change", line)
		}
	}
	if !strings.Contains(string(r.Text), "own") {
		t.Errorf("the name of a port of an object that stays is lost:\n%s", r.Text)
	}
}

// deployed makes workloads of a release Deployments, as those of Sourcegraph's older manifests are, and gives what else their form says in another way.
func deployed(t *testing.T, h *Helm, live map[string]map[string]any, names ...string) {
	t.Helper()
	for _, name := range names {
		body := live["StatefulSet/"+name]
		delete(live, "StatefulSet/"+name)
		live["Deployment/"+name] = body
		spec := tree.Branch(body, "spec")
		delete(spec, "serviceName")
		delete(spec, "updateStrategy")
		delete(spec, "volumeClaimTemplates")
		body["kind"], spec["strategy"] = "Deployment", map[string]any{"type": "Recreate"}
		delete(tree.Branch(spec, "selector", "matchLabels"), "app.kubernetes.io/instance")
		delete(live, "Secret/"+name+"-auth")
	}
	h.Objects = slices.Collect(maps.Values(live))
}

// fatesOf are the fates of lines by object and path.
func fatesOf(r adopt.Result) map[string]adopt.Item {
	out := map[string]adopt.Item{}
	for _, i := range r.Report.Items {
		out[i.Object+" "+i.Path] = i
	}
	return out
}

// TestOtherKind: a Deployment of theirs stands where the release has a StatefulSet. The two are compared line by line, and never both kept: they mount one claim.
func TestOtherKind(t *testing.T) {
	h, live := release(t, "services: {pgsql: {memory: 9Gi}}")
	frontend := tree.Named(tree.Branch(tree.Pods(live["Deployment/sourcegraph-frontend"]), "spec")["containers"], "frontend")
	delete(tree.Branch(live["Deployment/sourcegraph-frontend"], "spec", "selector", "matchLabels"), "app.kubernetes.io/instance")
	plain := func(list any, name, value string) {
		v := tree.Named(list, name)
		if v == nil {
			t.Fatalf("the release has no variable %s", name)
		}
		delete(v, "valueFrom")
		v["value"] = value
	}
	plain(frontend["env"], "PGHOST", "pgsql")
	plain(frontend["env"], "PGPORT", "5433")
	frontend["env"] = append(tree.List(frontend["env"]), map[string]any{"name": "CODEINSIGHTS_PGDATASOURCE", "value": "postgres://postgres:theirs@codeinsights-db:5432/postgres"})
	database := tree.Containers(tree.Branch(tree.Pods(live["StatefulSet/codeinsights-db"]), "spec"))
	for _, c := range database {
		if tree.Named(c["env"], "POSTGRES_PASSWORD") != nil {
			plain(c["env"], "POSTGRES_PASSWORD", "theirs")
			tree.Items(c["ports"])[0]["protocol"] = "TCP"
		}
	}
	for _, v := range tree.Items(tree.Branch(tree.Pods(live["StatefulSet/codeintel-db"]), "spec")["volumes"]) {
		if claim := tree.Branch(v, "persistentVolumeClaim"); claim != nil {
			claim["claimName"] = "own"
		}
	}
	tree.At(tree.Pods(live["StatefulSet/pgsql"]), "spec", "securityContext")["runAsUser"] = 0
	deployed(t, h, live, "pgsql", "codeintel-db", "codeinsights-db")
	r := adopted(t, Read(OfFiles("manifests", ""), h.Objects, live, "", "sg"))

	if !strings.Contains(string(r.Text), "memory: \"9Gi\"") || strings.Contains(string(r.Text), "enabled: false") {
		t.Errorf("what a Deployment says becomes no key, or its service is left out:\n%s", r.Text)
	}
	fates := fatesOf(r)
	for line, want := range map[string]adopt.Fate{
		"StatefulSet/pgsql spec.strategy.type":                                                                 adopt.Default,
		"StatefulSet/pgsql spec.selector.matchLabels.app.kubernetes.io/instance":                               adopt.Again,
		"StatefulSet/pgsql spec.template.spec.securityContext.runAsUser":                                       adopt.Again,
		"StatefulSet/codeintel-db spec.template.spec.volumes.disk.persistentVolumeClaim.claimName":             adopt.Lost,
		"StatefulSet/codeinsights-db spec.template.spec.containers.codeinsights.env.POSTGRES_PASSWORD":         adopt.Secret,
		"StatefulSet/codeinsights-db spec.template.spec.containers.codeinsights.ports.5432/TCP.protocol":       adopt.Default,
		"Deployment/sourcegraph-frontend spec.template.spec.containers.frontend.env.PGHOST":                    adopt.Default,
		"Deployment/sourcegraph-frontend spec.template.spec.containers.frontend.env.CODEINSIGHTS_PGDATASOURCE": adopt.Secret,
		"Deployment/sourcegraph-frontend spec.template.spec.containers.frontend.env.PGPORT":                    adopt.Again,
	} {
		if fates[line].Fate != want {
			t.Errorf("%s: %+v, want %q", line, fates[line], want)
		}
	}
	if !strings.Contains(fates["StatefulSet/pgsql spec.template.spec.securityContext.runAsUser"].Why, "own the files") {
		t.Errorf("that root's files need another owner is not said: %+v", fates["StatefulSet/pgsql spec.template.spec.securityContext.runAsUser"])
	}
	for _, name := range []string{"pgsql", "codeintel-db", "codeinsights-db"} {
		if i, found := fates["Deployment/"+name+" "]; found {
			t.Errorf("two databases would use one claim: %+v", i)
		}
	}
	notes := strings.Join(r.Report.Notes, "\n")
	for _, want := range []string{"Deployment/pgsql makes room for StatefulSet/pgsql", "Secret/codeinsights-db-auth is created with the password that StatefulSet/codeinsights-db has"} {
		if !strings.Contains(notes, want) {
			t.Errorf("not said: %s\n%s", want, notes)
		}
	}
	if report, err := json.Marshal(r.Report); err != nil || strings.Contains(string(report), "postgres:theirs") {
		t.Errorf("the report has the password: %v", err)
	}
}
