package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"berth/internal/stack"
	"berth/internal/tree"
)

// attributes give the pods of a service what the config says of its containers, as far as it belongs to pods. Labels and annotations are among
// the settings of pods.
func attributes(o *Object, inst stack.Instance) {
	a, template := inst.Attributes, tree.Pods(o.Body)
	if template == nil {
		return
	}
	spec := tree.At(template, "spec")
	names := map[string][]any{} // by address
	for _, name := range slices.Sorted(maps.Keys(a.ExtraHosts)) {
		names[a.ExtraHosts[name]] = append(names[a.ExtraHosts[name]], name)
	}
	for _, address := range slices.Sorted(maps.Keys(names)) {
		spec["hostAliases"] = append(tree.List(spec["hostAliases"]), map[string]any{"ip": address, "hostnames": names[address]})
	}
	if d := a.DNS; d != nil {
		dns := tree.At(spec, "dnsConfig")
		if d.Servers != nil {
			dns["nameservers"] = tree.OfList(d.Servers)
		}
		if d.Search != nil {
			dns["searches"] = tree.OfList(d.Search)
		}
		for _, option := range d.Options {
			name, value, valued := strings.Cut(option, ":")
			entry := map[string]any{"name": name}
			if valued {
				entry["value"] = value
			}
			dns["options"] = append(tree.List(dns["options"]), entry)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Sysctls)) {
		context := tree.At(spec, "securityContext")
		context["sysctls"] = append(tree.List(context["sysctls"]), map[string]any{"name": name, "value": a.Sysctls[name]})
	}
}

// own mounts something of the admin's: it adds the pod's volume, and returns the mount of the container.
func own(spec map[string]any, m stack.Mount) map[string]any {
	kind, name, _ := strings.Cut(m.Object, "/")
	volume := map[string]any{}
	switch kind {
	case "Secret":
		volume["secret"] = map[string]any{"secretName": name}
	case "ConfigMap":
		volume["configMap"] = map[string]any{"name": name}
	case "PersistentVolumeClaim":
		volume["persistentVolumeClaim"] = map[string]any{"claimName": name}
	default:
		volume["hostPath"] = map[string]any{"path": m.Host}
	}
	sum := sha256.Sum256([]byte(m.Object + m.Host))
	volume["name"] = "own-" + hex.EncodeToString(sum[:4])
	tree.Put(spec, "volumes", volume)
	out := map[string]any{"name": volume["name"], "mountPath": m.Path}
	if m.Key != "" {
		out["subPath"] = m.Key
	}
	if m.ReadOnly || kind == "Secret" || kind == "ConfigMap" {
		out["readOnly"] = true
	}
	return out
}
