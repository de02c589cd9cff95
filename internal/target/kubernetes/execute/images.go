package execute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/secret"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/tree"
)

const (
	// fetching is how long nodes may take to fetch images before it goes on without them.
	fetching = 20 * time.Minute
	// cleared is after how many seconds the cluster itself takes away what a berth that was killed left of this.
	cleared = 600
	// noImage is the code of an image that a node can't have.
	noImage = "BERTH3422"
)

// Images lets nodes fetch images, by node, before they are needed: when a pod is replaced its image is only fetched after the old pod has ended.
// A node fetches what a pod of it asks for, so each gets a pod that asks for all, and whose containers do nothing. An image that
// is not available is a diag.List. Other obstacles are reported, and are no error: the node then fetches the image with its pod.
func (t *Tasks) Images(ctx context.Context, wanted map[string][]string, say func(string)) error {
	work := &fetch{tasks: t, wanted: map[kubernetes.Ref][]string{}, say: say, watcher: health.NewWatcher(t.Client, t.Namespace, t.Now)}
	for _, node := range slices.Sorted(maps.Keys(wanted)) {
		images := wanted[node]
		ref := t.ref("fetch-" + fetchID(node, images))
		if _, err := t.Client.Create(ctx, t.fetcher(ref, node, images), plan.Manager); err != nil && !kubernetes.Exists(err) {
			work.without(node, err.Error())
			continue
		}
		work.wanted[ref] = images
	}
	all := slices.Collect(maps.Keys(work.wanted))
	err := work.wait(ctx)
	var g errgroup.Group
	for _, ref := range all {
		g.Go(func() error {
			k := &Target{Client: t.Client, Namespace: t.Namespace, Now: t.Now}
			return k.remove(context.WithoutCancel(ctx), ref, kubernetes.Foreground)
		})
	}
	if gone := g.Wait(); err == nil {
		err = gone
	}
	return err
}

// fetcher is a Job with a container of each image, on a node. Where an image has no such program the container does not start, and is done as well.
func (t *Tasks) fetcher(ref kubernetes.Ref, node string, images []string) map[string]any {
	template := tree.Pods(t.Job)
	theirs := tree.Branch(template, "spec")
	migrator := tree.Items(theirs["containers"])[0]
	pod := map[string]any{"nodeName": node, "restartPolicy": "Never", "automountServiceAccountToken": false,
		"tolerations": []any{map[string]any{"operator": "Exists"}}, "terminationGracePeriodSeconds": int64(0)}
	for _, key := range []string{"imagePullSecrets", "securityContext"} {
		if v, ok := theirs[key]; ok {
			pod[key] = v
		}
	}
	var containers []any
	for i, image := range images {
		c := map[string]any{"name": fmt.Sprintf("image-%d", i), "image": image, "command": []any{"true"}, "resources": map[string]any{
			"requests": map[string]any{"cpu": "1m", "memory": "8Mi"}, "limits": map[string]any{"cpu": "100m", "memory": "64Mi"}}}
		if own, ok := migrator["securityContext"]; ok {
			c["securityContext"] = own
		}
		containers = append(containers, c)
	}
	pod["containers"] = containers
	labels := map[string]any{labelTask: "fetch", plan.LabelTaskOf: t.Installation}
	annotations := tree.Branch(template, "metadata", "annotations") // they keep a mesh away
	return map[string]any{"apiVersion": ref.APIVersion, "kind": ref.Kind, "metadata": map[string]any{"name": ref.Name, "namespace": ref.Namespace, "labels": labels},
		"spec": map[string]any{"backoffLimit": int64(0), "ttlSecondsAfterFinished": int64(cleared), "activeDeadlineSeconds": int64(fetching.Seconds()),
			"template": map[string]any{"metadata": map[string]any{"labels": labels, "annotations": annotations}, "spec": pod}}}
}

// fetch is what nodes fetch now.
type fetch struct {
	tasks   *Tasks
	watcher *health.Watcher
	wanted  map[kubernetes.Ref][]string // of the Jobs that are not done yet
	say     func(string)
}

// wait waits until all images are there, or can't be.
func (f *fetch) wait(ctx context.Context) error {
	of, said := 0, time.Time{}
	for _, images := range f.wanted {
		of += len(images)
	}
	behind := 0
	for end := f.tasks.Now().Add(fetching); len(f.wanted) > 0; {
		refs := slices.Collect(maps.Keys(f.wanted))
		how, err := f.watcher.Look(ctx, refs)
		if err != nil {
			return err
		}
		there, err := f.there(ctx)
		if err != nil {
			return err
		}
		var problems diag.List
		have, late := behind, f.tasks.Now().After(end)
		for _, ref := range refs {
			have += there[ref]
			if there[ref] < len(f.wanted[ref]) {
				if !how[ref].Failed && !late {
					continue
				}
				d := f.watcher.Explain(ctx, ref)
				if d.Code == noImage {
					problems = append(problems, d)
				} else {
					f.without(ref.Name, d.Summary)
				}
			}
			behind += there[ref]
			delete(f.wanted, ref)
		}
		if problems.Failed() {
			return problems
		}
		if now := f.tasks.Now(); len(f.wanted) > 0 && now.Sub(said) > imageReports {
			f.say(fmt.Sprintf("pulling images: %d of %d are on the nodes that need them", have, of))
			said = now
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
	return nil
}

// imageReports is how often the progress of images is reported.
const imageReports = 2 * time.Second

// without says that something is not fetched beforehand.
func (f *fetch) without(what, why string) {
	f.say(what + " pulls its images only when its pods start: " + secret.Hide(f.tasks.Secrets)([]string{why})[0])
}

// there is how many images the pod of each Job has.
func (f *fetch) there(ctx context.Context) (map[kubernetes.Ref]int, error) {
	type pod struct {
		Metadata struct{ Labels map[string]string }
		Status   struct{ ContainerStatuses []containerStatus }
	}
	pods, err := kubernetes.Items[pod](ctx, f.tasks.Client, kubernetes.Query{APIVersion: "v1", Kind: "Pod", Namespace: f.tasks.Namespace,
		Labels: labelTask + "=fetch," + plan.LabelTaskOf + "=" + f.tasks.Installation})
	if err != nil {
		return nil, err
	}
	out := map[kubernetes.Ref]int{}
	for _, p := range pods {
		for ref := range f.wanted {
			if ref.Name != p.Metadata.Labels["job-name"] {
				continue
			}
			for _, c := range p.Status.ContainerStatuses {
				if c.fetched() {
					out[ref]++
				}
			}
		}
	}
	return out, nil
}

// containerStatus is what is read of a container.
type containerStatus struct {
	ImageID string
	State   struct {
		Running, Terminated *struct{}
		Waiting             *struct{ Reason string }
	}
}

// fetched reports whether a container's image is on its node: it was begun with it, whatever came of that.
func (c containerStatus) fetched() bool {
	if c.ImageID != "" || c.State.Running != nil || c.State.Terminated != nil {
		return true
	}
	w := c.State.Waiting
	return w != nil && slices.Contains([]string{"CreateContainerError", "RunContainerError", "StartError", "CrashLoopBackOff"}, w.Reason)
}

// fetchID tells what a node is to fetch from what it was to fetch another time.
func fetchID(node string, images []string) string { return plan.Hash([]any{node, images})[:8] }
