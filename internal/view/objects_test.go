package view

import (
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"github.com/google/go-cmp/cmp"
)

func TestPlanOfObjects(t *testing.T) {
	container := "spec.template.spec.containers[name=gitserver]."
	label := []plan.Change{{Field: "metadata.labels.dev.berth.release", From: "7.4.0", To: "7.5.4453", Owner: plan.Manager}}
	many := make([]plan.Change, 10)
	for i := range many {
		many[i] = plan.Change{Field: "data." + string(rune('a'+i)), From: plan.Hidden, To: plan.Hidden}
	}
	p := &plan.Plan{Action: plan.Up, Installation: "sourcegraph", Target: catalogue.Kubernetes, Release: "7.5.4453", From: "7.5.4453", Steps: []plan.Step{
		{ID: 1, Verb: plan.Update, Object: "Service/gitserver", Changes: label, Effect: plan.None},
		{ID: 2, Verb: plan.Update, Object: "Service/searcher", Changes: label, Effect: plan.None},
		{ID: 3, Verb: plan.Update, Object: "Secret/pgsql-auth", Changes: many, Effect: plan.None},
		{ID: 4, Verb: plan.Grow, Object: "PersistentVolumeClaim/repos-gitserver-0", Why: []plan.Cause{{Text: "storage 200Gi -> 400Gi", Range: diag.Range{File: "sourcegraph.yaml", Line: 9, Column: 14}}},
			Changes: []plan.Change{{Field: plan.SizeField, From: "200Gi", To: "400Gi"}}},
		{ID: 5, Verb: plan.Orphan, Object: "StatefulSet/gitserver", Why: []plan.Cause{{Text: "deleted alone: its pods and its claims stay"}}, After: []int{4}},
		{ID: 6, Verb: plan.Update, Object: "StatefulSet/pgsql", Service: "pgsql", Effect: plan.Downtime, Why: []plan.Cause{{Text: "kubectl-edit changed resources.limits.cpu by hand: 4 -> 8, put back"}},
			Changes: append([]plan.Change{{Field: container + "resources.limits.cpu", From: "8", To: "4", Owner: "kubectl-edit"}, {Field: container + "image", To: "r/a:1", Owner: plan.Manager}}, label...)},
		{ID: 7, Verb: plan.TakeOver, Object: "Service/pgsql", Why: []plan.Cause{{Text: "taken over from helm"}}, Changes: []plan.Change{{Field: "metadata.annotations.meta.helm.sh/release-name", From: "sg", Owner: "helm"}}},
		{ID: 8, Verb: plan.TakeOver, Object: "Service/redis-store", Why: []plan.Cause{{Text: "taken over from helm"}}, Changes: []plan.Change{{Field: "spec.type", From: "NodePort", To: "ClusterIP", Owner: "helm"}}},
	}, Unchanged: []string{"Secret/a"}, Kept: []string{"PersistentVolumeClaim/old"}, Conflicts: []plan.Conflict{
		{Object: "Deployment/worker", Field: "spec.replicas", Manager: "kube-controller-manager", Theirs: "5", Ours: "1", Decision: plan.Yield},
		{Object: "Service/gitserver", Field: "spec.type", Manager: "dns", Theirs: "NodePort", Ours: "ClusterIP"},
	}}
	var b strings.Builder
	Plan(&b, p, Folded)
	want := `Sourcegraph 7.5.4453 · installation sourcegraph on kubernetes

  ~ Secret/pgsql-auth                        in place
      data.a  (secret) -> (secret)
      data.b  (secret) -> (secret)
      data.c  (secret) -> (secret)
      data.d  (secret) -> (secret)
      data.e  (secret) -> (secret)
      data.f  (secret) -> (secret)
      data.g  (secret) -> (secret)
      data.h  (secret) -> (secret)
      and 2 more fields
  ~ PersistentVolumeClaim/repos-gitserver-0  grow      storage 200Gi -> 400Gi   sourcegraph.yaml:9:14
      spec.resources.requests.storage  200Gi -> 400Gi
  ~ StatefulSet/gitserver                    orphan    deleted alone: its pods and its claims stay
  ~ StatefulSet/pgsql                        roll      kubectl-edit changed resources.limits.cpu by hand: 4 -> 8, put back
      spec.template.spec.containers[name=gitserver].resources.limits.cpu  8 -> 4  (kubectl-edit)
      spec.template.spec.containers[name=gitserver].image  none -> r/a:1
  ~ Service/redis-store                      in place  taken over from helm
      spec.type  NodePort -> ClusterIP  (helm)
  ~ 2 objects, only its labels change
  ~ 1 object taken over from helm, only its labels change
  = 1 object
  = 1 object no longer needed, kept for the data: PersistentVolumeClaim/old
  = Deployment/worker  spec.replicas: left to them
      kube-controller-manager  5
      berth                    1
  ? Service/gitserver  spec.type: UNDECIDED
      dns    NodePort
      berth  ClusterIP

effect   Sourcegraph does not answer for a while: pgsql
data     none is deleted; volumes are kept
plan ` + p.ID() + ` can't be carried out: 1 conflict to decide
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	var calm strings.Builder
	Plan(&calm, &plan.Plan{Installation: "sourcegraph", Target: catalogue.Kubernetes, Release: "7.5.4453", Unchanged: make([]string, 130), Conflicts: p.Conflicts[:1]}, Folded)
	want = `Sourcegraph 7.5.4453 · installation sourcegraph on kubernetes

  = 130 objects, unchanged
  = Deployment/worker  spec.replicas: left to them
      kube-controller-manager  5
      berth                    1

nothing to do
`
	if diff := cmp.Diff(want, calm.String()); diff != "" {
		t.Error(diff)
	}
}
