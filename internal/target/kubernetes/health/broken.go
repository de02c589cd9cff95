package health

import (
	"context"
	"time"

	"berth/internal/target/kubernetes"
)

// noticed is how long a controller may take to see a change of its object.
const noticed = 10 * time.Second

// Renew deletes pods of an object that were broken before a moment. They serve nobody; a StatefulSet's controller waits for them forever
// before it applies a fixed template to them; and a crash loop's pauses grow to five minutes. It returns the names of the pods.
//
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
func Renew(ctx context.Context, c *kubernetes.Client, ref kubernetes.Ref, before time.Time) ([]string, error) {
	pods, err := kubernetes.Items[Pod](ctx, c, kubernetes.Query{APIVersion: "v1", Kind: "Pod", Namespace: ref.Namespace})
	if err != nil {
		return nil, err
	}
	o, err := observed(ctx, c, ref)
	if err != nil {
		return nil, err
	}
	var renewed []string
	for _, p := range pods {
		if !owns(o, p) || p.Metadata.Deleted != nil || !p.Metadata.Created.Before(before) || !p.broken() {
			continue
		}
		err := c.Delete(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "Pod", Namespace: ref.Namespace, Name: p.Metadata.Name}, kubernetes.DeleteOptions{UID: p.Metadata.UID})
		if err != nil && !kubernetes.NotFound(err) && !kubernetes.Conflict(err) {
			return renewed, err
		}
		renewed = append(renewed, p.Metadata.Name)
	}
	return renewed, nil
}

// observed reads an object after its controller has seen its current form: pods that the controller makes before have the old template.
func observed(ctx context.Context, c *kubernetes.Client, ref kubernetes.Ref) (Object, error) {
	ctx, cancel := context.WithTimeout(ctx, noticed)
	defer cancel()
	for {
		var o Object
		if err := c.Read(ctx, ref, &o); err != nil {
			return o, err
		}
		if o.Kind = ref.Kind; o.Status.Observed >= o.Metadata.Generation {
			return o, nil
		}
		select {
		case <-ctx.Done():
			return o, nil // new pods are judged later
		case <-time.After(leastFresh):
		}
	}
}

// broken reports whether a pod can't start one of its containers, or restarts it again and again.
func (p Pod) broken() bool {
	for _, c := range append(p.Status.Init[:len(p.Status.Init):len(p.Status.Init)], p.Status.Containers...) {
		if c.State.Waiting == nil {
			continue
		}
		switch c.State.Waiting.Reason {
		case "CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return true
		}
	}
	return p.Status.Phase == "Failed"
}
