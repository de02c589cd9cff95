package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"berth/internal/installation"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/tree"
)

// Services reports how the workloads are.
func (c *inCluster) Services(ctx context.Context) (out installation.Services, err error) {
	var refs []kubernetes.Ref
	live := map[kubernetes.Ref]string{} // releases
	kinds := []string{"Deployment", "StatefulSet", "DaemonSet"}
	for _, kind := range kinds {
		// What the config does not ask for need not be allowed to be seen.
		if !slices.ContainsFunc(c.set.Objects, func(o render.Object) bool { return o.Kind() == kind }) {
			continue
		}
		list, err := c.client.List(ctx, kubernetes.Query{APIVersion: "apps/v1", Kind: kind, Namespace: c.namespace, Labels: render.LabelInstallation + "=" + c.Stack.Name})
		if err != nil {
			return out, err
		}
		for _, o := range list {
			live[kubernetes.RefOf(o)] = tree.Text(o, "metadata", "labels", render.LabelRelease)
		}
	}
	for i := range c.set.Objects {
		o := &c.set.Objects[i]
		if !slices.Contains(kinds, o.Kind()) {
			continue
		}
		ref := kubernetes.RefOf(o.Body)
		if _, there := live[ref]; !there {
			out.Missing = append(out.Missing, o.Name())
			continue
		}
		refs = append(refs, ref)
	}
	how, err := health.NewWatcher(c.client, c.namespace, c.env.Now).Look(ctx, refs)
	if err != nil {
		return out, err
	}
	for _, ref := range refs {
		is := live[ref]
		if out.Release == "" || ref.Name == "sourcegraph-frontend" {
			out.Release = is
		}
		out.All = append(out.All, installation.Service{Name: ref.Name, Release: is, Status: how[ref].How, Ready: how[ref].Ready})
	}
	return out, nil
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
