package wanted

import (
	"encoding/json"
	"testing"

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
	got, err := Of(live, server(&asked))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"worker"},"name":"worker","namespace":"sg"},"spec":{"replicas":2,` +
		`"template":{"metadata":{"labels":{"app":"worker"}},"spec":{"containers":[{"env":[{"name":"A","value":"a"}],"image":"worker:1",` +
		`"livenessProbe":{"httpGet":{"path":"/","port":80}},"name":"worker","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"2"}}},` +
		`{"image":"own:1","imagePullPolicy":"Always","name":"own"}],"serviceAccountName":"own"}}}}`
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if asked > 40 {
		t.Errorf("the API server was asked %d times", asked)
	}
}

// TestRecorded: of a live object counts what was deployed, as it is now, and what others set. Defaults and records of controllers don't.
func TestRecorded(t *testing.T) {
	var manifest, live map[string]any
	for text, into := range map[string]*map[string]any{
		`{"kind": "Deployment", "metadata": {"name": "worker"}, "spec": {"replicas": 1, "template": {"spec": {"containers": [
			{"name": "worker", "image": "worker:1", "resources": {"limits": {"cpu": "2000m", "memory": "4Gi"}}, "env": [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}]}]}}}}`: &manifest,
		`{"kind": "Deployment", "metadata": {"name": "worker", "uid": "1", "annotations": {"deployment.kubernetes.io/revision": "3"}, "managedFields": [
			{"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:progressDeadlineSeconds": {}}}},
			{"manager": "keda", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
			{"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}},
			{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"worker\"}": {"f:env": {"k:{\"name\":\"C\"}": {".": {}}}}}}}}}}]},
			"spec": {"replicas": 5, "paused": true, "progressDeadlineSeconds": 600, "template": {"spec": {"dnsPolicy": "ClusterFirst", "containers": [
			{"name": "worker", "image": "worker:1", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "2", "memory": "8Gi"}}, "env": [{"name": "A", "value": "changed"}, {"name": "C", "value": "c"}]}]}}},
			"status": {"replicas": 5}}`: &live,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	body, scaled := Recorded(manifest, live, []string{"helm"})
	got, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"kind":"Deployment","metadata":{"name":"worker"},"spec":{"paused":true,"replicas":1,"template":{"spec":{"containers":[` +
		`{"env":[{"name":"A","value":"changed"},{"name":"C","value":"c"}],"image":"worker:1","name":"worker","resources":{"limits":{"cpu":"2000m","memory":"8Gi"}}}]}}}}`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if scaled != "keda" {
		t.Errorf("scaled by %q", scaled)
	}
}

// TestPortOfNodes: the API server gives a port of nodes to one Service alone, so it is not asked about. It stays a wish, with all others found.
func TestPortOfNodes(t *testing.T) {
	live := map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "front"}, "spec": map[string]any{"type": "NodePort", "clusterIP": "10.0.0.3",
		"sessionAffinity": "None", "ports": []any{map[string]any{"port": 80.0, "nodePort": 30080.0, "protocol": "TCP"}}}}
	got, err := Of(live, func(body map[string]any) (map[string]any, []string, bool, error) {
		made := tree.WithoutNulls(body).(map[string]any)
		port := tree.Items(tree.Branch(made, "spec")["ports"])[0]
		if port["nodePort"] == 30080.0 {
			return nil, []string{"spec.ports[0].nodePort"}, false, nil
		}
		port["protocol"], tree.At(made, "spec")["sessionAffinity"] = "TCP", "None"
		return made, nil, true, nil
	})
	text, _ := json.Marshal(got.Body)
	if want := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"front"},"spec":{"ports":[{"nodePort":30080,"port":80}],"type":"NodePort"}}`; err != nil || string(text) != want {
		t.Errorf("%v %s\nwant\n%s", err, text, want)
	}
}
