//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// webhook is an admission webhook for Deployments of a namespace. A function decides: it gives the reason why one is denied, or "". A dry run changes
// nothing. It has some seconds to answer. It is removed at the end of the test.
func webhook(t *testing.T, namespace string, seconds int, decide func(name string, dryRun bool) string) (remove func()) {
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
	applyText(t, string(config))
	remove = func() { kubectl(t, "delete", "validatingwebhookconfiguration", name, "--ignore-not-found") }
	t.Cleanup(func() {
		remove()
		server.Close()
	})
	return remove
}

// TestClusterWebhookDenies: an admission webhook denies an object. berth names both, before anything is changed where the webhook denies the dry run,
// too.
func TestClusterWebhookDenies(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-denies")
	remove := webhook(t, s.name, 1, func(name string, dryRun bool) string {
		if name == "worker" && !dryRun {
			return "no workers on Sundays"
		}
		return ""
	})
	says(t, s.must(1, "up"), "BERTH3203", "Deployment/worker", "policy.f3-denies.example", "no workers on Sundays", "berth up")
	s.recorded("failed")
	remove()
	s.completed()

	remove = webhook(t, s.name, 1, func(string, bool) string { return "nothing changes before the holidays" })
	before := s.kubectl("get", "deployment", "worker", "-o=jsonpath={.metadata.resourceVersion}")
	s.edit("size: demo\n", "size: demo\nservices: {worker: {env: {A: b}}}\n")
	for _, command := range []string{"plan", "up"} {
		says(t, s.must(3, command), "BERTH3504", "Deployment/worker", "policy.f3-denies.example", "nothing changes before the holidays")
	}
	if now := s.kubectl("get", "deployment", "worker", "-o=jsonpath={.metadata.resourceVersion}"); now != before {
		t.Error("the Deployment was changed")
	}
	remove()
	s.completed()
}

// TestClusterWebhookSilent: an admission webhook does not answer. up ends soon and names it.
func TestClusterWebhookSilent(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-silent")
	for _, fault := range []struct {
		dryRun bool // when it does not answer
		exit   int
		code   string
	}{{dryRun: true, exit: 3, code: "BERTH3504"}, {dryRun: false, exit: 1, code: "BERTH3203"}} {
		remove := webhook(t, s.name, 1, func(_ string, dryRun bool) string {
			if dryRun == fault.dryRun {
				time.Sleep(2 * time.Second) // longer than it may take
			}
			return ""
		})
		start := time.Now()
		out := s.must(fault.exit, "up")
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		says(t, out, fault.code, "Deployment/", "failed calling webhook", "policy.f3-silent.example", "check that the webhook's own pods run")
		remove()
	}
	s.recorded("failed")
	s.completed()
}
