package kubernetes

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"berth/internal/adopt"
	"berth/internal/secret"
	"berth/internal/tree"
)

// saidOfPods is the key of ours below "pods", and its value, for a difference in pods; nil where there is none. whose is the place of keys that are
// beside "pods": a service, or all of them.
func (k *known) saidOfPods(d adopt.Difference) (path []string, value any) {
	rest := inPods(d)
	if len(rest) == 0 || d.Theirs == nil {
		return nil, nil
	}
	theirs := tree.Branch(tree.Pods(k.source.raw[d.Object]), "spec")
	switch ours := tree.Branch(tree.Pods(k.raw[d.Object]), "spec"); rest[0] {
	case "metadata":
		if len(rest) == 3 {
			return []string{"pods", rest[1], rest[2]}, fmt.Sprint(d.Theirs)
		}
	case "nodeSelector":
		if len(rest) == 2 {
			return []string{"pods", "nodeSelector", rest[1]}, fmt.Sprint(d.Theirs)
		}
		return []string{"pods", "nodeSelector"}, theirs["nodeSelector"]
	case "tolerations":
		return []string{"pods", "tolerations"}, beyond(theirs["tolerations"], ours["tolerations"])
	case "affinity":
		return []string{"pods", "affinity"}, theirs["affinity"]
	case "topologySpreadConstraints":
		return []string{"pods", "topologySpread"}, beyond(theirs["topologySpreadConstraints"], ours["topologySpreadConstraints"])
	case "priorityClassName":
		return []string{"pods", "priorityClass"}, d.Theirs
	case "serviceAccountName":
		return []string{"pods", "serviceAccount", "name"}, d.Theirs
	}
	return nil, nil
}

// beyond are the items of a list that follow those of another one; all, where it does not begin with them.
func beyond(list, first any) any {
	all, some := tree.List(list), tree.List(first)
	if len(some) < len(all) && tree.Same(all[:len(some)], some) {
		return all[len(some):]
	}
	return all
}

// allPods: the same difference in the pods of all services.
func (k *known) allPods(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	rest := inPods(d)
	if len(rest) == 0 || d.Theirs == nil {
		return nil
	}
	pods, same := 0, 0
	for object := range k.owners {
		if tree.Pods(k.source.raw[object]) != nil {
			pods++
		}
	}
	for _, other := range s.Differences {
		if slices.Equal(other.Path, d.Path) && reflect.DeepEqual(other.Theirs, d.Theirs) {
			same++
		}
	}
	if same < pods || pods < 3 {
		return nil
	}
	if rest[0] == "imagePullSecrets" {
		var names []any
		for _, ref := range tree.Items(tree.Branch(tree.Pods(k.source.raw[d.Object]), "spec")["imagePullSecrets"]) {
			names = append(names, ref["name"])
		}
		return key(adopt.Key, names, "kubernetes", "imagePullSecrets")
	}
	path, value := k.saidOfPods(d)
	if path == nil || path[1] == "serviceAccount" {
		return nil
	}
	return key(adopt.Key, value, append([]string{"kubernetes"}, path...)...)
}

// pods: where and how the pods of a service run.
func (k *known) pods(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	path, value := k.saidOfPods(d)
	service := k.owners[d.Object]
	if path == nil || service == "" {
		return nil
	}
	return key(adopt.Key, value, append([]string{"services", service}, path...)...)
}

// resources are the keys for limits and requests.
var resources = map[string]string{"limits cpu": "cpu", "limits memory": "memory", "requests cpu": "cpuRequest", "requests memory": "memoryRequest"}

// container: limits and variables of a service.
func (k *known) container(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	service, rest := k.inContainer(d)
	if service == "" || d.Theirs == nil {
		return nil
	}
	at := []string{"services", service}
	switch {
	case len(rest) == 3 && rest[0] == "resources":
		if name := resources[rest[1]+" "+rest[2]]; name != "" {
			return key(adopt.Key, fmt.Sprint(d.Theirs), append(at, name)...)
		}
	case len(rest) >= 1 && len(rest) < 3 && rest[0] == "resources":
		a := &adopt.Answer{Fate: adopt.Key}
		all := tree.Branch(tree.Named(k.containersOf(d.Object), inPods(d)[1]), "resources")
		for both, name := range resources {
			group, resource, _ := strings.Cut(both, " ")
			if v := tree.Branch(all, group)[resource]; v != nil {
				a.Edits = append(a.Edits, adopt.Edit{Path: append(slices.Clone(at), name), Value: fmt.Sprint(v)})
			}
		}
		return a
	case len(rest) >= 2 && rest[0] == "env":
		return k.variable(service, rest[1], tree.Named(tree.Named(k.containersOf(d.Object), inPods(d)[1])["env"], rest[1]))
	}
	return nil
}

// bucket: object storage of their own. Its keys are in variables, or in a Secret that is among what was read.
func (k *known) bucket(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	_, rest := k.inContainer(d)
	if len(rest) < 2 || rest[0] != "env" {
		return nil
	}
	env := tree.Named(k.containersOf(d.Object), inPods(d)[1])["env"]
	return adopt.OfBucket(k.release.Relations.Stores.ObjectStorage, d, rest[1], s.Draft, func(name string) string {
		e := tree.Named(env, name)
		if from := tree.Branch(e, "valueFrom"); from != nil {
			return k.secretValue(from)
		}
		return tree.Text(e, "value")
	})
}

// containersOf are their containers of an object.
func (k *known) containersOf(object string) any {
	return tree.OfList(tree.Containers(tree.Branch(tree.Pods(k.source.raw[object]), "spec")))
}

// variable: one of a service. One that looks like a secret moves into a file, which berth puts into a Secret.
func (k *known) variable(service, name string, e map[string]any) *adopt.Answer {
	at := []string{"services", service, "env", name}
	for from, ours := range map[string]string{"secretKeyRef": "secretKey", "configMapKeyRef": "configMapKey"} {
		if ref := tree.Branch(e, "valueFrom", from); ref != nil && ref["optional"] == nil {
			return key(adopt.Key, map[string]any{ours: map[string]any{"name": ref["name"], "key": ref["key"]}}, at...)
		}
	}
	value := tree.Text(e, "value")
	if e == nil || e["valueFrom"] != nil {
		return nil
	}
	if _, is := secret.Looks(name, value); !is {
		return key(adopt.Key, strings.ReplaceAll(value, "$$(", "$("), at...)
	}
	file := "secrets/" + service + "-" + strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return &adopt.Answer{Fate: adopt.Secret, Why: "berth puts it into a Secret that the pods read, so they restart once",
		Edits: []adopt.Edit{{Path: at, Value: map[string]any{"file": file}, File: map[string][]byte{file: []byte(value + "\n")}}}}
}

// number: how many pods a service has.
func (k *known) number(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if !slices.Equal(d.Path, []string{"spec", "replicas"}) || d.Theirs == nil || k.owners[d.Object] == "" {
		return nil
	}
	return number(d.Theirs, "services", k.owners[d.Object], "replicas")
}

// number is the answer of a key with a number; nil where theirs is none.
func number(theirs any, path ...string) *adopt.Answer {
	n, err := strconv.Atoi(fmt.Sprint(theirs))
	if err != nil {
		return nil
	}
	return key(adopt.Key, n, path...)
}

// inClaim is the rest of a path below the spec of a claim, or of the template of one.
func inClaim(d adopt.Difference) []string {
	if kindOf(d.Object) == "PersistentVolumeClaim" {
		rest, _ := under(d.Path, "spec")
		return rest
	}
	if len(d.Path) > 3 && d.Path[1] == "volumeClaimTemplates" && d.Path[3] == "spec" {
		return d.Path[4:]
	}
	return nil
}

// allClaims: the class of all volumes.
func (k *known) allClaims(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if rest := inClaim(d); len(rest) != 1 || rest[0] != "storageClassName" || d.Theirs == nil {
		return nil
	}
	most := 0
	count := map[string]int{}
	for _, other := range s.Differences {
		if rest := inClaim(other); len(rest) == 1 && rest[0] == "storageClassName" && other.Theirs != nil {
			count[fmt.Sprint(other.Theirs)]++
			most = max(most, count[fmt.Sprint(other.Theirs)])
		}
	}
	if count[fmt.Sprint(d.Theirs)] < most || most < 3 {
		return nil
	}
	return key(adopt.Key, d.Theirs, "kubernetes", "storageClass", "name")
}

// claim: the size and the class of a service's volume.
func (k *known) claim(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	rest, service := inClaim(d), k.owners[d.Object]
	if service == "" || d.Theirs == nil {
		return nil
	}
	switch strings.Join(rest, ".") {
	case "storageClassName":
		return key(adopt.Key, d.Theirs, "services", service, "storageClass")
	case "resources.requests.storage":
		return key(adopt.Key, fmt.Sprint(d.Theirs), "services", service, "storage")
	}
	return nil
}

// front: the Ingress, and the frontend's Service.
func (k *known) front(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	at := strings.Join(d.Path, ".")
	switch {
	case d.Theirs == nil:
	case d.Object == "Ingress/"+frontend && at == "spec.ingressClassName":
		return key(adopt.Key, d.Theirs, "kubernetes", "ingress", "class")
	case d.Object == "Ingress/"+frontend && len(d.Path) == 2 && d.Path[0] == "annotations":
		return key(adopt.Key, fmt.Sprint(d.Theirs), "kubernetes", "ingress", "annotations", d.Path[1])
	case d.Object == "Ingress/"+frontend && d.Path[0] == "spec" && len(d.Path) > 1 && d.Path[1] == "tls":
		for _, tls := range tree.Items(tree.Branch(k.source.raw[d.Object], "spec")["tls"]) {
			return key(adopt.Key, tls["secretName"], "kubernetes", "ingress", "tlsSecret")
		}
	case d.Object == "Service/"+frontend && at == "spec.type":
		return key(adopt.Key, d.Theirs, "kubernetes", "service", "type")
	case d.Object == "Service/"+frontend && at == "spec.loadBalancerSourceRanges":
		return key(adopt.Key, d.Theirs, "kubernetes", "service", "sourceRanges")
	case d.Object == "Service/"+frontend && len(d.Path) == 4 && d.Path[1] == "ports" && d.Path[3] == "nodePort":
		return number(d.Theirs, "kubernetes", "service", "nodePort")
	case d.Object == "Service/"+frontend && len(d.Path) == 4 && d.Path[1] == "ports" && d.Path[3] == "port":
		return number(d.Theirs, "kubernetes", "service", "port")
	case d.Object == "Service/"+frontend && len(d.Path) == 2 && d.Path[0] == "annotations":
		return key(adopt.Key, fmt.Sprint(d.Theirs), "kubernetes", "service", "annotations", d.Path[1])
	}
	return nil
}

// settings: of a built-in database.
func (k *known) settings(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if kindOf(d.Object) != "ConfigMap" || len(d.Path) != 3 || d.Path[1] != "postgresql.conf" || d.Theirs == nil {
		return nil
	}
	return key(adopt.Key, fmt.Sprint(d.Theirs), "databases", k.owners[d.Object], "settings", d.Path[2])
}
