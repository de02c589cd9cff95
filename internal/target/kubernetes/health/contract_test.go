package health

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/target/kubernetes"
)

// node connects to a cluster with a real kubelet, and creates a namespace that is deleted after the test.
func node(t *testing.T) (*kubernetes.Client, string) {
	t.Helper()
	if os.Getenv("BERTH_E2E_KUBERNETES") == "" || os.Getenv("KUBECONFIG") == "" {
		t.Skip(`needs a cluster:  testbed/kubernetes up node; eval "$(testbed/kubernetes env node)"; BERTH_E2E_KUBERNETES=1`)
	}
	c, err := kubernetes.Connect(t.Context(), os.Getenv, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	nodes, err := c.List(t.Context(), kubernetes.Query{APIVersion: "v1", Kind: "Node"})
	if err != nil {
		t.Fatal(err)
	}
	simulated := slices.ContainsFunc(nodes, func(n map[string]any) bool {
		status, _ := n["status"].(map[string]any)
		info, _ := status["nodeInfo"].(map[string]any)
		runtime, _ := info["containerRuntimeVersion"].(string)
		return strings.HasPrefix(runtime, "kwok")
	})
	if simulated || os.Getenv("BERTH_REGISTRY") == "" {
		t.Skip(`needs a node that runs containers:  testbed/kubernetes up node; eval "$(testbed/kubernetes env node)"`)
	}
	namespace := fmt.Sprintf("berth-health-%d", time.Now().UnixNano()%1e9)
	apply(t, c, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}})
	t.Cleanup(func() {
		_ = c.Delete(context.Background(), kubernetes.Ref{APIVersion: "v1", Kind: "Namespace", Name: namespace}, kubernetes.DeleteOptions{})
	})
	return c, namespace
}

func apply(t *testing.T, c *kubernetes.Client, obj map[string]any) {
	t.Helper()
	if _, err := c.Apply(t.Context(), obj, kubernetes.ApplyOptions{Manager: "test", Force: true}); err != nil {
		t.Fatal(err)
	}
}

// image finds an image with a shell among those of the test bed, which stand for whole services.
func image(t *testing.T) string {
	t.Helper()
	repository := "berth-testbed/postgres-16"
	resp, err := http.Get("http://" + os.Getenv("BERTH_REGISTRY") + "/v2/" + repository + "/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || len(list.Tags) == 0 {
		t.Fatalf("the testbed's registry has no %s: %v", repository, err)
	}
	return os.Getenv("BERTH_REGISTRY") + "/" + repository + ":" + list.Tags[0]
}

// tree is an object of JSON.
type tree = map[string]any

// workload is a Deployment of one container that runs a command.
func workload(namespace, image, name string, container, spec tree) tree {
	c := tree{"name": name, "image": image, "command": []string{"sleep", "600"},
		"resources": tree{"requests": tree{"cpu": "1m"}}}
	maps.Copy(c, container)
	pod := tree{"containers": []any{c}, "terminationGracePeriodSeconds": 0}
	maps.Copy(pod, spec)
	return tree{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": tree{"name": name, "namespace": namespace}, "spec": tree{
		"selector": tree{"matchLabels": tree{"app": name}}, "template": tree{"metadata": tree{"labels": tree{"app": name}}, "spec": pod}}}
}

func shell(script string) tree { return tree{"command": []string{"sh", "-c", script}} }

// TestDiagnosis causes each fault, and checks how berth reports it.
func TestDiagnosis(t *testing.T) {
	c, ns := node(t)
	registry, shelled := os.Getenv("BERTH_REGISTRY"), image(t)
	broken := func(name string, container, spec tree) tree { return workload(ns, shelled, name, container, spec) }
	tests := []struct {
		object tree
		code   string
		failed bool
		words  string // in summary, detail or hint
	}{
		{broken("crash", shell("echo boom; exit 3"), nil), "BERTH3423", true, "exit code 3;| boom"},
		{broken("init", nil, tree{"initContainers": []any{tree{"name": "first", "image": shelled,
			"command": []string{"sh", "-c", "echo no way; exit 4"}}}}), "BERTH3423", true, "(first) crashed;exit code 4;| no way"},
		{broken("lacks", tree{"envFrom": []any{tree{"secretRef": tree{"name": "nowhere"}}}}, nil), "BERTH3425", true, `secret "nowhere" not found`},
		{broken("key", tree{"env": []any{tree{"name": "A", "valueFrom": tree{"configMapKeyRef": tree{"name": "kube-root-ca.crt", "key": "nokey"}}}}}, nil),
			"BERTH3425", true, "nokey"},
		{broken("mount", tree{"volumeMounts": []any{tree{"name": "v", "mountPath": "/v"}}},
			tree{"volumes": []any{tree{"name": "v", "secret": tree{"secretName": "unmade"}}}}), "BERTH3425", true, `secret "unmade" not found`},
		{broken("image", tree{"image": registry + "/berth-testbed/none:1"}, nil), "BERTH3422", true, "not found;berth-testbed/none:1"},
		{broken("name", tree{"image": "UPPER//x"}, nil), "BERTH3422", true, "UPPER//x"},
		{broken("registry", tree{"image": "127.0.0.1:1/x:1"}, nil), "BERTH3422", false, "127.0.0.1:1"},
		{broken("large", tree{"resources": tree{"requests": tree{"cpu": "5000"}}}, nil), "BERTH3421", false, "Insufficient cpu;cpu: ..."},
		{broken("picky", nil, tree{"nodeSelector": tree{"disk": "none"}}), "BERTH3421", false, "nodeSelector"},
		{broken("memory", tree{"command": []string{"sh", "-c", "head -c 300000000 /dev/zero | tail"}, "resources": tree{"limits": tree{"memory": "20Mi"}}}, nil),
			"BERTH3424", true, "memory: ..."},
		{broken("deaf", tree{"readinessProbe": tree{"exec": tree{"command": []string{"sh", "-c", "echo not yet; false"}}, "periodSeconds": 1},
			"command": []string{"sh", "-c", "echo listening; sleep 600"}}, nil), "BERTH3429", false, "not yet;| listening"},
		{tree{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": tree{"name": "disk", "namespace": ns}, "spec": tree{"serviceName": "disk",
			"selector": tree{"matchLabels": tree{"app": "disk"}}, "template": workload(ns, shelled, "disk", tree{"volumeMounts": []any{tree{"name": "d", "mountPath": "/d"}}}, nil)["spec"].(tree)["template"],
			"volumeClaimTemplates": []any{tree{"metadata": tree{"name": "d"}, "spec": tree{"storageClassName": "nosuch", "accessModes": []string{"ReadWriteOnce"},
				"resources": tree{"requests": tree{"storage": "1Gi"}}}}}}}, "BERTH3426", true, "there is no storage class nosuch"},
		{tree{"apiVersion": "batch/v1", "kind": "Job", "metadata": tree{"name": "migrator", "namespace": ns}, "spec": tree{"backoffLimit": 0,
			"template": tree{"spec": tree{"restartPolicy": "Never", "containers": []any{tree{"name": "migrator", "image": shelled,
				"command": []string{"sh", "-c", "echo dirty schema; exit 1"}}}}}}}, "BERTH3430", true, "exit code 1;| dirty schema"},
		{tree{"apiVersion": "v1", "kind": "Service", "metadata": tree{"name": "web", "namespace": ns}, "spec": tree{"type": "LoadBalancer",
			"ports": []any{tree{"port": 80}}}}, "BERTH3432", false, "load balancer"},
		{broken("well", nil, nil), "", false, ""},
	}
	w := NewWatcher(c, ns, time.Now)
	var refs []kubernetes.Ref
	for _, test := range tests {
		apply(t, c, test.object)
		refs = append(refs, kubernetes.RefOf(test.object))
	}
	open := map[int]string{}
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		how, err := w.Look(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		clear(open)
		for i, test := range tests {
			if problem := judge(t, w, refs[i], how[refs[i]], test.code, test.failed, test.words); problem != "" {
				open[i] = problem
			}
		}
		if len(open) == 0 {
			break
		}
	}
	for _, i := range slices.Sorted(maps.Keys(open)) {
		t.Errorf("%s: %s", refs[i], open[i])
	}
}

// judge compares a diagnosis with the expected one; "" when they agree.
func judge(t *testing.T, w *Watcher, r kubernetes.Ref, how Readiness, code string, failed bool, words string) string {
	if code == "" {
		if !how.Ready {
			return fmt.Sprintf("not ready: %+v", how)
		}
		return ""
	}
	d := w.Explain(t.Context(), r)
	text := strings.Join(append(slices.Clone(d.Detail), d.Summary, d.Hint), "\n")
	for word := range strings.SplitSeq(words, ";") {
		if !strings.Contains(text, word) {
			return fmt.Sprintf("lacks %q: %+v\n%s %s", word, how, d.Code, text)
		}
	}
	if d.Code != code || how.Failed != failed || how.Ready {
		return fmt.Sprintf("want %s, failed %v: %+v\n%s %s", code, failed, how, d.Code, text)
	}
	return ""
}

// TestRefusedPods: causes that keep pods from being created at all.
func TestRefusedPods(t *testing.T) {
	c, ns := node(t)
	apply(t, c, tree{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": tree{"name": "small", "namespace": ns}, "spec": tree{"hard": tree{"pods": "0"}}})
	_, strict := node(t)
	apply(t, c, tree{"apiVersion": "v1", "kind": "Namespace", "metadata": tree{"name": strict, "labels": tree{"pod-security.kubernetes.io/enforce": "restricted"}}})
	for _, test := range []struct{ namespace, code string }{{ns, "BERTH3427"}, {strict, "BERTH3428"}} {
		w := NewWatcher(c, test.namespace, time.Now)
		obj := workload(test.namespace, "none", "refused", nil, nil)
		apply(t, c, obj)
		problem := ""
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
			ref := kubernetes.RefOf(obj)
			how, err := w.Look(t.Context(), []kubernetes.Ref{ref})
			if err != nil {
				t.Fatal(err)
			}
			if problem = judge(t, w, ref, how[ref], test.code, true, "refused"); problem == "" {
				break
			}
		}
		if problem != "" {
			t.Error(problem)
		}
	}
}
