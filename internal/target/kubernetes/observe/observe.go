// Package observe reads what a cluster has of an installation, and asks the API server by dry runs what the wanted objects would become. It
// changes nothing.
package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/plan/objects"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/tree"
	"golang.org/x/sync/errgroup"
)

// parallel is how many requests run at once.
const parallel = 16

// labelRelease is the label with the release of an object.
const labelRelease = "dev.berth.release"

// Cluster observes the wanted objects, and the objects that the inventory lists and nobody wants any more.
func Cluster(ctx context.Context, c *kubernetes.Client, d objects.Desired, inventory []kubernetes.Ref, now func() time.Time) (objects.Cluster, error) {
	out := objects.Cluster{Seen: map[string]objects.Seen{}}
	var err error
	if out.Namespace, err = exists(ctx, c, d.Namespace); err != nil {
		return out, err
	}
	if !out.Namespace {
		for _, o := range d.Objects {
			out.Seen[o.Key] = objects.Seen{Soon: true}
		}
		return out, nil
	}
	ready, unproved, err := readAll(ctx, c, d, inventory, now, &out)
	if err != nil {
		return out, err
	}
	if err := dryRunAll(ctx, c, unproved, out.Seen); err != nil {
		return out, err
	}
	slices.SortFunc(out.Unwanted, func(a, b objects.Unwanted) int { return strings.Compare(a.Key, b.Key) })
	for key, seen := range out.Seen {
		if seen.Live == nil {
			continue
		}
		r := ready[kubernetes.RefOf(seen.Live)]
		seen.Health = objects.Health{Ready: r.Ready, Failed: r.Failed, How: r.How}
		out.Seen[key] = seen
	}
	out.Release, out.Runs = release(d, out.Seen), runs(d, out.Seen)
	return out, nil
}

// readAll reads a namespace with few requests, in parallel, into out. It returns how ready the wanted objects are, and the objects about which
// their managedFields prove nothing: the API server has to be asked about each of them.
func readAll(ctx context.Context, c *kubernetes.Client, d objects.Desired, inventory []kubernetes.Ref, now func() time.Time, out *objects.Cluster) (
	ready map[kubernetes.Ref]health.Readiness, unproved []objects.Object, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	g.Go(func() (err error) {
		var refs []kubernetes.Ref
		for _, o := range d.Objects {
			refs = append(refs, kubernetes.RefOf(o.Body))
		}
		ready, err = health.NewWatcher(c, d.Namespace, now).Look(ctx, refs)
		return err
	})
	for kind, wanted := range kinds(d) {
		g.Go(func() error {
			live, err := listed(ctx, c, d, kind)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, o := range wanted {
				if l := live[kubernetes.RefOf(o.Body)]; l != nil && unchanged(o.Body, l) {
					out.Seen[o.Key] = objects.Seen{Live: l, Applied: l}
				} else {
					unproved = append(unproved, o)
				}
			}
			return nil
		})
	}
	for _, ref := range unwanted(inventory, d) {
		g.Go(func() error {
			live, err := c.Get(ctx, ref)
			if kubernetes.NotFound(err) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			out.Unwanted = append(out.Unwanted, objects.Unwanted{Key: ref.String(), Service: tree.Text(live, "metadata", "labels", "dev.berth.service"), Live: live})
			return err
		})
	}
	g.Go(func() (err error) {
		out.Claims, err = claims(ctx, c, d.Namespace)
		return err
	})
	g.Go(func() (err error) {
		out.Classes, err = classes(ctx, c)
		return err
	})
	err = g.Wait()
	return ready, unproved, err
}

// exists reports whether a namespace exists. It says yes where we may not read it: many admins may work in a namespace, but not read it.
func exists(ctx context.Context, c *kubernetes.Client, namespace string) (bool, error) {
	_, err := c.Get(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "Namespace", Name: namespace})
	switch {
	case err == nil, kubernetes.Forbidden(err):
		return true, nil
	case kubernetes.NotFound(err):
		return false, nil
	}
	return false, err
}

// kinds are the wanted objects by kind and namespace.
func kinds(d objects.Desired) map[kubernetes.Ref][]objects.Object {
	out := map[kubernetes.Ref][]objects.Object{}
	for _, o := range d.Objects {
		kind := kubernetes.RefOf(o.Body)
		kind.Name = ""
		out[kind] = append(out[kind], o)
	}
	return out
}

// listed returns the installation's objects of a kind, with one request. Where we may not list a kind, each object is read later by itself.
func listed(ctx context.Context, c *kubernetes.Client, d objects.Desired, kind kubernetes.Ref) (map[kubernetes.Ref]map[string]any, error) {
	list, err := c.List(ctx, kubernetes.Query{APIVersion: kind.APIVersion, Kind: kind.Kind, Namespace: kind.Namespace,
		Labels: labelInstallation + "=" + d.Installation + ",!dev.berth.state"})
	if err != nil && !kubernetes.NotFound(err) && !kubernetes.Forbidden(err) {
		return nil, err
	}
	out := make(map[kubernetes.Ref]map[string]any, len(list))
	for _, o := range list {
		out[kubernetes.RefOf(o)] = o
	}
	return out, nil
}

// dryRunAll reads some objects and makes their dry runs, many in parallel.
func dryRunAll(ctx context.Context, c *kubernetes.Client, wanted []objects.Object, seen map[string]objects.Seen) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, o := range wanted {
		g.Go(func() error {
			s, err := dryRun(ctx, c, o)
			mu.Lock()
			defer mu.Unlock()
			seen[o.Key] = s
			return err
		})
	}
	return g.Wait()
}

// dryRun reads one object, and asks by dry runs what applying it would do: first without force, which shows who else sets its fields, and then
// with it. For an object to take over it also asks what removing the surplus fields would do.
func dryRun(ctx context.Context, c *kubernetes.Client, o objects.Object) (objects.Seen, error) {
	live, err := c.Get(ctx, kubernetes.RefOf(o.Body))
	if err != nil && !kubernetes.NotFound(err) {
		return objects.Seen{}, err
	}
	seen := objects.Seen{Live: live}
	if live == nil {
		if seen.Rival, err = Rival(ctx, c, o.Body); err != nil {
			return seen, err
		}
	}
	options := kubernetes.ApplyOptions{Manager: plan.Manager, DryRun: true}
	seen.Applied, err = c.Apply(ctx, o.Body, options)
	if owners := kubernetes.Owners(err); owners != nil {
		for _, owner := range owners {
			seen.Conflicts = append(seen.Conflicts, objects.Owner(owner))
		}
		options.Force = true
		seen.Applied, err = c.Apply(ctx, o.Body, options)
	}
	if surplus := fields.Surplus(o.Body, live, seen.Applied); err == nil && surplus != nil {
		seen.Applied, err = c.Rehearse(ctx, kubernetes.RefOf(o.Body), surplus, plan.Manager)
	}
	var refusal *kubernetes.Refusal
	switch {
	case err == nil:
		return seen, nil
	case kubernetes.NotFound(err):
		// Its kind does not exist yet; or a role that it binds, which is applied before it.
		return objects.Seen{Live: live, Rival: seen.Rival, Soon: live == nil && o.Body["roleRef"] == nil}, nil
	case errors.As(err, &refusal):
		seen.Applied = nil
		seen.Refused = &objects.Refusal{Status: refusal.Status, Reason: refusal.Reason, Message: refusal.Message}
		for _, cause := range refusal.Causes {
			seen.Refused.Causes = append(seen.Refused.Causes, objects.RefusalCause{Field: cause.Field, Reason: cause.Reason, Message: cause.Message})
		}
		return seen, nil
	}
	return seen, err
}

// rivals are the kinds of workloads that can have each other's place under one name, such as the databases of Sourcegraph's older manifests, which are Deployments.
var rivals = map[string]string{"StatefulSet": "Deployment", "Deployment": "StatefulSet"}

// Rival is the live workload that has the name and the place of one that does not exist, and another kind; nil where there is none.
func Rival(ctx context.Context, c *kubernetes.Client, body map[string]any) (map[string]any, error) {
	ref := kubernetes.RefOf(body)
	if ref.Kind = rivals[ref.Kind]; ref.Kind == "" {
		return nil, nil
	}
	live, err := c.Get(ctx, ref)
	if kubernetes.NotFound(err) {
		return nil, nil
	}
	return live, err
}

// Forbidden reports whether the API server refused something as forbidden: a right may be missing.
func Forbidden(c objects.Cluster) bool {
	for _, seen := range c.Seen {
		if seen.Refused != nil && seen.Refused.Status == http.StatusForbidden {
			return true
		}
	}
	return false
}

// unwanted are the objects of an inventory that are no longer wanted.
func unwanted(inventory []kubernetes.Ref, d objects.Desired) []kubernetes.Ref {
	wanted := map[string]bool{}
	for _, o := range d.Objects {
		wanted[o.Key] = true
	}
	return slices.DeleteFunc(slices.Clone(inventory), func(r kubernetes.Ref) bool { return wanted[r.String()] })
}

func claims(ctx context.Context, c *kubernetes.Client, namespace string) ([]objects.Claim, error) {
	type claim struct {
		Metadata struct{ Name string }
		Spec     struct {
			StorageClassName string
			VolumeName       string
			Resources        struct{ Requests map[string]string }
		}
		Status struct{ Phase string }
	}
	list, err := kubernetes.Items[claim](ctx, c, kubernetes.Query{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("look at the volumes: %w", err)
	}
	var out []objects.Claim
	for _, c := range list {
		out = append(out, objects.Claim{Name: c.Metadata.Name, Size: c.Spec.Resources.Requests["storage"], Class: c.Spec.StorageClassName, Phase: c.Status.Phase, Volume: c.Spec.VolumeName})
	}
	return out, nil
}

// classes are the cluster's storage classes; nil when we may not read them.
func classes(ctx context.Context, c *kubernetes.Client) ([]objects.Class, error) {
	type class struct {
		Metadata struct {
			Name        string
			Annotations map[string]string
		}
		AllowVolumeExpansion bool
	}
	list, err := kubernetes.Items[class](ctx, c, kubernetes.Query{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass"})
	if kubernetes.Forbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at the storage classes: %w", err)
	}
	out := []objects.Class{}
	for _, c := range list {
		out = append(out, objects.Class{Name: c.Metadata.Name, Expandable: c.AllowVolumeExpansion,
			Default: c.Metadata.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"})
	}
	return out, nil
}

// release is the release that runs: that of the frontend's Deployment, or else of any existing object. Objects of Sourcegraph's chart have
// the chart's own label; those of its Kustomize base and of its older manifests have only the tag of the image.
func release(d objects.Desired, seen map[string]objects.Seen) string {
	frontend := seen["Deployment/sourcegraph-frontend"].Live
	if r := cmp.Or(tree.Text(frontend, "metadata", "labels", labelRelease), tree.Text(frontend, "metadata", "labels", "app.kubernetes.io/version")); r != "" {
		return r
	}
	for _, o := range d.Objects {
		if r := tree.Text(seen[o.Key].Live, "metadata", "labels", labelRelease); r != "" {
			return r
		}
	}
	for _, c := range tree.Containers(tree.Branch(tree.Pods(frontend), "spec")) {
		image, _, _ := strings.Cut(tree.Text(c, "image"), "@")
		if name, tag, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":"); name == "frontend" && strings.Count(tag, ".") == 2 {
			return tag
		}
	}
	return ""
}

// runs are the services by the release of their workloads.
func runs(d objects.Desired, seen map[string]objects.Seen) map[string][]string {
	out := map[string][]string{}
	for _, o := range d.Objects {
		switch kind, _, _ := strings.Cut(o.Key, "/"); kind {
		case "Deployment", "StatefulSet", "DaemonSet":
			live := seen[o.Key].Live
			if r := cmp.Or(tree.Text(live, "metadata", "labels", labelRelease), tree.Text(live, "metadata", "labels", "app.kubernetes.io/version")); r != "" {
				out[r] = append(out[r], cmp.Or(o.Service, o.Key))
			}
		}
	}
	return out
}
