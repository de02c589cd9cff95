package execute

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/kubetest"
)

// kubelet takes a Job in, as one that a berth that was killed left, with a pod whose containers got as far as their image says.
func kubelet(t *testing.T, server *kubetest.Server, client *kubernetes.Client, job map[string]any) {
	ref := kubernetes.RefOf(job)
	server.Put("/apis/batch/v1/namespaces/default/jobs/"+ref.Name, job)
	stored, err := client.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	uid := stored["metadata"].(map[string]any)["uid"]
	metadata, _ := job["metadata"].(map[string]any)
	spec, _ := job["spec"].(map[string]any)["template"].(map[string]any)
	pod, _ := spec["spec"].(map[string]any)
	name := metadata["name"].(string)
	labels := map[string]any{"job-name": name, labelTask: "fetch", plan.LabelTaskOf: "x"}
	var statuses []any
	containers, _ := pod["containers"].([]any)
	for _, item := range containers {
		c := item.(map[string]any)
		status := map[string]any{"name": c["name"], "image": c["image"]}
		switch image := c["image"].(string); {
		case strings.HasPrefix(image, "gone"):
			status["state"] = map[string]any{"waiting": map[string]any{"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
			event := map[string]any{"metadata": map[string]any{"name": "e", "namespace": "default"}, "reason": "Failed", "count": 3, "lastTimestamp": time.Now().UTC().Format(time.RFC3339),
				"message": fmt.Sprintf("Failed to pull image %q: not found", image), "involvedObject": map[string]any{"kind": "Pod", "name": name + "-p", "namespace": "default"}}
			server.Put("/api/v1/namespaces/default/events/e", event)
		case strings.HasPrefix(image, "no-true"):
			status["state"] = map[string]any{"terminated": map[string]any{"exitCode": 128, "reason": "StartError"}}
		default:
			status["state"], status["imageID"] = map[string]any{"terminated": map[string]any{"exitCode": 0}}, "sha256:1"
		}
		statuses = append(statuses, status)
	}
	server.Put("/api/v1/namespaces/default/pods/"+name+"-p", map[string]any{"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name + "-p", "namespace": "default", "labels": labels, "creationTimestamp": time.Now().UTC().Format(time.RFC3339),
			"ownerReferences": []any{map[string]any{"kind": "Job", "name": name, "uid": uid, "controller": true}}},
		"spec": pod, "status": map[string]any{"phase": "Pending", "containerStatuses": statuses}})
}

func TestImages(t *testing.T) {
	for _, c := range []struct {
		name   string
		wanted map[string][]string
		deny   bool
		code   string // of what stops it
		said   string
	}{
		{name: "nothing", wanted: nil},
		{name: "two nodes, and an image without the program", wanted: map[string][]string{"a": {"one:1", "no-true:1"}, "b": {"two:1"}}},
		{name: "an image that is not there", wanted: map[string][]string{"a": {"one:1", "gone:1"}, "b": {"two:1"}}, code: noImage},
		{name: "pods are denied", wanted: map[string][]string{"a": {"one:1"}}, deny: true, said: "a pulls its images only when its pods start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := kubetest.New(t)
			client, err := kubernetes.Connect(t.Context(), server.Getenv(t), "")
			if err != nil {
				t.Fatal(err)
			}
			job := map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
				"imagePullSecrets": []any{map[string]any{"name": "mirror"}}, "containers": []any{map[string]any{"name": "migrator"}}}}}}
			tasks := &Tasks{Client: client, Namespace: "default", Installation: "x", Job: job, Now: time.Now}
			server.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost && c.deny {
					kubetest.Refuse(w, http.StatusForbidden, "Forbidden", "exceeded quota")
				}
				return r.Method == http.MethodPost && c.deny
			}
			for node, images := range c.wanted {
				if !c.deny {
					kubelet(t, server, client, tasks.fetcher(tasks.ref("fetch-"+fetchID(node, images)), node, images))
				}
			}
			var said []string
			err = tasks.Images(t.Context(), c.wanted, func(line string) { said = append(said, line) })
			var problems diag.List
			if list, ok := err.(diag.List); ok {
				problems = list
			} else if err != nil {
				t.Fatal(err)
			}
			if c.code == "" && len(problems) > 0 || c.code != "" && (len(problems) != 1 || problems[0].Code != c.code) {
				t.Errorf("problems: %v, want %q", problems, c.code)
			}
			if !strings.Contains(strings.Join(said, "\n"), c.said) {
				t.Errorf("said %q, want %q", said, c.said)
			}
			jobs, err := client.List(t.Context(), kubernetes.Query{APIVersion: "batch/v1", Kind: "Job", Namespace: "default"})
			if err != nil || len(jobs) > 0 {
				t.Errorf("%d Jobs are left, %v", len(jobs), err)
			}
		})
	}
}
