package forms

import (
	_ "embed" // the scripts
	"slices"
	"strings"

	"berth/internal/render/kubernetes"
	"berth/internal/stack"
	"berth/internal/tree"
)

// Guard keeps files of one release from replacing an installation of a release that this one can't follow. berth up asks the databases
// before it touches anything; files can't, so a container does it for them.
type Guard struct {
	Image string   // the image with psql: the one of the release's own database
	After []string // the releases that may have run before, as ranges of patches: "7.4.0-", "7.5.0-4453"
}

const (
	guardName = "guard"       // of the containers
	guardJob  = "berth-guard" // of the Job, and of the ConfigMap that overrides the guard for one release
	guardDir  = "guard"       // a separate folder, so that kubectl and Flux apply it by itself, before the rest
	guardFile = guardDir + "/job.yaml"
)

var (
	//go:embed guard.sh
	guardScript string
	//go:embed guard-data.sh
	guardDataScript string
)

// guarded are the objects in files, with the guard in their pods: before the migrator in the frontend's, and before each database.
func (in *Input) guarded() []*kubernetes.Object {
	objects := in.objects()
	if in.Guard == nil {
		return objects
	}
	for i, o := range objects {
		template := tree.Pods(o.Body)
		if template == nil || o.Kind() == "DaemonSet" {
			continue
		}
		copied := *o
		copied.Body = tree.WithoutNulls(o.Body).(map[string]any)
		spec := tree.At(tree.Pods(copied.Body), "spec")
		switch {
		case o.Key() == "Deployment/"+frontend && in.reachable():
			migrator := tree.Named(spec["initContainers"], "migrator")
			// After sidecars, by which it may reach the database.
			spec["initContainers"] = slices.Insert(slices.Clone(tree.List(spec["initContainers"])), kubernetes.NativeSidecars(spec), any(in.guardContainer(migrator, false)))
		case slices.Contains(stack.Databases(), o.Service):
			if guard := in.guardOfData(spec); guard != nil {
				spec["initContainers"] = append(tree.List(spec["initContainers"]), guard) // after the one that makes the folder readable
			}
		default:
			continue
		}
		objects[i] = &copied
	}
	return objects
}

// migrator is the Job that berth's own apply runs; the guard's Job has a similar pod.
func (in *Input) migrator() *kubernetes.Object {
	for i := range in.Set.Objects {
		if o := &in.Set.Objects[i]; o.OneShot {
			return o
		}
	}
	return nil
}

// reachable reports whether psql reaches the database by the migrator's variables. It can't use a whole data source without showing its
// password in the list of processes, nor log in with a cloud's role.
func (in *Input) reachable() bool {
	job := in.migrator()
	if job == nil {
		return false
	}
	env := tree.Items(tree.Items(tree.At(job.Body, "spec", "template", "spec")["containers"])[0]["env"])
	return !slices.ContainsFunc(env, func(e map[string]any) bool {
		return e["value"] != "" && slices.Contains([]string{"PGDATASOURCE", "PG_CONNECTION_UPDATER"}, tree.Text(e, "name"))
	})
}

// guardContainer is the container that asks the database, like the migrator's. One that runs before everything else may find no database
// yet.
func (in *Input) guardContainer(migrator map[string]any, first bool) map[string]any {
	c := map[string]any{"name": guardName, "image": in.Guard.Image, "imagePullPolicy": "IfNotPresent", "command": []any{"/bin/sh", "-c", guardScript},
		"terminationMessagePolicy": "FallbackToLogsOnError"}
	for _, key := range []string{"resources", "securityContext", "volumeMounts"} {
		if migrator[key] != nil {
			c[key] = tree.WithoutNulls(migrator[key])
		}
	}
	var env []any
	for _, e := range tree.Items(migrator["env"]) {
		if !strings.HasPrefix(tree.Text(e, "name"), "PG") {
			continue
		}
		e = tree.WithoutNulls(e).(map[string]any)
		for _, from := range []string{"secretKeyRef", "configMapKeyRef"} {
			if reference, ok := tree.At(e, "valueFrom")[from].(map[string]any); ok && first {
				reference["optional"] = true
			}
		}
		if len(tree.At(e, "valueFrom")) == 0 {
			delete(e, "valueFrom")
		}
		env = append(env, e)
	}
	patience := "600"
	if first {
		patience = "90"
		kind := "external"
		if in.bundled("pgsql") {
			kind = "bundled"
		}
		env = append(env, variableOf("MAYBE_NEW", kind))
	}
	c["env"] = append(env, append(in.allowed(), variableOf("AFTER", strings.Join(in.Guard.After, " ")), variableOf("PATIENCE", patience))...)
	return c
}

// guardOfData is the container that checks a database's folder. It is like the database's container.
func (in *Input) guardOfData(pod map[string]any) map[string]any {
	for _, database := range tree.Items(pod["containers"]) {
		disk := tree.Named(database["volumeMounts"], "disk")
		if disk == nil {
			continue
		}
		c := map[string]any{"name": guardName, "image": database["image"], "imagePullPolicy": "IfNotPresent", "command": []any{"/bin/sh", "-c", guardDataScript},
			"env": append(in.allowed(), variableOf("DATA", tree.Text(disk, "mountPath"))), "terminationMessagePolicy": "FallbackToLogsOnError",
			"volumeMounts": []any{map[string]any{"name": "disk", "mountPath": disk["mountPath"], "readOnly": true}}}
		if database["securityContext"] != nil {
			c["securityContext"] = database["securityContext"]
		}
		if database["resources"] != nil {
			c["resources"] = smallest
		}
		return c
	}
	return nil
}

// smallest are the resources of the init containers of Sourcegraph's databases, which check a folder, too.
var smallest = map[string]any{"limits": map[string]any{"cpu": "10m", "memory": "50Mi"}, "requests": map[string]any{"cpu": "10m", "memory": "50Mi"}}

// allowed are the variables of both: the release of these files, and the release that a person allowed. They are read each time that the
// container starts.
func (in *Input) allowed() []any {
	return []any{
		map[string]any{"name": "ALLOW", "valueFrom": map[string]any{"configMapKeyRef": map[string]any{"name": guardJob, "key": "allow", "optional": true}}},
		map[string]any{"name": "NAMESPACE", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.namespace"}}},
		variableOf("RELEASE", in.Set.Release),
	}
}

func variableOf(name, value string) map[string]any {
	return map[string]any{"name": name, "value": value}
}

// bundled reports whether a database is part of the set.
func (in *Input) bundled(service string) bool {
	return in.Set.Find("StatefulSet/"+service) != nil || in.Set.Find("Deployment/"+service) != nil
}

// guardHook is the Job that asks before anything is replaced, for tools with hooks: Helm before an upgrade, Argo CD before a sync. nil:
// there is none. It needs nothing from the files, so it also runs before the first installation.
func (in *Input) guardHook(annotations map[string]any) *kubernetes.Object {
	if in.Guard == nil || !in.reachable() {
		return nil
	}
	like := in.migrator()
	template := tree.WithoutNulls(tree.Pods(like.Body)).(map[string]any)
	spec := tree.At(template, "spec")
	spec["automountServiceAccountToken"] = false
	guard := in.guardContainer(tree.Items(spec["containers"])[0], true)
	spec["containers"] = []any{guard}
	for _, v := range tree.Items(spec["volumes"]) {
		for _, from := range []string{"configMap", "secret"} {
			if source, ok := v[from].(map[string]any); ok {
				source["optional"] = true // it comes with the rest
			}
		}
	}
	if volumes := kubernetes.Mounted(spec["volumes"], tree.Containers(spec)); volumes != nil {
		spec["volumes"] = volumes
	} else {
		delete(spec, "volumes")
	}
	// It has no labels of berth: it is none of the installation's objects. The network policies of an installation let it reach the
	// database.
	labels := map[string]any{"app": guardJob, "deploy": "sourcegraph"}
	tree.At(template, "metadata")["labels"] = labels
	return &kubernetes.Object{Body: map[string]any{"apiVersion": "batch/v1", "kind": "Job",
		"metadata": map[string]any{"name": guardJob, "namespace": like.Namespace(), "labels": labels, "annotations": annotations},
		"spec":     map[string]any{"backoffLimit": int64(0), "activeDeadlineSeconds": int64(280), "template": template}}}
}

// helmHook are the annotations that make Helm run the Job first, and Argo CD where it applies a chart. A failed Job stays, so that its log
// can be read. Helm waits five minutes for it by default.
//
// Sources: https://helm.sh/docs/topics/charts_hooks/, https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#helm-hooks
func helmHook() map[string]any {
	return map[string]any{"helm.sh/hook": "pre-upgrade,pre-rollback", "helm.sh/hook-weight": "-10", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}
}

// syncHook are the annotations that make Argo CD run the Job first. Flux recreates it where it can't be changed.
//
// Sources: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/, https://fluxcd.io/flux/components/kustomize/kustomizations/
func syncHook() map[string]any {
	return map[string]any{"argocd.argoproj.io/hook": "PreSync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
		"kustomize.toolkit.fluxcd.io/force": "enabled"}
}
