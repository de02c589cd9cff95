package health

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/kubetest"
)

// read reads JSON of the cluster.
func read[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestReady(t *testing.T) {
	for _, test := range []struct {
		kind, object string
		want         Readiness
	}{
		{"Deployment", `{"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}}`,
			Readiness{How: "waiting for the cluster to process it"}},
		{"Deployment", `{"spec": {"replicas": 2}, "status": {"updatedReplicas": 1, "replicas": 2, "availableReplicas": 2}}`, Readiness{How: "1 of 2 updated"}},
		{"Deployment", `{"spec": {"replicas": 2, "paused": true}, "status": {"updatedReplicas": 1, "replicas": 2}}`, Readiness{How: "paused, with 1 of 2 updated"}},
		{"Deployment", `{"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 3, "availableReplicas": 2}}`, Readiness{How: "1 old still ending"}},
		{"Deployment", `{"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}}`, Readiness{How: "1 of 2 ready"}},
		{"Deployment", `{"status": {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}}`, Readiness{Ready: true, How: "1 of 1 ready"}},
		{"Deployment", `{"spec": {"replicas": 0}}`, Readiness{Ready: true, How: "0 of 0 ready"}},
		{"Deployment", `{"metadata": {"deletionTimestamp": "2026-11-23T01:00:00Z"}}`, Readiness{How: "being deleted"}},
		{"StatefulSet", `{"spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 2}}`, Readiness{How: "2 of 3 updated"}},
		{"StatefulSet", `{"spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "status": {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 2}}`,
			Readiness{Ready: true, How: "3 of 3 ready"}},
		{"StatefulSet", `{"spec": {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 5}}}, "status": {"replicas": 2, "readyReplicas": 2}}`,
			Readiness{Ready: true, How: "2 of 2 ready"}},
		{"StatefulSet", `{"spec": {"replicas": 2, "updateStrategy": {"type": "OnDelete"}}, "status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 1}}`,
			Readiness{Ready: true, How: "2 of 2 ready, 1 to be deleted for the update"}},
		{"StatefulSet", `{"spec": {"replicas": 2, "updateStrategy": {"type": "OnDelete"}}, "status": {"replicas": 2, "readyReplicas": 1}}`, Readiness{How: "1 of 2 ready"}},
		{"StatefulSet", `{"spec": {"minReadySeconds": 10}, "status": {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1}}`, Readiness{How: "0 of 1 ready"}},
		{"StatefulSet", `{"spec": {"minReadySeconds": 10}, "status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1}}`,
			Readiness{Ready: true, How: "1 of 1 ready"}},
		{"StatefulSet", `{"spec": {"replicas": 1}, "status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2}}`, Readiness{How: "1 surplus still ending"}},
		{"StatefulSet", `{"metadata": {"generation": 1}}`, Readiness{How: "waiting for the cluster to process it"}},
		{"Deployment", `{"spec": {"minReadySeconds": 10, "template": {"spec": {"containers": [{"readinessProbe": {}}]}}},
			"status": {"updatedReplicas": 1, "replicas": 1, "readyReplicas": 1}}`, Readiness{Ready: true, How: "1 of 1 ready"}},
		{"Deployment", `{"spec": {"minReadySeconds": 10, "template": {"spec": {"containers": [{}]}}},
			"status": {"updatedReplicas": 1, "replicas": 1, "readyReplicas": 1}}`, Readiness{How: "0 of 1 ready"}},
		{"StatefulSet", `{"spec": {"minReadySeconds": 10, "template": {"spec": {"containers": [{"readinessProbe": {}}]}}},
			"status": {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1}}`, Readiness{Ready: true, How: "1 of 1 ready"}},
		{"DaemonSet", `{"spec": {"template": {"spec": {"containers": [{"readinessProbe": {}}]}}},
			"status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 2}}`, Readiness{How: "2 of 3 ready"}},
		{"DaemonSet", `{"status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 2, "numberAvailable": 3}}`, Readiness{How: "2 of 3 updated"}},
		{"DaemonSet", `{"status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}}`, Readiness{How: "2 of 3 ready"}},
		{"DaemonSet", `{"spec": {"updateStrategy": {"type": "OnDelete"}}, "status": {"desiredNumberScheduled": 1, "numberAvailable": 1}}`,
			Readiness{Ready: true, How: "1 of 1 ready"}},
		{"DaemonSet", `{"status": {}}`, Readiness{Ready: true, How: "0 of 0 ready"}},
		{"Job", `{"status": {"conditions": [{"type": "Complete", "status": "True"}]}}`, Readiness{Ready: true, How: "finished"}},
		{"Job", `{"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}}`, Readiness{Failed: true, How: "failed: DeadlineExceeded"}},
		{"Job", `{"status": {"active": 1}}`, Readiness{How: "running"}},
		{"Job", `{"status": {"active": 1, "failed": 2}}`, Readiness{How: "running again, 2 attempts failed"}},
		{"Job", `{"spec": {"suspend": true}}`, Readiness{How: "suspended"}},
		{"Job", `{}`, Readiness{How: "waiting to be started"}},
		{"PersistentVolumeClaim", `{"status": {"phase": "Pending"}}`, Readiness{Ready: true, How: "waiting for its first pod"}},
		{"PersistentVolumeClaim", `{"status": {"phase": "Bound"}}`, Readiness{Ready: true, How: "bound"}},
		{"PersistentVolumeClaim", `{"status": {"phase": "Lost"}}`, Readiness{Failed: true, How: "its volume is lost"}},
		{"Service", `{"spec": {"type": "ClusterIP"}}`, Readiness{Ready: true, How: "there"}},
		{"Service", `{"spec": {"type": "LoadBalancer"}}`, Readiness{How: "waiting for an address of the load balancer"}},
		{"Service", `{"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}`, Readiness{Ready: true, How: "there"}},
		{"Ingress", `{}`, Readiness{Ready: true, How: "there"}},
	} {
		o := read[Object](t, test.object)
		o.Kind = test.kind
		if got := Ready(o); got != test.want {
			t.Errorf("%s %s\n got %+v\nwant %+v", test.kind, test.object, got, test.want)
		}
	}
}

// now is the time at which the fixtures are judged.
var now = time.Date(2026, 11, 23, 1, 5, 0, 0, time.UTC)

// diagnosed diagnoses gitserver, a StatefulSet, whose pod has a spec, a status and events.
func diagnosed(t *testing.T, pod, claims, events string) (Finding, bool) {
	t.Helper()
	o := read[Object](t, `{"kind": "StatefulSet", "metadata": {"name": "gitserver", "uid": "u1"}}`)
	e := Evidence{Now: now, Since: now.Add(-4 * time.Minute), Claims: read[[]Object](t, "["+claims+"]"), Events: read[[]Event](t, "["+events+"]")}
	if pod != "" {
		p := read[Pod](t, pod)
		p.Metadata.Name, p.Metadata.UID, p.Metadata.Created = "gitserver-0", "p1", now.Add(-3*time.Minute)
		p.Metadata.Owners = read[Pod](t, `{"metadata": {"ownerReferences": [{"kind": "StatefulSet", "uid": "u1", "controller": true}]}}`).Metadata.Owners
		e.Pods = []Pod{p}
	}
	return Diagnose(o, e)
}

// event is an event.
func event(kind, name, reason, message string) string {
	text, _ := json.Marshal(map[string]any{"involvedObject": map[string]any{"kind": kind, "name": name}, "reason": reason, "message": message,
		"count": 2, "lastTimestamp": now.Add(-time.Minute)}) // strings always marshal
	return string(text)
}

func TestDiagnose(t *testing.T) {
	const unscheduled = `{"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "repos"}}]}, "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": `
	waiting := func(reason, message string) string {
		text, _ := json.Marshal(message)
		return `{"status": {"containerStatuses": [{"name": "gitserver", "image": "r/gitserver:7", "state": {"waiting": {"reason": "` + reason + `", "message": ` + string(text) + `}}}]}}`
	}
	running := `{"status": {"containerStatuses": [{"name": "gitserver", "restartCount": 5, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 2, "finishedAt": "FINISHED"}}}]}}`
	for _, test := range []struct {
		name, pod, claims, events string
		code                      string
		failed                    bool
		words                     string
	}{
		{"nothing to report", `{"status": {"phase": "Pending"}}`, "", "", "", false, ""},
		{"ready", `{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}`, "", event("Pod", "gitserver-0", "Unhealthy", "before"), "", false, ""},
		{"taint with a comma", unscheduled + `"0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {a: b, c}. preemption: 0/3 nodes are available: x."}]}}`, "", "",
			"BERTH3421", false, "2 node(s) had untolerated taint {a: b, c};tolerations"},
		{"zone", unscheduled + `"0/3 nodes are available: 3 node(s) had volume node affinity conflict."}]}}`, "", "", "BERTH3421", false, "another zone"},
		{"no default class", unscheduled + `"pod has unbound immediate PersistentVolumeClaims"}]}}`, `{"metadata": {"name": "repos"}, "status": {"phase": "Pending"}}`, "",
			"BERTH3426", true, "no default storage class"},
		{"no such class", unscheduled + `"x"}]}}`, `{"metadata": {"name": "repos"}, "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}`,
			event("PersistentVolumeClaim", "repos", "ProvisioningFailed", `storageclass.storage.k8s.io "fast" not found`), "BERTH3426", true, "no storage class fast"},
		{"provisioner", unscheduled + `"x"}]}}`, `{"metadata": {"name": "repos"}, "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}`,
			event("PersistentVolumeClaim", "repos", "ProvisioningFailed", "out of disks"), "BERTH3426", false, "out of disks"},
		{"denied", waiting("ImagePullBackOff", "Back-off pulling image"), "", event("Pod", "gitserver-0", "Failed", `Failed to pull image "r/gitserver:7": rpc error: code = Unknown desc = 401 Unauthorized`),
			"BERTH3422", true, "401 Unauthorized;imagePullSecrets"},
		{"denied, once", waiting("ErrImagePull", "rpc error: desc = pull access denied"), "", "", "BERTH3422", false, "pull access denied"},
		{"slow registry", waiting("ImagePullBackOff", "Back-off pulling image"), "", event("Pod", "gitserver-0", "Failed", `Failed to pull image "r/gitserver:7": i/o timeout`), "BERTH3422", false, "i/o timeout"},
		{"image name", waiting("InvalidImageName", "couldn't parse image name"), "", "", "BERTH3422", true, "parse"},
		{"secret", waiting("CreateContainerConfigError", `secret "pgsql-auth" not found`), "", "", "BERTH3425", true, `secret "pgsql-auth" not found;existingSecrets`},
		{"root", waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"), "", "", "BERTH3425", true, "runAs"},
		{"can't be run", waiting("CreateContainerError", "exec: no such file"), "", "", "BERTH3423", false, "exec: no such file"},
		{"crashed a moment ago", strings.Replace(running, "FINISHED", "2026-11-23T01:04:30Z", 1), "", "", "BERTH3423", true, "crashed 5 times, exit code 2"},
		{"crashed long ago", strings.Replace(running, "FINISHED", "2026-11-22T01:04:30Z", 1), "", "", "", false, ""},
		{"memory", `{"status": {"containerStatuses": [{"name": "gitserver", "restartCount": 1, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}}`, "", "",
			"BERTH3424", false, "services: {gitserver: {memory: ...}}"},
		{"init container first", `{"status": {"initContainerStatuses": [{"name": "copy", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 127}}}],
			"containerStatuses": [{"name": "gitserver", "state": {"waiting": {"reason": "PodInitializing"}}}]}}`, "", "", "BERTH3423", true, "gitserver-0 (copy);can't be run"},
		{"attach", waiting("ContainerCreating", ""), "", event("Pod", "gitserver-0", "FailedAttachVolume", "Multi-Attach error for volume"), "BERTH3426", false, "another node"},
		{"secret of a volume", waiting("ContainerCreating", ""), "", event("Pod", "gitserver-0", "FailedMount", `MountVolume.SetUp failed for volume "v" : secret "tls" not found`), "BERTH3425", true, "tls"},
		{"network", waiting("ContainerCreating", ""), "", event("Pod", "gitserver-0", "FailedCreatePodSandBox", "no CNI"), "BERTH3431", false, "no CNI"},
		{"evicted", `{"status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}}`, "", "", "BERTH3431", false, "low on memory"},
		{"probe", `{"status": {"containerStatuses": [{"name": "gitserver", "state": {"running": {}}}]}}`, "", event("Pod", "gitserver-0", "Unhealthy", "Readiness probe failed: statuscode: 503"),
			"BERTH3429", false, "503"},
		{"its node is away, which its events report", `{"spec": {"nodeName": "node7"}, "status": {"containerStatuses": [{"name": "gitserver", "state": {"running": {}}}]}}`, "",
			event("Pod", "gitserver-0", "NodeNotReady", "Node is not ready"), "BERTH3434", false, "its node node7 does not answer: Node is not ready;only when the node is certainly off"},
		{"another pod's probe", `{"status": {"containerStatuses": [{"name": "gitserver", "state": {"running": {}}}]}}`, "", event("Pod", "gitserver-1", "Unhealthy", "x"), "", false, ""},
		{"quota", "", "", event("StatefulSet", "gitserver", "FailedCreate", `create Pod gitserver-0 failed error: pods "gitserver-0" is forbidden: exceeded quota: small`), "BERTH3427", true, "exceeded quota"},
		{"webhook", "", "", event("StatefulSet", "gitserver", "FailedCreate", `admission webhook "policy" denied the request: no`), "BERTH3428", true, `webhook "policy"`},
		{"webhook that is away", "", "", event("StatefulSet", "gitserver", "FailedCreate", `Internal error occurred: failed calling webhook "policy"`), "BERTH3428", false, "does not answer"},
		{"pod security", "", "", event("StatefulSet", "gitserver", "FailedCreate", `violates PodSecurity "restricted:latest"`), "BERTH3428", true, "podSecurity"},
		{"quota that was raised just now", "", "", strings.Replace(event("StatefulSet", "gitserver", "FailedCreate", "exceeded quota"), "01:04:00", "01:01:03", 1), "BERTH3427", false, "exceeded quota"},
		{"quota of the past", "", "", strings.Replace(event("StatefulSet", "gitserver", "FailedCreate", "exceeded quota"), "01:04", "00:04", 1), "BERTH3427", false, "exceeded quota"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, ok := diagnosed(t, test.pod, test.claims, test.events)
			if f.Code != test.code || f.Failed != test.failed || ok != (test.code != "") || ok && (f.How == "" || f.Hint == "" || f.Severity == "" || f.Subject == "") {
				t.Fatalf("got %+v", f)
			}
			text := strings.Join(append(slices.Clone(f.Detail), f.Summary, f.Hint, f.How), "\n")
			for word := range strings.SplitSeq(test.words, ";") {
				if !strings.Contains(text, word) {
					t.Errorf("lacks %q: %s", word, text)
				}
			}
		})
	}
}

func TestOwns(t *testing.T) {
	d := read[Object](t, `{"kind": "Deployment", "metadata": {"name": "sourcegraph-frontend", "uid": "d"}}`)
	for owner, want := range map[string]bool{"sourcegraph-frontend-5d4f": true, "sourcegraph-frontend-internal-5d4f": false, "sourcegraph-frontend": false} {
		p := read[Pod](t, `{"metadata": {"labels": {"pod-template-hash": "5d4f"}, "ownerReferences": [{"kind": "ReplicaSet", "uid": "r", "controller": true, "name": "`+owner+`"}]}}`)
		if got := owns(d, p); got != want {
			t.Errorf("a pod of %s: %v", owner, got)
		}
	}
	e := Evidence{Now: now, Events: read[[]Event](t, "["+event("ReplicaSet", "sourcegraph-frontend-5d4f", "FailedCreate", "exceeded quota")+","+
		event("ReplicaSet", "sourcegraph-frontend-internal-5d4f", "FailedCreate", "exceeded quota")+"]")}
	if found := e.refusals(d, nil); len(found) != 1 {
		t.Errorf("got %+v", found)
	}
	newer := Pod{Metadata: Metadata{Created: now}}
	if found := e.refusals(d, []Pod{newer}); len(found) != 0 {
		t.Errorf("a pod was made since: %+v", found)
	}
}

// TestFinished: a Job whose pod succeeded is finished before its controller says so; a pod of another Job, or a failed one, does not count.
func TestFinished(t *testing.T) {
	o := read[Object](t, `{"kind": "Job", "metadata": {"name": "migrator", "uid": "j"}, "status": {"active": 1}}`)
	for _, test := range []struct {
		owner, phase string
		want         bool
	}{{"j", "Succeeded", true}, {"j", "Running", false}, {"j", "Failed", false}, {"other", "Succeeded", false}} {
		p := read[Pod](t, `{"metadata": {"ownerReferences": [{"kind": "Job", "uid": "`+test.owner+`", "controller": true}]}, "status": {"phase": "`+test.phase+`"}}`)
		if got := (Evidence{Pods: []Pod{p}}).finished(o); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestWatcher: each look makes a few lists, and none when nothing changed in between; the log is that of the right container.
func TestWatcher(t *testing.T) {
	s := kubetest.New(t)
	s.Put("/apis/apps/v1/namespaces/default/statefulsets/gitserver", tree{"metadata": tree{"name": "gitserver"}})
	s.Put("/apis/apps/v1/namespaces/default/statefulsets/symbols", tree{"metadata": tree{"name": "symbols"}, "status": tree{"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1}})
	var uid string
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/log") && r.URL.Query().Get("previous") == "true" && r.URL.Query().Get("container") == "gitserver" {
			_, _ = w.Write([]byte("first\n\nlast\n"))
			return true
		}
		return false
	}
	c, err := kubernetes.Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	ref := func(name string) kubernetes.Ref {
		return kubernetes.Ref{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "default", Name: name}
	}
	obj, err := c.Get(t.Context(), ref("gitserver"))
	if err != nil {
		t.Fatal(err)
	}
	uid = obj["metadata"].(tree)["uid"].(string)
	s.Put("/api/v1/namespaces/default/pods/gitserver-0", tree{"metadata": tree{"name": "gitserver-0", "ownerReferences": []any{tree{"uid": uid, "controller": true}}},
		"status": tree{"containerStatuses": []any{tree{"name": "gitserver", "restartCount": 3, "state": tree{"waiting": tree{"reason": "CrashLoopBackOff"}},
			"lastState": tree{"terminated": tree{"exitCode": 1}}}}}})
	before := len(s.Requests())
	at := now
	w := NewWatcher(c, "default", func() time.Time { return at })
	service := kubernetes.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: "x"}
	for range 3 {
		how, err := w.Look(t.Context(), []kubernetes.Ref{ref("gitserver"), ref("symbols"), ref("gone"), service})
		if err != nil {
			t.Fatal(err)
		}
		if g := how[ref("gitserver")]; !g.Failed || g.How != "gitserver-0 crashed 3 times, exit code 1" || !how[ref("symbols")].Ready || how[ref("gone")].How != "not there" || !how[service].Ready {
			t.Errorf("%+v", how)
		}
	}
	if asked := s.Requests()[before:]; len(asked) != 4 {
		t.Errorf("too many requests: %v", asked)
	}
	d := w.Explain(t.Context(), ref("gitserver"))
	if got := strings.Join(d.Detail, "\n"); got != "its last lines:\n  | first\n  | last" {
		t.Errorf("%+v", d)
	}
	if d := w.Explain(t.Context(), ref("gone")); d.Code != "BERTH3433" || !strings.Contains(d.Summary, "StatefulSet/gone is not ready: not there") {
		t.Errorf("%+v", d)
	}
	// The more time passed since the last apply, the longer a look is valid.
	for _, step := range []struct {
		wait time.Duration
		asks bool
	}{{99 * time.Millisecond, false}, {time.Millisecond, true}, {20 * time.Second, true}, {999 * time.Millisecond, false}, {time.Millisecond, true}} {
		at = at.Add(step.wait)
		before := len(s.Requests())
		if _, err := w.Look(t.Context(), []kubernetes.Ref{ref("gitserver")}); err != nil || len(s.Requests()) > before != step.asks {
			t.Errorf("%s after the look before: %v, %v", step.wait, s.Requests()[before:], err)
		}
	}
	before = len(s.Requests())
	w.Forget()
	if _, err := w.Look(t.Context(), []kubernetes.Ref{ref("symbols")}); err != nil || len(s.Requests()[before:]) != 1 {
		t.Errorf("what is ready needs no pods: %v, %v", s.Requests()[before:], err)
	}
}

// TestNodes: the nodes of slow pods are read now and then, as far as the rights allow.
func TestNodes(t *testing.T) {
	s := kubetest.New(t)
	s.Put("/apis/apps/v1/namespaces/default/statefulsets/gitserver", tree{"metadata": tree{"name": "gitserver"}})
	forbidden := false
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !forbidden || !strings.HasPrefix(r.URL.Path, "/api/v1/nodes/") {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "reason": "Forbidden", "message": "no"}`))
		return true
	}
	c, err := kubernetes.Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	ref := kubernetes.Ref{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "default", Name: "gitserver"}
	obj, err := c.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	s.Put("/api/v1/namespaces/default/pods/gitserver-0", tree{"metadata": tree{"name": "gitserver-0", "creationTimestamp": now.Format(time.RFC3339),
		"ownerReferences": []any{tree{"uid": obj["metadata"].(tree)["uid"], "controller": true}}}, "spec": tree{"nodeName": "node7"}, "status": tree{"phase": "Pending"}})
	node := func(ready, message string) {
		s.Put("/api/v1/nodes/node7", tree{"metadata": tree{"name": "node7"}, "status": tree{"conditions": []any{tree{"type": "Ready", "status": ready, "message": message}}}})
	}
	at := now
	w := NewWatcher(c, "default", func() time.Time { return at })
	look := func(after time.Duration) string {
		at = at.Add(after)
		how, err := w.Look(t.Context(), []kubernetes.Ref{ref})
		if err != nil {
			t.Fatal(err)
		}
		return how[ref].How
	}
	if got := look(slow / 2); strings.Contains(got, "node7") {
		t.Errorf("a pod that is not late: %s", got)
	}
	if got := look(slow); got != "its node node7 does not answer: it is no longer in the cluster" {
		t.Error(got)
	}
	node("Unknown", "Kubelet stopped posting node status.")
	if got := look(nodesValid / 2); !strings.Contains(got, "no longer") {
		t.Errorf("looked at again at once: %s", got)
	}
	if got := look(nodesValid); got != "its node node7 does not answer: Kubelet stopped posting node status." {
		t.Error(got)
	}
	node("True", "")
	if got := look(nodesValid); strings.Contains(got, "node7") {
		t.Errorf("it is back: %s", got)
	}
	node("Unknown", "")
	forbidden = true
	for range 2 {
		if got := look(nodesValid); strings.Contains(got, "node7") {
			t.Errorf("nodes that one may not look at: %s", got)
		}
	}
}
