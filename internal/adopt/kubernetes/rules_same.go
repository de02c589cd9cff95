package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/adopt"
	"berth/internal/tree"
)

// mark: a label by which scripts of Sourcegraph's own repositories chose what to apply. Nothing else reads it.
func (k *known) mark(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if d.Ours != nil || len(d.Path) == 0 || d.Path[len(d.Path)-1] != "sourcegraph-resource-requires" || !slices.Contains(d.Path, "labels") {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Default, Why: "Sourcegraph's own files have it, and nothing in the cluster reads it"}
}

// portName: a port has the same number, and another name. Where its pods are made again, their ports get the names that the chart gives, and all that
// refers to them does.
func (k *known) portName(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if d.Theirs == nil || len(d.Path) < 3 || !k.remade(d.Object) {
		return nil
	}
	const why = "the same port, under the name that the chart gives it"
	last := d.Path[len(d.Path)-1]
	theirs, ours := k.source.raw[d.Object], k.raw[d.Object]
	switch path := inPods(d); {
	case kindOf(d.Object) == "Service" && len(d.Path) == 4 && d.Path[1] == "ports" && last == "name":
		if itemCalled(tree.List(tree.Branch(ours, "spec")["ports"]), d.Path[2], []string{"port", "protocol"}) == nil {
			return nil
		}
	case kindOf(d.Object) == "Service" && len(d.Path) == 4 && d.Path[1] == "ports" && last == "targetPort":
		if n := k.leadsTo(k.source.raw, d.Object, d.Theirs); n == "" || n != k.leadsTo(k.raw, d.Object, d.Ours) {
			return nil
		}
	case len(path) == 5 && path[2] == "ports" && last == "name":
		if !slices.ContainsFunc(portsOf(ours, path[0], path[1]), func(p map[string]any) bool { return strings.HasPrefix(path[3], fmt.Sprint(p["containerPort"])+"/") }) {
			return nil
		}
	case len(path) == 5 && strings.HasSuffix(path[2], "Probe") && last == "port":
		if n := portOf(portsOf(theirs, path[0], path[1]), d.Theirs); n == "" || n != portOf(portsOf(ours, path[0], path[1]), d.Ours) {
			return nil
		}
	default:
		return nil
	}
	return &adopt.Answer{Fate: adopt.Default, Why: why}
}

// podUser: the user of all containers of a pod, which the chart writes at each container.
func (k *known) podUser(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	path := inPods(d)
	if d.Theirs == nil || d.Ours != nil || len(path) != 2 || path[0] != "securityContext" || path[1] != "runAsUser" && path[1] != "runAsGroup" || !k.remade(d.Object) {
		return nil
	}
	containers := tree.Containers(tree.Branch(tree.Pods(k.raw[d.Object]), "spec"))
	for _, c := range containers {
		if !tree.Same(tree.Branch(c, "securityContext")[path[1]], d.Theirs) {
			return nil
		}
	}
	return &adopt.Answer{Fate: adopt.Default, Why: "the chart says the same at each container"}
}

// chosen: the container that kubectl chooses. The chart says it at the pods, where kubectl looks for it.
func (k *known) chosen(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	const hint = "kubectl.kubernetes.io/default-container"
	pods := tree.Branch(tree.Pods(k.raw[d.Object]), "metadata", "annotations")
	if !slices.Equal(d.Path, []string{"annotations", hint}) || d.Theirs == nil || pods[hint] != d.Theirs {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Default, Why: "the chart says it at the pods, where kubectl looks for it"}
}

// remade reports whether an object, or the pods of a Service, are made again.
func (k *known) remade(object string) bool {
	return k.reselected(object) || kindOf(object) == "Service" && k.ofPods(object, k.reselected)
}

// replaced reports whether the pods of a Service are those of another kind of workload now.
func (k *known) replaced(object string) bool {
	return k.ofPods(object, func(workload string) bool { return k.source.kinds[workload] != "" })
}

// ofPods reports whether something is true of an object that belongs to the same service as another one.
func (k *known) ofPods(object string, is func(other string) bool) bool {
	for other, service := range k.owners {
		if service == k.owners[object] && is(other) {
			return true
		}
	}
	return false
}

// leadsTo is the number of the port that a Service's target means in the pods of its service; "" where none has it.
func (k *known) leadsTo(all map[string]map[string]any, object string, target any) string {
	for other, service := range k.owners {
		if service != k.owners[object] || tree.Pods(all[other]) == nil {
			continue
		}
		for _, c := range tree.Containers(tree.Branch(tree.Pods(all[other]), "spec")) {
			if n := portOf(tree.Items(c["ports"]), target); n != "" {
				return n
			}
		}
	}
	return ""
}

func portsOf(object map[string]any, list, container string) []map[string]any {
	return tree.Items(tree.Named(tree.Branch(tree.Pods(object), "spec")[list], container)["ports"])
}

// portOf is the number of the port that a name or a number means; "" where there is none.
func portOf(ports []map[string]any, meant any) string {
	for _, p := range ports {
		if n := fmt.Sprint(p["containerPort"]); p["name"] == meant || n == fmt.Sprint(meant) {
			return n
		}
	}
	return ""
}

// root: pods that run as root and are made again as another user. Who may read the files that root wrote into their volumes depends on the volumes, so it is asked.
func (k *known) root(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	path := inPods(d)
	if d.Theirs == nil || !tree.Same(d.Theirs, 0) || len(path) < 2 || path[len(path)-1] != "runAsUser" || !k.reselected(d.Object) {
		return nil
	}
	why := "it runs as root, and is made again as the release's own user"
	if slices.ContainsFunc(tree.Items(tree.Branch(tree.Pods(k.source.raw[d.Object]), "spec")["volumes"]), func(v map[string]any) bool { return v["persistentVolumeClaim"] != nil }) ||
		tree.Branch(k.source.raw[d.Object], "spec")["volumeClaimTemplates"] != nil {
		why += ", who has to own the files in its volumes"
	}
	return &adopt.Answer{Fate: adopt.Again, Why: why}
}
