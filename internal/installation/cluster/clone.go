package cluster

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// annotationRehearsal is on a clone's namespace: the namespace and the name of the installation that it is a rehearsal's clone of.
const annotationRehearsal = "dev.berth/rehearsal-of"

func (c *inCluster) space() kubernetes.Ref {
	return kubernetes.Ref{APIVersion: "v1", Kind: "Namespace", Name: c.namespace}
}

// mark is what the clone's namespace says about itself.
func (c *inCluster) mark(original string) string {
	return strings.TrimSuffix(c.namespace, installation.CloneSuffix) + "/" + original
}

// Left reports whether there is a namespace that a rehearsal made. One that is being deleted is waited for.
func (c *inCluster) Left(ctx context.Context, original string) (bool, error) {
	there, err := c.client.Get(ctx, c.space())
	if kubernetes.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if tree.Text(there, "metadata", "annotations", annotationRehearsal) != c.mark(original) {
		return false, diag.List{{Code: "BERTH3903", Severity: diag.Error, Subject: c.namespace,
			Summary: "there is a namespace " + c.namespace + ", which no rehearsal of " + c.mark(original) + " made",
			Hint:    "a rehearsal would delete this namespace, so look at it first; if nobody needs it: kubectl delete namespace " + c.namespace}}
	}
	if tree.Text(there, "status", "phase") == "Terminating" {
		return false, c.gone(ctx)
	}
	return true, nil
}

// gone waits until the namespace is.
func (c *inCluster) gone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deleting)
	defer cancel()
	for {
		_, err := c.client.Get(ctx, c.space())
		switch {
		case kubernetes.NotFound(err):
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("namespace %[1]s is still there after %[2]s: see kubectl get namespace %[1]s -o yaml", c.namespace, deleting)
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// Mark makes the namespace, with its mark, and takes its lock.
func (c *inCluster) Mark(ctx context.Context, original string) (context.Context, func(), error) {
	_, err := c.client.Create(ctx, map[string]any{"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": c.namespace, "annotations": map[string]any{annotationRehearsal: c.mark(original)}}}, plan.Manager)
	if kubernetes.Forbidden(err) {
		return nil, nil, diag.List{{Code: "BERTH3904", Severity: diag.Error, Subject: c.namespace, Summary: "you may not create the namespace " + c.namespace + " for the clone",
			Detail: []string{err.Error()}, Hint: "ask an administrator of the cluster for the right to create and delete namespaces, or ask them to rehearse"}}
	}
	if err != nil {
		return nil, nil, err
	}
	return c.state.Lock(ctx, "rehearse", c.env.Now)
}

// Access is the namespace, and the migrator's variables with every value in them. Hosts are as another namespace names them.
func (c *inCluster) Access(ctx context.Context) (installation.Access, error) {
	a := installation.Access{Network: c.namespace, Secrets: slices.Collect(maps.Values(c.values))}
	job := c.tasks().Job
	if job == nil {
		return a, fmt.Errorf("%s has no migrator", c.Stack.Name)
	}
	var err error
	a.Env, err = c.variables(ctx, migratorOf(job))
	if err != nil {
		return a, err
	}
	a.Files = c.mounted(job)
	tokens, err := c.env.SignIn(c.Want)
	maps.Copy(a.Env, tokens)
	for name, value := range a.Env {
		if strings.HasSuffix(name, "PGHOST") {
			a.Env[name] = inNamespace(value, c.namespace)
		}
	}
	return a, err
}

// sourceSecret holds what reaches the original's databases, while they are dumped.
const sourceSecret = "berth-rehearsal-source"

// Reading gives tasks in the clone's namespace with the variables of the original's migrator. Secrets can't be shared between namespaces, so
// the values are in one of the clone's, which is deleted with it.
func (c *inCluster) Reading(ctx context.Context, original installation.Access) (run.Tasks, error) {
	values := maps.Clone(original.Env)
	values["PGCONNECT_TIMEOUT"] = "15" // a network policy drops what it does not let through
	secret, env := map[string]any{}, []any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		secret[name] = base64.StdEncoding.EncodeToString([]byte(values[name]))
		env = append(env, map[string]any{"name": name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": sourceSecret, "key": name}}})
	}
	var mounts []any
	for i, path := range slices.Sorted(maps.Keys(original.Files)) {
		key := fmt.Sprint("file-", i)
		secret[key] = base64.StdEncoding.EncodeToString([]byte(original.Files[path]))
		mounts = append(mounts, map[string]any{"name": sourceSecret, "mountPath": path, "subPath": key, "readOnly": true})
	}
	_, err := c.client.Create(ctx, map[string]any{"apiVersion": "v1", "kind": "Secret", "data": secret,
		"metadata": map[string]any{"name": sourceSecret, "namespace": c.namespace}}, plan.Manager)
	if err != nil && !kubernetes.Exists(err) {
		return nil, err
	}
	if err := c.pullSecrets(ctx, original.Network); err != nil {
		return nil, err
	}
	tasks := c.tasks()
	if tasks.Job == nil {
		return nil, fmt.Errorf("%s has no migrator", c.Stack.Name)
	}
	tasks.Job = reading(tasks.Job, env, mounts)
	tasks.Secrets = append(tasks.Secrets, original.Secrets...)
	return tasks, nil
}

// migratorOf is the container of a migrator's Job.
func migratorOf(job map[string]any) map[string]any {
	return tree.Items(tree.Branch(job, "spec", "template", "spec")["containers"])[0]
}

// variables are a container's environment with every value in it.
func (c *inCluster) variables(ctx context.Context, container map[string]any) (map[string]string, error) {
	out := map[string]string{}
	secrets := map[string]map[string]any{}
	for _, e := range tree.Items(container["env"]) {
		name, _ := e["name"].(string)
		if value, ok := e["value"].(string); ok {
			out[name] = value
			continue
		}
		secret, key := tree.Text(e, "valueFrom", "secretKeyRef", "name"), tree.Text(e, "valueFrom", "secretKeyRef", "key")
		if secret == "" {
			continue // of the pod itself, such as its name
		}
		if secrets[secret] == nil {
			there, err := c.client.Get(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "Secret", Namespace: c.namespace, Name: secret})
			if err != nil {
				return nil, err
			}
			secrets[secret] = tree.Branch(there, "data")
		}
		value, err := base64.StdEncoding.DecodeString(tree.Text(secrets[secret], key))
		if err != nil {
			return nil, fmt.Errorf("read %s of Secret %s: %w", key, secret, err)
		}
		out[name] = string(value)
	}
	return out, nil
}

// inNamespace is a host as another namespace names it: a Service has its namespace after its name. What has dots is a name that everybody uses.
func inNamespace(host, namespace string) string {
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" || strings.Contains(host, ".") {
		return host
	}
	return host + "." + namespace
}

// mounted are the files that the migrator's container mounts, by path: those of the config.
func (c *inCluster) mounted(job map[string]any) map[string]string {
	files := map[string]string{}
	volumes := tree.Branch(job, "spec", "template", "spec")["volumes"]
	for _, m := range tree.Items(migratorOf(job)["volumeMounts"]) {
		volume, key := tree.Named(volumes, tree.Text(m, "name")), tree.Text(m, "subPath")
		for _, o := range c.open.Objects {
			if key == "" {
				continue // no file of the config's
			}
			switch o.Key() {
			case "Secret/" + tree.Text(volume, "secret", "secretName"):
				files[tree.Text(m, "mountPath")] = installation.Assembled(o.Values[key], c.values)
			case "ConfigMap/" + tree.Text(volume, "configMap", "name"):
				files[tree.Text(m, "mountPath")] = tree.Text(tree.Branch(o.Body, "data"), key)
			}
		}
	}
	return files
}

// reading is a Job whose container has another environment, and the files of the source's Secret.
func reading(job map[string]any, env, mounts []any) map[string]any {
	container := maps.Clone(migratorOf(job))
	container["env"] = env
	spec, template, pod := maps.Clone(tree.Branch(job, "spec")), maps.Clone(tree.Branch(job, "spec", "template")),
		maps.Clone(tree.Branch(job, "spec", "template", "spec"))
	if len(mounts) > 0 {
		container["volumeMounts"] = append(slices.Clone(tree.List(container["volumeMounts"])), mounts...)
		pod["volumes"] = append(slices.Clone(tree.List(pod["volumes"])), map[string]any{"name": sourceSecret, "secret": map[string]any{"secretName": sourceSecret}})
	}
	pod["containers"], template["spec"], spec["template"] = []any{container}, pod, template
	out := maps.Clone(job)
	out["spec"] = spec
	return out
}

// pullSecrets copies the sign-ins for registries that pods name, from another namespace.
func (c *inCluster) pullSecrets(ctx context.Context, from string) error {
	o := c.Doc.Config.Kubernetes
	if o == nil {
		return nil
	}
	for _, name := range o.ImagePullSecrets {
		there, err := c.client.Get(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "Secret", Namespace: from, Name: name})
		if err != nil {
			return err
		}
		_, err = c.client.Create(ctx, map[string]any{"apiVersion": "v1", "kind": "Secret", "type": there["type"], "data": there["data"],
			"metadata": map[string]any{"name": name, "namespace": c.namespace}}, plan.Manager)
		if err != nil && !kubernetes.Exists(err) {
			return err
		}
	}
	return nil
}

// Room tells what the clone asks the cluster for. Whether a node has it, only the scheduler knows: pods that find none are reported.
func (c *inCluster) Room(_ context.Context, r data.Room) (string, diag.List, error) {
	return fmt.Sprintf("volumes of %s in total for the databases and their dumps, in namespace %s; the databases' pods request the same as yours", data.GiB(r.Claims()), c.namespace), nil, nil
}

// deleting is how long a namespace may take to be gone.
const deleting = 10 * time.Minute

// Wipe deletes the namespace, and waits until it is gone. Disks that their class would keep are released to be deleted as well.
func (c *inCluster) Wipe(ctx context.Context) error {
	if err := c.release(ctx); err != nil {
		return err
	}
	if err := c.state.Forget(ctx); err != nil {
		return err
	}
	if err := c.client.Delete(ctx, c.space(), kubernetes.DeleteOptions{}); err != nil && !kubernetes.NotFound(err) {
		return err
	}
	return c.gone(ctx)
}

// release lets the disks of the clone's volumes be deleted with their claims, whatever their class says: the data in them is a copy.
func (c *inCluster) release(ctx context.Context) error {
	claims, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.namespace})
	if err != nil {
		return err
	}
	for _, claim := range claims {
		name := tree.Text(claim, "spec", "volumeName")
		if name == "" {
			continue
		}
		disk := kubernetes.Ref{APIVersion: "v1", Kind: "PersistentVolume", Name: name}
		there, err := c.client.Get(ctx, disk)
		if err != nil || tree.Branch(there, "spec")["persistentVolumeReclaimPolicy"] == "Delete" {
			continue // who may not look may not change it either; then the class decides
		}
		patch := map[string]any{"spec": map[string]any{"persistentVolumeReclaimPolicy": "Delete"}}
		if _, err := c.client.Patch(ctx, disk, patch, plan.Manager); err != nil && !kubernetes.Forbidden(err) && !kubernetes.NotFound(err) {
			return err
		}
	}
	return nil
}
