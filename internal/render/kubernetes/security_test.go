package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/render/kubernetes"
)

// TestPodSecurity: the pods of every minor release satisfy the config's level, by the API server's rules.
//
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
func TestPodSecurity(t *testing.T) {
	done := map[string]bool{}
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		minor := catalogue.Minor(v.Version)
		if done[minor] {
			continue
		}
		done[minor] = true
		if !slices.ContainsFunc(render(t, v.Version, "").Objects, func(o kubernetes.Object) bool { return len(podOf(o).overBaseline()) > 0 }) {
			t.Errorf("%s: nothing untouched exceeds the baseline: is the test blind?", v.Version)
		}
		for text, broken := range map[string]func(pod) []string{
			"kubernetes: {podSecurity: baseline}":                           pod.overBaseline,
			"kubernetes: {podSecurity: restricted}":                         pod.overRestricted,
			"kubernetes: {podSecurity: restricted, runAs: {user: 1000}}":    pod.overRestricted,
			"kubernetes: {openshift: true}":                                 pod.overStandard,
			"kubernetes: {podSecurity: restricted}\ngit: {netrc: {env: A}}": pod.overRestricted,
		} {
			for _, o := range render(t, v.Version, text).Objects {
				p := podOf(o)
				if p == nil {
					continue
				}
				if found := broken(p); len(found) > 0 {
					t.Errorf("%s with %s: %s has %s", v.Version, text, o.Key(), strings.Join(found, ", "))
				}
			}
		}
	}
}

// pod is the spec of pods.
type pod map[string]any

func podOf(o kubernetes.Object) pod {
	template, _ := down(down(o.Body, "spec"), "template").(map[string]any)
	spec, _ := template["spec"].(map[string]any)
	return spec
}

func (p pod) containers() []map[string]any {
	var list []map[string]any
	for _, group := range []string{"initContainers", "containers"} {
		items, _ := p[group].([]any)
		for _, item := range items {
			list = append(list, item.(map[string]any))
		}
	}
	return list
}

func (p pod) overBaseline() []string {
	var found []string
	for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		if p[key] == true {
			found = append(found, key)
		}
	}
	volumes, _ := p["volumes"].([]any)
	for _, v := range volumes {
		if down(v, "hostPath") != nil {
			found = append(found, "a hostPath")
		}
	}
	for _, c := range p.containers() {
		if down(c["securityContext"], "privileged") == true {
			found = append(found, "privileged "+fmt.Sprint(c["name"]))
		}
		ports, _ := c["ports"].([]any)
		for _, port := range ports {
			if down(port, "hostPort") != nil {
				found = append(found, "a hostPort")
			}
		}
	}
	return found
}

// volumeKinds are the kinds of volumes that restricted pods may have.
var volumeKinds = []string{"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "name"}

// overRestricted also requires users by number: a kubelet can't know whether an image's user with a name is root. OpenShift sets numbers
// itself.
func (p pod) overRestricted() []string {
	found := p.overStandard()
	for _, c := range p.containers() {
		if down(c["securityContext"], "runAsUser") == nil && down(p["securityContext"], "runAsUser") == nil {
			found = append(found, fmt.Sprint(c["name"])+" without a user")
		}
	}
	return found
}

func (p pod) overStandard() []string {
	found := p.overBaseline()
	volumes, _ := p["volumes"].([]any)
	for _, v := range volumes {
		for kind := range v.(map[string]any) {
			if !slices.Contains(volumeKinds, kind) {
				found = append(found, "a volume of "+kind)
			}
		}
	}
	own := p["securityContext"]
	for _, c := range p.containers() {
		context, name := c["securityContext"], fmt.Sprint(c["name"])
		either := func(key string) any {
			if v := down(context, key); v != nil {
				return v
			}
			return down(own, key)
		}
		if either("runAsNonRoot") != true || fmt.Sprint(either("runAsUser")) == "0" {
			found = append(found, name+" as root")
		}
		if down(context, "allowPrivilegeEscalation") != false {
			found = append(found, name+" that may get more rights")
		}
		if drop := fmt.Sprint(down(down(context, "capabilities"), "drop")); drop != "[ALL]" || down(down(context, "capabilities"), "add") != nil {
			found = append(found, name+" with capabilities")
		}
		if down(either("seccompProfile"), "type") != "RuntimeDefault" {
			found = append(found, name+" without a seccomp profile")
		}
	}
	return found
}
