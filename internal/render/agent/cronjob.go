package agent

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// ConfigKey is the key of the config in the agent's ConfigMap.
const ConfigKey = "sourcegraph.yaml"

// Pod is an installation in a cluster, and how its agent runs.
type Pod struct {
	Installation string
	Namespace    string
	Image        string
	Config       string            // the config's text
	Files        map[string]string // files that it names and that have no secrets, by name
	Secrets      []string          // variables with its secrets
	SecretFiles  []string          // files with its secrets, by name
	Roles        []map[string]any  // the Role, and where it is needed the ClusterRole, of berth explain rbac

	PullSecrets  []string
	NodeSelector map[string]string
	Tolerations  []map[string]any
	// AnyUser leaves the user to the namespace's range, as OpenShift requires.
	AnyUser bool
}

// folder is where the agent works: the config and its files are there.
const folder = "/work"

// user is the agent's user where nothing else sets one: it owns nothing.
const user = int64(65532)

// longest is the greatest length of a CronJob's name.
const longest = 52

// Name is the name of the agent's objects.
func (p Pod) Name() string {
	name := "berth-" + p.Installation + "-agent"
	if len(name) > longest {
		name = fmt.Sprintf("%s-%08x", name[:longest-9], p.sum())
	}
	return name
}

// ConfigMap is the name of the ConfigMap with the config. The agent's last observation is in another one, which has the agent's own name.
func (p Pod) ConfigMap() string { return p.Name() + "-config" }

// Secret is the name of the Secret with the config's secrets.
func (p Pod) Secret() string { return p.Name() + "-secrets" }

// SecretKeys are the keys of the Secret: names of variables, and files by their keys.
func (p Pod) SecretKeys() []string {
	keys := slices.Clone(p.Secrets)
	for _, name := range p.SecretFiles {
		keys = append(keys, key(name))
	}
	return keys
}

// SecretCommand is the command that creates or updates the Secret. It runs in the config's folder, with the variables set.
func (p Pod) SecretCommand() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kubectl -n %s create secret generic %s --dry-run=client -o yaml", p.Namespace, p.Secret())
	for _, name := range p.Secrets {
		fmt.Fprintf(&b, " \\\n  --from-file=%[1]s=<(printf %%s \"$%[1]s\")", name) // other users could read a value in an argument
	}
	for _, name := range p.SecretFiles {
		fmt.Fprintf(&b, " \\\n  --from-file=%s='%s'", key(name), strings.ReplaceAll(name, "'", `'\''`))
	}
	return b.String() + " |\n  kubectl apply --server-side -f -"
}

// Objects are the objects that run the agent every hour, in the order in which they are applied.
func (p Pod) Objects() []map[string]any {
	out := []map[string]any{p.object("v1", "ServiceAccount", p.Name(), map[string]any{"automountServiceAccountToken": false})}
	for _, role := range append(slices.Clone(p.Roles), p.inside()) {
		out = append(out, role, p.binding(role))
	}
	data := map[string]any{ConfigKey: p.Config}
	for name, text := range p.Files {
		data[key(name)] = text
	}
	return append(out, p.object("v1", "ConfigMap", p.ConfigMap(), map[string]any{"data": data}), p.cronJob())
}

func (p Pod) object(version, kind, name string, rest map[string]any) map[string]any {
	o := map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name, "namespace": p.Namespace, "labels": labels()}}
	maps.Copy(o, rest)
	return o
}

func labels() map[string]any { return map[string]any{"app": "berth-agent"} }

// inside is the Role to look into pods, as the doctor does: with commands in them, and at what they use.
func (p Pod) inside() map[string]any {
	return p.object("rbac.authorization.k8s.io/v1", "Role", "berth-"+p.Installation+"-doctor", map[string]any{"rules": []any{
		map[string]any{"apiGroups": []any{""}, "resources": []any{"pods/exec"}, "verbs": []any{"create", "get"}},
		map[string]any{"apiGroups": []any{"metrics.k8s.io"}, "resources": []any{"pods"}, "verbs": []any{"get", "list"}},
	}})
}

// binding gives a role to the agent.
func (p Pod) binding(role map[string]any) map[string]any {
	name, _ := role["metadata"].(map[string]any)["name"].(string)
	kind, _ := role["kind"].(string)
	b := p.object("rbac.authorization.k8s.io/v1", kind+"Binding", name+"-agent", map[string]any{
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": p.Name(), "namespace": p.Namespace}}})
	if kind == "ClusterRole" {
		delete(b["metadata"].(map[string]any), "namespace")
	}
	return b
}

func (p Pod) cronJob() map[string]any {
	spec := map[string]any{
		"serviceAccountName": p.Name(), "automountServiceAccountToken": true, "restartPolicy": "Never",
		// After the first signal the agent finishes the current step; the next run continues.
		"terminationGracePeriodSeconds": int64(300),
		"securityContext":               p.context(),
		"containers":                    []any{p.container()},
		"volumes":                       p.volumes(),
	}
	if p.NodeSelector != nil {
		selector := map[string]any{}
		for k, v := range p.NodeSelector {
			selector[k] = v
		}
		spec["nodeSelector"] = selector
	}
	if p.Tolerations != nil {
		spec["tolerations"] = list(p.Tolerations)
	}
	if p.PullSecrets != nil {
		var names []any
		for _, name := range p.PullSecrets {
			names = append(names, map[string]any{"name": name})
		}
		spec["imagePullSecrets"] = names
	}
	// A mesh's sidecar would keep the Job from ending, and an autoscaler must not move a pod during an upgrade.
	podLabels := labels()
	podLabels["sidecar.istio.io/inject"] = "false"
	annotations := map[string]any{"linkerd.io/inject": "disabled", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
	template := map[string]any{"metadata": map[string]any{"labels": podLabels, "annotations": annotations}, "spec": spec}
	return p.object("batch/v1", "CronJob", p.Name(), map[string]any{"spec": map[string]any{
		// Each installation has another minute, so that not all of them ask at once.
		"schedule":          fmt.Sprintf("%d * * * *", p.sum()%60),
		"concurrencyPolicy": "Forbid", "startingDeadlineSeconds": int64(1800), "successfulJobsHistoryLimit": int64(1), "failedJobsHistoryLimit": int64(3),
		// The next run, or a person, handles a failure.
		"jobTemplate": map[string]any{"spec": map[string]any{"backoffLimit": int64(0), "template": template}},
	}})
}

// context is the security context of the pod: it satisfies the level "restricted".
func (p Pod) context() map[string]any {
	c := map[string]any{"runAsNonRoot": true, "seccompProfile": map[string]any{"type": "RuntimeDefault"}}
	if !p.AnyUser {
		c["runAsUser"], c["runAsGroup"] = user, user
	}
	return c
}

func (p Pod) container() map[string]any {
	env := []any{map[string]any{"name": "HOME", "value": folder}}
	for _, name := range p.Secrets {
		env = append(env, map[string]any{"name": name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": p.Secret(), "key": name}}})
	}
	mounts := []any{map[string]any{"name": "work", "mountPath": folder}}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		mounts = append(mounts, map[string]any{"name": "config", "mountPath": within(folder, name), "subPath": key(name), "readOnly": true})
	}
	for _, name := range p.SecretFiles {
		mounts = append(mounts, map[string]any{"name": "secrets", "mountPath": within(folder, name), "subPath": key(name), "readOnly": true})
	}
	return map[string]any{
		"name": "berth", "image": p.Image, "command": []any{"berth", "agent"}, "args": []any{"--config-map", p.ConfigMap(), "--waiting-ok"},
		"workingDir": folder, "env": env, "volumeMounts": mounts,
		"resources": map[string]any{"requests": map[string]any{"cpu": "50m", "memory": "64Mi"}, "limits": map[string]any{"memory": "512Mi"}},
		"securityContext": map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
			"capabilities": map[string]any{"drop": []any{"ALL"}}},
	}
}

func (p Pod) volumes() []any {
	out := []any{map[string]any{"name": "work", "emptyDir": map[string]any{}}}
	if len(p.Files) > 0 {
		out = append(out, map[string]any{"name": "config", "configMap": map[string]any{"name": p.ConfigMap()}})
	}
	if len(p.SecretFiles) > 0 {
		out = append(out, map[string]any{"name": "secrets", "secret": map[string]any{"secretName": p.Secret()}})
	}
	return out
}

// sum is a number that stays the same for an installation.
func (p Pod) sum() uint32 {
	h := fnv.New32a()
	h.Write([]byte(p.Namespace + "/" + p.Installation))
	return h.Sum32()
}

// key is the key of a file in a ConfigMap or a Secret: its name, with the number of each character that a key can't have.
func key(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-':
			b.WriteRune(r)
		case r == '/':
			b.WriteString("__")
		default:
			fmt.Fprintf(&b, "_%x_", r)
		}
	}
	return b.String()
}

func list(maps []map[string]any) []any {
	out := make([]any, len(maps))
	for i, m := range maps {
		out[i] = m
	}
	return out
}
