package health

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// unscheduled explains an unschedulable pod. It is reported at once but waited for, since nodes may be added.
func (e Evidence) unscheduled(o Object, p Pod, message string) Finding {
	if f, ok := e.claim(p); ok {
		return f
	}
	reasons := reasonsOf(message)
	f := Finding{How: "unschedulable: " + strings.Join(reasons, "; ")}
	f.Code, f.Summary = "BERTH3421", "no node can run "+p.Metadata.Name
	f.Detail = append([]string{"the nodes:"}, indented(reasons)...)
	f.Hint = "see what the nodes have:  kubectl describe nodes"
	text := strings.ToLower(message)
	for _, h := range []struct{ words, hint string }{
		{"volume node affinity conflict", "its volume is in another zone than the nodes with room; choose nodes in the volume's zone:  kubernetes.pods.nodeSelector"},
		{"persistentvolumeclaim", "see the claim:  kubectl describe pvc"},
		{"untolerated taint", "tolerate the taint:  kubernetes: {pods: {tolerations: [...]}}  or add nodes without it"},
		{"node affinity/selector", "no node has the labels of kubernetes.pods.nodeSelector or affinity; label one, or change them"},
		{"insufficient", "add a node, or request less:  services: {" + o.service() + ": {cpu: ..., memory: ...}}  or a smaller size:  berth explain size"},
		{"too many pods", "add a node"},
		{"free ports", "its ports are in use on the nodes, for example by another installation; to run without the services that need them:  kubernetes: {podSecurity: baseline}"},
	} {
		if strings.Contains(text, h.words) {
			f.Hint = h.hint
			break
		}
	}
	return f
}

// reasonsOf splits a scheduler's message into reasons: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a:
// b}. preemption: ...". It ignores preemption.
func reasonsOf(message string) []string {
	message, _, _ = strings.Cut(message, " preemption:")
	if _, reasons, ok := strings.Cut(message, "nodes are available: "); ok {
		message = reasons
	}
	var out []string
	for _, part := range strings.Split(strings.TrimRight(strings.TrimSpace(message), "."), ", ") {
		if len(out) > 0 && strings.Count(out[len(out)-1], "{") > strings.Count(out[len(out)-1], "}") {
			out[len(out)-1] += ", " + part // a comma inside of a taint
			continue
		}
		out = append(out, part)
	}
	return out
}

// claim explains a pod's volume that is not available.
func (e Evidence) claim(p Pod) (Finding, bool) {
	for _, v := range p.Spec.Volumes {
		i := slices.IndexFunc(e.Claims, func(c Object) bool { return v.Claim.Name != "" && c.Metadata.Name == v.Claim.Name })
		if i < 0 || e.Claims[i].Status.Phase == "Bound" {
			continue
		}
		f := Finding{Failed: true}
		f.Code = "BERTH3426"
		f.Subject = v.Claim.Name
		class := e.Claims[i].Spec.StorageClass
		events := e.about("PersistentVolumeClaim", v.Claim.Name, "ProvisioningFailed", "FailedBinding")
		switch {
		case class == nil:
			f.Summary = fmt.Sprintf("the volume of %s can't be created: the cluster has no default storage class", p.Metadata.Name)
			f.Hint = "set  kubernetes: {storageClass: {name: ...}}  to one of:  kubectl get storageclass"
		case len(events) > 0 && strings.Contains(events[0].Message, "storageclass") && strings.Contains(events[0].Message, "not found"):
			f.Summary = fmt.Sprintf("the volume of %s can't be created: there is no storage class %s", p.Metadata.Name, *class)
			f.Hint = "set  kubernetes: {storageClass: {name: ...}}  to one of:  kubectl get storageclass"
		case len(events) > 0:
			f.Failed = false
			f.Summary = fmt.Sprintf("the volume of %s was not created", p.Metadata.Name)
			f.Detail, f.Hint = lines(events[0].Message), "see the message of the storage provisioner:  kubectl describe pvc "+v.Claim.Name
		default:
			continue
		}
		f.How = f.Summary
		return f, true
	}
	return Finding{}, false
}

// volume explains a pod that has a node, but whose volumes are not mounted yet.
func (e Evidence) volume(o Object, p Pod) (Finding, bool) {
	events := e.ofPod(p, "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox")
	if len(events) == 0 || e.Now.Sub(events[0].at()) > 2*recent || running(p) {
		return Finding{}, false
	}
	message := events[0].Message
	if text := strings.ToLower(message); strings.Contains(text, "not found") && (strings.Contains(text, "secret ") || strings.Contains(text, "configmap ")) ||
		strings.Contains(text, "references non-existent") {
		return e.config(p, message), true
	}
	f := Finding{How: "waiting for its volumes: " + firstLine(message)}
	f.Code, f.Summary = "BERTH3426", "a volume of "+p.Metadata.Name+" can't be mounted"
	f.Detail, f.Hint = lines(message), "see the volume and its node:  kubectl describe pod "+p.Metadata.Name
	switch text := strings.ToLower(message); {
	case events[0].Reason == "FailedCreatePodSandBox":
		f.How = "waiting for its network"
		f.Code, f.Summary, f.Hint = "BERTH3431", "the node can't create the network of "+p.Metadata.Name, "see the node's network plugin:  kubectl describe node "+p.Spec.Node
	case strings.Contains(text, "multi-attach"):
		f.Hint = "another node still has the volume; it releases the volume some minutes after its pod is gone"
	}
	return f, true
}

func running(p Pod) bool {
	return slices.ContainsFunc(append(p.Status.Init, p.Status.Containers...), func(c ContainerStatus) bool { return c.State.Running != nil })
}

// image explains a container whose image can't be pulled.
func (e Evidence) image(o Object, p Pod, c ContainerStatus, reason, message string) Finding {
	tries := 0
	for _, v := range e.ofPod(p, "Failed", "InspectFailed") {
		if strings.HasPrefix(v.Message, "Failed to pull image") && strings.Contains(v.Message, c.Image) {
			tries += v.times()
			if !strings.Contains(message, ": ") || reason == "ImagePullBackOff" {
				message = v.Message // the state itself only says that it will be tried again
			}
		}
	}
	text := strings.ToLower(message)
	denied := containsAny(text, "unauthorized", "denied", "forbidden", "authentication required", "no basic auth")
	missing := containsAny(text, "not found", "manifest unknown", "name unknown", "does not exist")
	f := Finding{How: "its image can't be pulled: " + cause(message)}
	f.Code, f.Summary = "BERTH3422", fmt.Sprintf("the image of %s is not available%s", p.Metadata.Name, containerName(o, c.Name))
	f.Detail = []string{"image: " + c.Image, cause(message)}
	switch {
	case reason == "InvalidImageName", reason == "ErrImageNeverPull":
		f.Failed, f.Hint = true, "see images.registry and patches in the config"
	case denied:
		f.Failed, f.Hint = tries >= 2, "let the cluster sign in:  kubernetes: {imagePullSecrets: [NAME]}"
	case missing:
		f.Failed, f.Hint = tries >= 2, "to see which images are missing: berth check"
	default:
		f.Hint = "the nodes must reach the registry; see the message"
	}
	return f
}

// cause is the end of a long message, which says what happened; its beginning says which component asked which.
func cause(message string) string {
	message = firstLine(message)
	for _, mark := range []string{"desc = ", "ErrImagePull: "} {
		if i := strings.LastIndex(message, mark); i >= 0 {
			message = message[i+len(mark):]
		}
	}
	return message
}

// quotaLag is how long an API server may still refuse pods by a quota that was raised or deleted: it asks its cache.
const quotaLag = 5 * time.Second

// refused explains a workload whose pods can't even be created. The cause of an event from before the run may be fixed, and is tried again.
func (e Evidence) refused(o Object, v Event) Finding {
	text := strings.ToLower(v.Message)
	f := Finding{Failed: v.at().After(e.Since), How: "its pods can't be created: " + cause(v.Message)}
	f.Detail = lines(v.Message)
	switch {
	case strings.Contains(text, "exceeded quota"), strings.Contains(text, "failed quota"):
		f.Failed = v.at().After(e.Since.Add(quotaLag))
		f.Code, f.Summary = "BERTH3427", "the namespace's quota leaves no room for the pods of "+o.Metadata.Name
		f.Hint = "raise the quota (kubectl describe quota), or request less:  services: {" + o.service() + ": {cpu: ..., memory: ...}}"
	case strings.Contains(text, "violates podsecurity"):
		f.Code, f.Summary = "BERTH3428", "the namespace's pod security does not allow the pods of "+o.Metadata.Name
		f.Hint = "set  kubernetes: {podSecurity: restricted}  or relax the namespace's label pod-security.kubernetes.io/enforce"
	case strings.Contains(text, "failed calling webhook"), strings.Contains(text, "internal error"), strings.Contains(text, "timeout"):
		f.Failed = false // a webhook that is restarting
		f.Code, f.Summary = "BERTH3428", "an admission webhook does not answer for the pods of "+o.Metadata.Name
		f.Hint = "check that the webhook's own pods run; the message names it"
	case containsAny(text, "denied", "admission webhook", "is forbidden", "invalid"):
		f.Code, f.Summary = "BERTH3428", "the cluster does not allow the pods of "+o.Metadata.Name
		f.Hint = "the message names the policy or webhook that refuses it; meet it with kubernetes.pods or a patch"
	default:
		f.Failed = false
		f.Code, f.Summary = "BERTH3428", "the pods of "+o.Metadata.Name+" can't be created"
		f.Hint = "fix the cause shown above"
	}
	return f
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

func indented(list []string) []string {
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = "  " + l
	}
	return out
}
