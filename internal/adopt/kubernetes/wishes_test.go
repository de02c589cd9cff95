package kubernetes

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"berth/internal/adopt"
	"berth/internal/tree"
)

// server is an API server with some of the defaults of the real one. asked counts what it is asked.
func server(asked *int) Write {
	return func(body map[string]any) (map[string]any, []string, bool, error) {
		*asked++
		out := tree.WithoutNulls(body).(map[string]any)
		put := func(m map[string]any, name string, v any) {
			if m[name] == nil {
				m[name] = v
			}
		}
		if tree.Pods(out) == nil {
			return out, nil, true, nil
		}
		pods := tree.At(tree.Pods(out), "spec")
		var refused []string
		put(tree.At(out, "spec"), "replicas", float64(1))
		put(tree.At(out, "spec", "strategy"), "type", "RollingUpdate")
		put(pods, "restartPolicy", "Always")
		if name := pods["serviceAccountName"]; name != nil {
			pods["serviceAccount"] = name
		} else if name := pods["serviceAccount"]; name != nil {
			pods["serviceAccountName"] = name
		}
		if tree.Branch(out, "spec", "template", "metadata")["labels"] == nil {
			refused = append(refused, "spec.template.metadata.labels")
		}
		for i, c := range tree.Containers(pods) {
			if c["image"] == nil {
				refused = append(refused, written([]any{"spec", "template", "spec", "containers", i, "image"}))
			}
			put(c, "imagePullPolicy", "IfNotPresent")
			for _, p := range tree.Items(c["ports"]) {
				put(p, "protocol", "TCP")
			}
			if probe := tree.Branch(c, "livenessProbe"); probe != nil {
				put(probe, "periodSeconds", float64(10))
				if get := tree.Branch(probe, "httpGet"); get["path"] == nil || get["port"] == nil {
					refused = append(refused, "") // some refusals name no field
				} else {
					put(get, "scheme", "HTTP")
				}
			}
		}
		return out, refused, refused == nil, nil
	}
}

// TestWishes: what the API server writes by itself is no wish, also where it would refuse an object without the fields beside it.
func TestWishes(t *testing.T) {
	var live map[string]any
	if err := json.Unmarshal([]byte(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker", "namespace": "sg", "uid": "1", "labels": {"app": "worker"}, "managedFields": [
			{"manager": "kubectl-create", "operation": "Update", "fieldsV1": {"f:spec": {"f:progressDeadlineSeconds": {}, "f:replicas": {}}}},
			{"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:minReadySeconds": {}}}}]},
		"spec": {"replicas": 2, "minReadySeconds": 3, "strategy": {"type": "RollingUpdate"}, "template": {"metadata": {"creationTimestamp": null, "labels": {"app": "worker"}}, "spec": {
			"restartPolicy": "Always", "serviceAccount": "own", "serviceAccountName": "own", "containers": [
			{"name": "worker", "image": "worker:1", "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "2"}},
			 "env": [{"name": "A", "value": "a"}], "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "periodSeconds": 10}},
			{"name": "own", "image": "own:1", "imagePullPolicy": "Always"}]}}}, "status": {"replicas": 2}}`), &live); err != nil {
		t.Fatal(err)
	}
	asked := 0
	got, err := WishesOf(live, server(&asked))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"worker"},"name":"worker","namespace":"sg"},"spec":{"replicas":2,` +
		`"template":{"metadata":{"labels":{"app":"worker"}},"spec":{"containers":[{"env":[{"name":"A","value":"a"}],"image":"worker:1",` +
		`"livenessProbe":{"httpGet":{"path":"/","port":80}},"name":"worker","ports":[{"containerPort":80,"protocol":"TCP"}],"resources":{"limits":{"cpu":"2"}}},` +
		`{"image":"own:1","imagePullPolicy":"Always","name":"own"}],"serviceAccountName":"own"}}}}`
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if asked > 40 {
		t.Errorf("the API server was asked %d times", asked)
	}
}

// TestLive: what runs without any record is found again like a release that has one: no default of the API server gets into the config, and nothing is lost.
func TestLive(t *testing.T) {
	_, live := release(t, "services: {worker: {memory: 5Gi, cpu: 3}, gitserver: {replicas: 2, storage: 1Ti}}")
	asked := 0
	worker := tree.Containers(tree.Branch(tree.Pods(live["Deployment/worker"]), "spec"))[0]
	tree.At(worker, "resources", "limits")["cpu"] = "3000m"
	tree.At(live["Deployment/worker"], "spec", "template", "spec")["restartPolicy"] = "Always"
	var all []Wishes
	for _, body := range live {
		w, err := WishesOf(body, server(&asked))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	r := adopted(t, ReadLive(OfNamespace("sg"), all, "", "sg"))
	for _, want := range []string{"memory: \"5Gi\"", "replicas: 2", "storage: \"1Ti\""} {
		if !strings.Contains(string(r.Text), want) {
			t.Errorf("the config lacks %q:\n%s", want, r.Text)
		}
	}
	if undone := r.Report.Undone(); len(undone) > 0 || strings.Contains(string(r.Text), "patches") {
		t.Errorf("%+v\n%s", undone, r.Text)
	}
	if !slices.ContainsFunc(r.Report.Items, func(i adopt.Item) bool { return i.Fate == adopt.Key }) {
		t.Error("no key says anything")
	}
}
