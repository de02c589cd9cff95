//go:build clusterfaults

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// webhook lets a function decide about Deployments of a namespace: the reason why one is denied, or "". asked is that nothing is to be done yet.
// It has some seconds to answer. It is taken away by the test's end.
func webhook(t *testing.T, namespace string, seconds int, decide func(name string, asked bool) string) (remove func()) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID, Name string
				DryRun    bool
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		why := decide(review.Request.Name, review.Request.DryRun)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": map[string]any{"uid": review.Request.UID, "allowed": why == "", "status": map[string]any{"message": why}}})
	}))
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	name := "policy." + namespace + ".example"
	config, err := json.Marshal(map[string]any{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": map[string]any{"name": name},
		"webhooks": []any{map[string]any{"name": name, "sideEffects": "None", "admissionReviewVersions": []any{"v1"}, "failurePolicy": "Fail", "timeoutSeconds": seconds,
			"clientConfig":      map[string]any{"url": server.URL + "/", "caBundle": base64.StdEncoding.EncodeToString(authority)},
			"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": namespace}},
			"rules":             []any{map[string]any{"apiGroups": []any{"apps"}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE", "UPDATE"}, "resources": []any{"deployments"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	apply := exec.Command("kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader(string(config))
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("webhook: %v\n%s", err, out)
	}
	remove = func() { kubectl(t, "delete", "validatingwebhookconfiguration", name, "--ignore-not-found") }
	t.Cleanup(func() {
		remove()
		server.Close()
	})
	return remove
}

// TestClusterWebhookDenies: a policy of the cluster is against an object. It is named, with the object: before anything is touched where it
// says so when it is asked, and else when it happens.
func TestClusterWebhookDenies(t *testing.T) {
	s := newFault(t, "f3-denies")
	remove := webhook(t, s.name, 1, func(name string, asked bool) string {
		if name == "worker" && !asked {
			return "no workers on Sundays"
		}
		return ""
	})
	says(t, s.must(1, "up"), "BERTH3203", "Deployment/worker", "policy.f3-denies.example", "no workers on Sundays", "berth up")
	s.atRest("failed")
	remove()
	s.repaired()

	remove = webhook(t, s.name, 1, func(string, bool) string { return "nothing changes before the holidays" })
	before := s.kubectl("get", "deployment", "worker", "-o=jsonpath={.metadata.resourceVersion}")
	s.edit("size: demo\n", "size: demo\nservices: {worker: {env: {A: b}}}\n")
	for _, command := range []string{"plan", "up"} {
		says(t, s.must(3, command), "BERTH3504", "Deployment/worker", "policy.f3-denies.example", "nothing changes before the holidays")
	}
	if now := s.kubectl("get", "deployment", "worker", "-o=jsonpath={.metadata.resourceVersion}"); now != before {
		t.Error("the Deployment was touched")
	}
	remove()
	s.repaired()
}

// TestClusterWebhookSilent: a webhook that has to be asked does not answer. The run ends soon, and names it.
func TestClusterWebhookSilent(t *testing.T) {
	s := newFault(t, "f3-silent")
	for _, fault := range []struct {
		asked bool // when it is silent
		exit  int
		code  string
	}{{asked: true, exit: 3, code: "BERTH3504"}, {asked: false, exit: 1, code: "BERTH3203"}} {
		remove := webhook(t, s.name, 1, func(_ string, asked bool) string {
			if asked == fault.asked {
				time.Sleep(2 * time.Second) // more than its time
			}
			return ""
		})
		start := time.Now()
		out := s.must(fault.exit, "up")
		if took := time.Since(start); took > time.Minute {
			t.Errorf("told after %s", took)
		}
		says(t, out, fault.code, "Deployment/", "failed calling webhook", "policy.f3-silent.example", "check that the webhook's own pods run")
		remove()
	}
	s.atRest("failed")
	s.repaired()
}
