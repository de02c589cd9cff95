package execute

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/internal/run"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/kubetest"
	"berth/internal/tree"
)

// TestTokens: a task reads its token from a Secret, which has the newest one; the Job itself has none in it.
func TestTokens(t *testing.T) {
	server := kubetest.New(t)
	client, err := kubernetes.Connect(t.Context(), server.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	job := map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{}, "spec": map[string]any{"containers": []any{map[string]any{"name": "migrator",
		"env": []any{map[string]any{"name": "PGPASSWORD", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "pgsql-auth", "key": "password"}}}}}}}}}}
	for _, token := range []string{"first-token", "second-token"} {
		tasks := &Tasks{Client: client, Namespace: "default", Installation: "x", Job: job, Now: time.Now, Tokens: map[string]string{"PGPASSWORD": token}}
		ref := tasks.ref("inspect")
		if err := tasks.create(t.Context(), ref, run.Task{Name: "inspect", Entry: []string{"sh"}}); err != nil {
			t.Fatal(err)
		}
		secret, err := client.Get(t.Context(), tokensOf(ref))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := base64.StdEncoding.DecodeString(tree.Text(secret, "data", "PGPASSWORD")); string(got) != token {
			t.Errorf("the Secret has %q, want %q", got, token)
		}
		made, err := client.Get(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		env := tree.Items(tree.Items(tree.Branch(made, "spec", "template", "spec")["containers"])[0]["env"])
		if len(env) != 1 || tree.Text(env[0], "valueFrom", "secretKeyRef", "name") != ref.Name || strings.Contains(fmt.Sprint(made), token) {
			t.Errorf("the Job's variables are %v", env)
		}
	}
}

// TestAlone: a task that stands alone refers to nothing of the installation, whatever the migrator's Job refers to, and has its certificates with it.
func TestAlone(t *testing.T) {
	server := kubetest.New(t)
	client, err := kubernetes.Connect(t.Context(), server.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	job := map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{}, "spec": map[string]any{
		"serviceAccountName": "sourcegraph-frontend", "nodeSelector": map[string]any{"disk": "ssd"},
		"volumes":        []any{map[string]any{"name": "own", "secret": map[string]any{"secretName": "berth-sourcegraph-frontend"}}},
		"initContainers": []any{map[string]any{"name": "cloudsql"}},
		"containers": []any{map[string]any{"name": "migrator", "volumeMounts": []any{map[string]any{"name": "own", "mountPath": "/x"}},
			"env": []any{map[string]any{"name": "PGHOST", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "pgsql-auth", "key": "host"}}}}}}}}}}
	tasks := &Tasks{Client: client, Namespace: "default", Installation: "x", Job: job, Now: time.Now, Tokens: map[string]string{"PGPASSWORD": "planted"},
		Files: map[string]string{"/etc/berth/postgres/ca.pem": "certificate"}}
	ref := tasks.ref("reach")
	if err := tasks.create(t.Context(), ref, run.Task{Name: "reach", Entry: []string{"sh"}, Env: map[string]string{"ASK": "pgsql:"}, Alone: true}); err != nil {
		t.Fatal(err)
	}
	made, err := client.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(made)
	for _, not := range []string{"sourcegraph-frontend", "pgsql-auth", "cloudsql", "planted", "certificate"} {
		if strings.Contains(text, not) {
			t.Errorf("the Job has %s: %s", not, text)
		}
	}
	for _, want := range []string{"disk:ssd", "mountPath:/etc/berth/postgres/ca.pem", "subPath:file-etc-berth-postgres-ca.pem", "secretName:" + ref.Name} {
		if !strings.Contains(text, want) {
			t.Errorf("the Job has no %s: %s", want, text)
		}
	}
	secret, err := client.Get(t.Context(), tokensOf(ref))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := base64.StdEncoding.DecodeString(tree.Text(secret, "data", "file-etc-berth-postgres-ca.pem")); string(got) != "certificate" {
		t.Errorf("the Secret has %q", got)
	}
}

// TestProgramsGetWhatWasWritten: the kubelet reads $ in commands, arguments and values of variables. A script of SQL has $$ in it.
func TestProgramsGetWhatWasWritten(t *testing.T) {
	const script = `echo "$(date)" $$ $(PGHOST)`
	job := map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{}, "spec": map[string]any{"containers": []any{map[string]any{"name": "migrator"}}}}}}
	tasks := &Tasks{Namespace: "default", Installation: "x", Job: job}
	body := tasks.body(tasks.ref("x"), run.Task{Name: "x", Entry: []string{"sh", "-c", script}, Command: []string{script}, Env: map[string]string{"A": script}})
	c := tree.Items(tree.Branch(tree.Pods(body), "spec")["containers"])[0]
	// One $ of two is what the kubelet leaves.
	got := []string{tree.List(c["command"])[2].(string), tree.List(c["args"])[0].(string), tree.Text(tree.Items(c["env"])[0], "value")}
	for _, text := range got {
		if strings.ReplaceAll(text, "$$", "$") != script || strings.Count(text, "$") != 2*strings.Count(script, "$") {
			t.Errorf("the kubelet makes %s of %q", strings.ReplaceAll(text, "$$", "$"), script)
		}
	}
}
