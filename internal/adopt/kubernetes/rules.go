package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/tree"
)

// known is what the rules know.
type known struct {
	source  *Source
	release *catalogue.Release

	// Of the last rendered draft:
	raw        map[string]map[string]any // its objects as Kubernetes writes them
	owners     map[string]string         // the service of each object
	containers map[string]string         // the service of each container, by object and name
}

// rules are the rules for objects of a release, the most telling first: whole objects, what a key says for all pods, for one service, and at last a patch.
func (k *known) rules() []adopt.Rule {
	return []adopt.Rule{
		{Name: "own store", Answer: k.ownStore},
		{Name: "no object", Answer: k.missing},
		{Name: "storage class", Answer: k.storageClass},
		{Name: "service account", Answer: k.serviceAccount},
		{Name: "tracing", Answer: k.tracing},
		{Name: "not managed", Last: true, Answer: k.alone},
		{Name: "size", Answer: k.size},
		{Name: "hash", Answer: k.hash},
		{Name: "no container", Answer: k.noContainer},
		{Name: "own Secret", Answer: k.ownSecret},
		{Name: "all pods", Answer: k.allPods},
		{Name: "own bucket", Answer: k.bucket},
		{Name: "container", Answer: k.container},
		{Name: "pods", Answer: k.pods},
		{Name: "number", Answer: k.number},
		{Name: "volume class of all", Answer: k.allClaims},
		{Name: "volume", Answer: k.claim},
		{Name: "front", Answer: k.front},
		{Name: "settings of Postgres", Answer: k.settings},
		{Name: "image", Answer: k.image},
		{Name: "mark", Answer: k.mark},
		{Name: "name of a port", Answer: k.portName},
		{Name: "user of pods", Answer: k.podUser},
		{Name: "chosen container", Answer: k.chosen},
		{Name: "default of Kubernetes", Answer: k.usual},
		{Name: "value", Answer: k.value},
		{Name: "root", Answer: k.root},
		{Name: "strategy", Answer: k.strategy},
		{Name: "claim elsewhere", Answer: k.elsewhere},
		{Name: "made", Last: true, Answer: k.made},
		{Name: "made again", Last: true, Answer: k.again},
		{Name: "patch", Last: true, Answer: k.patch},
	}
}

func key(fate adopt.Fate, value any, path ...string) *adopt.Answer {
	return &adopt.Answer{Fate: fate, Edits: []adopt.Edit{{Path: path, Value: value}}}
}

func kindOf(object string) string {
	kind, _, _ := strings.Cut(object, "/")
	return kind
}

func nameOf(object string) string {
	_, name, _ := strings.Cut(object, "/")
	return name
}

// under is the rest of a path below another one.
func under(path []string, above ...string) ([]string, bool) {
	if len(path) < len(above) || !slices.Equal(path[:len(above)], above) {
		return nil, false
	}
	return path[len(above):], true
}

// inPods is the rest of a path below the spec of pods; the pods' own labels and annotations are "metadata".
func inPods(d adopt.Difference) []string {
	if rest, ok := under(d.Path, "spec", "template", "spec"); ok {
		return rest
	}
	if rest, ok := under(d.Path, "spec", "template", "metadata"); ok {
		return append([]string{"metadata"}, rest...)
	}
	return nil
}

// inContainer is the service of a container, and the rest of a path in it.
func (k *known) inContainer(d adopt.Difference) (service string, rest []string) {
	path := inPods(d)
	if len(path) < 2 || path[0] != "containers" && path[0] != "initContainers" {
		return "", nil
	}
	return k.containers[d.Object+" "+path[1]], path[2:]
}

// stores are the services in whose place an admin's own store can be, with the Secret that says where it is.
var stores = map[string]string{"StatefulSet/pgsql": "pgsql-auth", "StatefulSet/codeintel-db": "codeintel-db-auth", "StatefulSet/codeinsights-db": "codeinsights-db-auth",
	"Deployment/redis-cache": "redis-cache", "Deployment/redis-store": "redis-store"}

// ownStore: a store of their own. The Secret that says where it is stays as it is, so nothing secret leaves the cluster, and no pod restarts.
func (k *known) ownStore(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	secret, isStore := stores[d.Object]
	if !isStore || len(d.Path) > 0 || d.Theirs != nil || s.Theirs["Secret/"+secret] == nil {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Key, Edits: []adopt.Edit{
		{Path: []string{"services", k.owners[d.Object], "enabled"}, Value: false},
		{Path: []string{"kubernetes", "existingSecrets", secret}, Value: secret}}}
}

// missing: an object of the release that they don't have.
func (k *known) missing(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if len(d.Path) > 0 || d.Theirs != nil {
		return nil
	}
	switch kindOf(d.Object) {
	case "Deployment", "StatefulSet", "DaemonSet":
		return key(adopt.Key, false, "services", k.owners[d.Object], "enabled")
	case "Ingress":
		return key(adopt.Key, false, "kubernetes", "ingress", "enabled")
	case "ClusterRole":
		for object := range s.Theirs { // what needs the nodes does not run then
			if kindOf(object) == "DaemonSet" && s.Shipped[object] != nil {
				return nil
			}
		}
		return key(adopt.Key, false, "kubernetes", "clusterScoped")
	}
	return nil
}

// storageClass: the chart makes one. berth makes one where it is asked to.
func (k *known) storageClass(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	theirs := s.Theirs[d.Object]
	if kindOf(d.Object) != "StorageClass" || len(d.Path) > 0 || d.Ours != nil {
		return nil
	}
	class := map[string]any{"name": nameOf(d.Object), "provisioner": theirs["provisioner"]}
	for theirName, name := range map[string]string{"parameters": "parameters", "reclaimPolicy": "reclaimPolicy", "volumeBindingMode": "bindingMode"} {
		if v := theirs[theirName]; v != nil {
			class[name] = v
		}
	}
	return key(adopt.Key, class, "kubernetes", "storageClass")
}

// serviceAccount: an identity of pods in the cloud or in the cluster.
func (k *known) serviceAccount(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if kindOf(d.Object) != "ServiceAccount" || d.Theirs == nil {
		return nil
	}
	service := k.owners[d.Object]
	for key := range k.owners { // a new one is of the service whose pods have it
		if service == "" && tree.Text(s.Theirs[key], "spec", "template", "spec", "serviceAccountName") == nameOf(d.Object) {
			service = k.owners[key]
		}
	}
	annotations := tree.Branch(s.Theirs[d.Object], "annotations")
	if service == "" || len(d.Path) > 0 && d.Path[0] != "annotations" || len(d.Path) == 0 && service != nameOf(d.Object) {
		return nil
	}
	account := map[string]any{}
	if len(annotations) > 0 {
		account["annotations"] = annotations
	}
	return key(adopt.Key, account, "services", service, "pods", "serviceAccount")
}

// tracing: Jaeger is part of the chart, and off as shipped.
func (k *known) tracing(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if len(d.Path) > 0 || d.Object != "Deployment/jaeger" || d.Ours != nil {
		return nil
	}
	return key(adopt.Key, true, "tracing", "jaeger")
}

// alone: an object of their own. berth does not touch it.
func (k *known) alone(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if len(d.Path) > 0 || d.Theirs == nil || d.Ours != nil {
		return nil
	}
	why := "no object of the release; it stays in the cluster as it is"
	if kindOf(d.Object) == "Secret" {
		why = "pods read it where it is; its values stay in the cluster"
	}
	return &adopt.Answer{Fate: adopt.Alone, Whole: true, Why: why}
}

// made: an object of the release that no key leaves out.
func (k *known) made(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if len(d.Path) > 0 || d.Theirs != nil {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Lost, Why: "the release has it, and no key leaves it out, so berth creates it"}
}

// size: most containers have no limits.
func (k *known) size(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	_, rest := k.inContainer(d)
	if len(rest) == 0 || rest[0] != "resources" || d.Theirs != nil {
		return nil
	}
	all, unlimited := 0, 0
	for object := range k.owners {
		for _, c := range tree.Containers(tree.Branch(tree.Pods(k.source.raw[object]), "spec")) {
			all++
			if len(tree.Branch(c, "resources")) == 0 {
				unlimited++
			}
		}
	}
	if unlimited*2 < all {
		return nil
	}
	return key(adopt.Key, "demo", "size")
}

// again: nothing can change the selector of an object that exists, so one with another selector is made again. Then it is as the release has it, with
// what keys say: patches that make it what it was, place by place, could make what Kubernetes refuses, when it is deleted already.
func (k *known) again(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	switch {
	case len(d.Path) == 0:
	case k.reselected(d.Object):
		if kind := k.source.kinds[d.Object]; kind != "" {
			return &adopt.Answer{Fate: adopt.Again, Why: "yours is a " + kind}
		}
		return &adopt.Answer{Fate: adopt.Again, Why: "it has another selector, which can't be changed"}
	case kindOf(d.Object) == "Service" && d.Path[0] == "spec" && k.replaced(d.Object):
		return &adopt.Answer{Fate: adopt.Again, Why: "its pods are those of another kind of workload, which the release reaches through its own Service"}
	case kindOf(d.Object) == "Service" && len(d.Path) > 1 && d.Path[0] == "spec" && (d.Path[1] == "ports" || d.Path[1] == "selector") && k.remade(d.Object):
		return &adopt.Answer{Fate: adopt.Again, Why: "its pods are made again, with the labels and the names of ports that the release gives them"}
	}
	return nil
}

// reselected reports whether the pods of an object have another selector than those of berth.
func (k *known) reselected(object string) bool {
	selector := []string{"spec", "selector"}
	theirs, ours := k.source.raw[object], k.raw[object]
	return k.source.kinds[object] != "" && ours != nil || tree.Pods(theirs) != nil && tree.Pods(ours) != nil && !tree.Same(tree.Branch(theirs, selector...), tree.Branch(ours, selector...))
}

// hash: a hash of passwords or of configuration, by which the chart restarts pods. It stays what it is, and is not written down.
func (k *known) hash(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if !strings.HasPrefix(strings.Join(d.Path, "."), hashes) {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Key, Why: "the chart's hash of files that pods read at their start; berth leaves it as it is", Edits: []adopt.Edit{{Path: []string{"kubernetes", "conflicts"},
		Value: map[string]any{"field": hashes + "*", "choice": "yield"}, Add: true}}}
}

// noContainer: a service in the pods of another one that they don't have.
func (k *known) noContainer(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	service, rest := k.inContainer(d)
	if service == "" || len(rest) > 0 || d.Theirs != nil {
		return nil
	}
	return key(adopt.Key, false, "services", service, "enabled")
}

// ownSecret: pods read a Secret of the admin's in place of one of Sourcegraph's.
func (k *known) ownSecret(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	_, rest := k.inContainer(d)
	theirs, _ := d.Theirs.(string)
	ours, _ := d.Ours.(string)
	if len(rest) != 5 || rest[0] != "env" || rest[3] != "secretKeyRef" || rest[4] != "name" || theirs == "" || ours == "" || s.Theirs["Secret/"+ours] != nil {
		return nil
	}
	return key(adopt.Key, theirs, "kubernetes", "existingSecrets", ours)
}

// image: an image that is not of the release.
func (k *known) image(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	_, rest := k.inContainer(d)
	if len(rest) != 1 || rest[0] != "image" || d.Theirs == nil || d.Ours == nil {
		return nil
	}
	why := "berth runs the images of the release " + k.release.Version + "; for an image of your own, use images.registry and berth lock"
	if ours, _, _ := strings.Cut(fmt.Sprint(d.Ours), "@"); ours == d.Theirs {
		why = "the same image without its digest; berth names the digest, so that a tag can't change what runs, and the pod restarts once"
	}
	return &adopt.Answer{Fate: adopt.Lost, Why: why}
}
