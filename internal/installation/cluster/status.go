package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/tree"
)

// Services reports how the workloads are.
func (c *inCluster) Services(ctx context.Context) (out installation.Services, err error) {
	refs, live, err := c.workloads(ctx, &out)
	if err != nil {
		return out, err
	}
	how, err := health.NewWatcher(c.client, c.namespace, c.env.Now).Look(ctx, refs)
	if err != nil {
		return out, err
	}
	for _, ref := range refs {
		is, o := live[ref], c.set.Find(ref.Kind+"/"+ref.Name)
		if out.Release == "" && !o.Own || ref.Name == "sourcegraph-frontend" {
			out.Release = is.release
		}
		s := installation.Service{Name: ref.Name, Release: is.release, Own: o.Own, Status: how[ref].How, Ready: how[ref].Ready}
		if is.none && !none(o.Body) { // to the cluster that is well: none of none is ready
			s.Status, s.Ready = "scaled to 0", false
		}
		out.All = append(out.All, s)
	}
	return out, nil
}

// explain says why workloads are not ready, each with the last lines of the container that causes it.
func (c *inCluster) explain(ctx context.Context) (out diag.List, err error) {
	refs, _, err := c.workloads(ctx, &installation.Services{})
	if err != nil {
		return nil, err
	}
	w := health.NewWatcher(c.client, c.namespace, c.env.Now)
	how, err := w.Look(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		if !how[ref].Ready {
			out = append(out, w.Explain(ctx, ref))
		}
	}
	return out, nil
}

// workload is what is seen of a workload beside its readiness.
type workload struct {
	release string
	none    bool // it may have no pods
}

// none reports whether an object asks for no pods.
func none(body map[string]any) bool {
	replicas, set := tree.Branch(body, "spec")["replicas"]
	return set && fmt.Sprint(replicas) == "0"
}

// workloads are those of the config that are there, with what is seen of each. What is not there is noted in out.
func (c *inCluster) workloads(ctx context.Context, out *installation.Services) (there []kubernetes.Ref, live map[kubernetes.Ref]workload, err error) {
	live = map[kubernetes.Ref]workload{}
	kinds := []string{"Deployment", "StatefulSet", "DaemonSet"}
	for _, kind := range kinds {
		// What the config does not ask for need not be allowed to be seen.
		if !slices.ContainsFunc(c.set.Objects, func(o render.Object) bool { return o.Kind() == kind }) {
			continue
		}
		list, err := c.client.List(ctx, kubernetes.Query{APIVersion: "apps/v1", Kind: kind, Namespace: c.namespace, Labels: render.LabelInstallation + "=" + c.Stack.Name})
		if err != nil {
			return nil, nil, err
		}
		for _, o := range list {
			live[kubernetes.RefOf(o)] = workload{tree.Text(o, "metadata", "labels", render.LabelRelease), none(o)}
		}
	}
	for i := range c.set.Objects {
		o := &c.set.Objects[i]
		if !slices.Contains(kinds, o.Kind()) {
			continue
		}
		ref := kubernetes.RefOf(o.Body)
		if _, is := live[ref]; !is {
			out.Lacks(o.Name(), o.Own)
			continue
		}
		there = append(there, ref)
	}
	return there, live, nil
}

// Answers asks the frontend's Service through the API server, which can reach it from wherever berth runs. Where it reaches none of the nodes, it
// would try for seconds in vain.
func (c *inCluster) Answers(ctx context.Context) (a installation.Answer) {
	start := c.env.Now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if !c.reached(ctx) {
		return a
	}
	err := c.client.Through(ctx, c.namespace, "sourcegraph-frontend", "http", "/healthz")
	if kubernetes.Forbidden(err) || kubernetes.Unavailable(err) {
		return a // the API server may not be asked this, or does not reach pods itself
	}
	return installation.Answer{Healthy: err == nil, At: fmt.Sprintf("the Service sourcegraph-frontend in namespace %s", c.namespace), Took: c.env.Now().Sub(start)}
}

// reached reports whether the API server reaches a node with a pod of the frontend. In doubt it does.
func (c *inCluster) reached(ctx context.Context) bool {
	const frontend = "sourcegraph-frontend"
	pods, err := c.pods(ctx, "app="+frontend)
	return err != nil || len(pods) == 0 || slices.ContainsFunc(pods, func(p pod) bool {
		return c.client.Reaches(ctx, kubernetes.LogQuery{Namespace: c.namespace, Pod: p.Metadata.Name, Container: c.Stack.Cluster.Containers[frontend].Name})
	})
}
