package health

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"berth/internal/target/kubernetes"
)

const (
	// slow is how long a pod may take on its node before the watcher reads the node.
	slow = 10 * time.Second
	// nodesValid is how long the state of nodes is valid: the cluster itself takes some 50 seconds to notice a lost one.
	nodesValid = 5 * time.Second
)

// nodes reads nodes, as far as the rights allow: they are outside the namespace.
type nodes struct {
	at        time.Time // of the last read
	known     map[string]string
	forbidden bool // we may not read them
}

// lost are the nodes of slow pods that do not answer, with the cluster's message about each.
func (n *nodes) lost(ctx context.Context, c *kubernetes.Client, e Evidence) (map[string]string, error) {
	if n.forbidden || e.Now.Sub(n.at) < nodesValid {
		return n.known, nil
	}
	seen := map[string]bool{}
	known := map[string]string{}
	for _, p := range e.Pods {
		if _, ready := condition(p.Status.Conditions, "Ready", "True"); ready || p.Spec.Node == "" || seen[p.Spec.Node] || p.Status.Phase == "Succeeded" || e.Now.Sub(p.Metadata.Created) < slow {
			continue
		}
		seen[p.Spec.Node] = true
		var node Object
		err := c.Read(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "Node", Name: p.Spec.Node}, &node)
		switch {
		case kubernetes.Forbidden(err):
			n.forbidden = true
			return nil, nil
		case kubernetes.NotFound(err):
			known[p.Spec.Node] = "it is no longer in the cluster"
		case err != nil:
			return nil, err
		default:
			if message, lost := unreachable(node); lost {
				known[p.Spec.Node] = message
			}
		}
	}
	n.at, n.known = e.Now, known
	return known, nil
}

// unreachable reports whether a node does not answer, and the cluster's message.
func unreachable(node Object) (string, bool) {
	for _, c := range node.Status.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			return cmp.Or(c.Message, c.Reason, "it is not ready"), true
		}
	}
	return "", false
}

// node explains a pod whose node does not answer. The node may come back, so the pod is waited for.
func (e Evidence) node(o Object, p Pod) (Finding, bool) {
	message, lost := e.LostNodes[p.Spec.Node]
	if !lost {
		// Without the right to read nodes, the pod's events say it.
		events := e.ofPod(p, "NodeNotReady")
		if len(events) == 0 || e.Now.Sub(events[0].at()) > 10*recent {
			return Finding{}, false
		}
		message = events[0].Message
	}
	f := Finding{How: fmt.Sprintf("its node %s does not answer: %s", p.Spec.Node, firstLine(message))}
	f.Code, f.Summary = "BERTH3434", fmt.Sprintf("%s is on the node %s, which does not answer", p.Metadata.Name, p.Spec.Node)
	f.Detail = lines(message)
	f.Hint = "repair the node; if it will not return:  kubectl delete node " + p.Spec.Node + "  and its pods start elsewhere"
	if o.Kind == "Deployment" {
		f.Detail = append(f.Detail, "Kubernetes starts the pod elsewhere after some minutes")
	} else {
		f.Detail = append(f.Detail, "Kubernetes starts it elsewhere only when the node is certainly off")
	}
	return f, true
}
