package execute

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/secret"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/tree"
)

// Tasks runs tasks in a cluster.
type Tasks struct {
	Client                  *kubernetes.Client
	Namespace, Installation string
	Job                     map[string]any            // the migrator's Job, as it is applied: a task is one with another program
	Contexts                map[string]map[string]any // security contexts of services' containers
	StorageClass            string                    // of volumes that are made; "": the cluster's default
	Claims                  map[string]string         // the claims of databases' data that have another name than the database
	Secrets                 []string                  // values that are not to be shown
	Tokens                  map[string]string         // variables with what signs in to databases for some minutes, in place of the migrator's
	Files                   map[string]string         // contents by path, for tasks that stand alone
	Now                     func() time.Time
}

const (
	labelTask = "dev.berth.task" // on a task's Job: its name
	// annotationTask is a task's identity.
	annotationTask = "dev.berth/task"
	// lookAgain is how often a task is looked at.
	lookAgain = 500 * time.Millisecond
)

func (t *Tasks) ref(name string) kubernetes.Ref {
	return kubernetes.Ref{APIVersion: "batch/v1", Kind: "Job", Namespace: t.Namespace, Name: "berth-" + t.Installation + "-" + name}
}

// Task runs a task as a Job.
func (t *Tasks) Task(ctx context.Context, task run.Task, line func(string)) (int, error) {
	ref := t.ref(task.Name)
	there, err := t.Client.Get(ctx, ref)
	switch {
	case kubernetes.NotFound(err):
		if err := t.create(ctx, ref, task); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	case tree.Text(there, "metadata", "annotations", annotationTask) != task.Identity:
		if !jobEnded(there) {
			return 0, fmt.Errorf("%s is still running: %s", ref, tree.Text(there, "metadata", "annotations", annotationTask))
		}
		if err := t.Forget(ctx, task.Name); err != nil {
			return 0, err
		}
		if err := t.create(ctx, ref, task); err != nil {
			return 0, err
		}
	}
	exit, err := t.follow(ctx, ref, line)
	if len(t.Tokens) > 0 && ctx.Err() == nil {
		if err := t.Client.Delete(ctx, tokensOf(ref), kubernetes.DeleteOptions{}); err != nil && !kubernetes.NotFound(err) {
			return exit, err
		}
	}
	return exit, err
}

func (t *Tasks) create(ctx context.Context, ref kubernetes.Ref, task run.Task) error {
	if task.Volume != "" && !task.Own {
		if err := t.claim(ctx, task); err != nil {
			return err
		}
	}
	if err := t.keep(ctx, ref); err != nil {
		return err
	}
	_, err := t.Client.Create(ctx, t.body(ref, task), plan.Manager)
	if kubernetes.Exists(err) {
		return nil // the first try was answered too late
	}
	return err
}

// tokensOf is the Secret with the tokens of a task.
func tokensOf(job kubernetes.Ref) kubernetes.Ref {
	return kubernetes.Ref{APIVersion: "v1", Kind: "Secret", Namespace: job.Namespace, Name: job.Name}
}

// keep writes the tokens of a task into a Secret, in place of those of an earlier one.
func (t *Tasks) keep(ctx context.Context, job kubernetes.Ref) error {
	if len(t.Tokens) == 0 {
		return nil
	}
	secret, data := tokensOf(job), map[string]any{}
	for name, token := range t.Tokens {
		data[name] = base64.StdEncoding.EncodeToString([]byte(token))
	}
	for path, content := range t.Files {
		data[keyOf(path)] = base64.StdEncoding.EncodeToString([]byte(content))
	}
	if err := t.Client.Delete(ctx, secret, kubernetes.DeleteOptions{}); err != nil && !kubernetes.NotFound(err) {
		return err
	}
	_, err := t.Client.Create(ctx, map[string]any{"apiVersion": secret.APIVersion, "kind": secret.Kind, "type": "Opaque", "data": data,
		"metadata": map[string]any{"name": secret.Name, "namespace": secret.Namespace, "labels": map[string]any{plan.LabelTaskOf: t.Installation}}}, plan.Manager)
	return err
}

// keyOf is the key of a file in the Secret of a task.
func keyOf(path string) string { return "file" + strings.ReplaceAll(path, "/", "-") }

// claim makes the volume of a task, unless it is there.
func (t *Tasks) claim(ctx context.Context, task run.Task) error {
	spec := map[string]any{"accessModes": []any{"ReadWriteOnce"},
		"resources": map[string]any{"requests": map[string]any{"storage": fmt.Sprintf("%dMi", task.Size>>20+1)}}}
	if t.StorageClass != "" {
		spec["storageClassName"] = t.StorageClass
	}
	_, err := t.Client.Create(ctx, map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": spec,
		"metadata": map[string]any{"name": t.volume(task), "namespace": t.Namespace, "labels": map[string]any{run.LabelKept: t.Installation}}}, plan.Manager)
	if kubernetes.Exists(err) {
		return nil
	}
	return err
}

func (t *Tasks) volume(task run.Task) string {
	if task.Own {
		return cmp.Or(t.Claims[task.Volume], task.Volume)
	}
	return "berth-" + t.Installation + "-" + task.Volume
}

// body is the migrator's Job with another program in it.
func (t *Tasks) body(ref kubernetes.Ref, task run.Task) map[string]any {
	template := tree.Pods(t.Job)
	pod := maps.Clone(tree.Branch(template, "spec"))
	c := maps.Clone(tree.Items(pod["containers"])[0])
	if task.Own || task.Alone {
		delete(pod, "initContainers") // it needs no sidecar that leads to a database
	}
	if task.Alone {
		t.detach(ref, pod, c)
	}
	c["image"] = task.Image
	delete(c, "command")
	delete(c, "args")
	if len(task.Entry) > 0 {
		c["command"] = tree.OfList(literal(task.Entry))
	}
	if len(task.Command) > 0 {
		c["args"] = tree.OfList(literal(task.Command))
	}
	env := slices.Clone(tree.List(c["env"]))
	for _, name := range slices.Sorted(maps.Keys(task.Env)) {
		env = append(env, map[string]any{"name": name, "value": literal([]string{task.Env[name]})[0]})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Tokens)) {
		env = slices.DeleteFunc(env, func(e any) bool { return tree.Text(e.(map[string]any), "name") == name })
		env = append(env, map[string]any{"name": name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": tokensOf(ref).Name, "key": name}}})
	}
	c["env"] = env
	if own := t.Contexts[task.As]; own != nil {
		c["securityContext"] = own
		if group, ok := own["runAsGroup"]; ok {
			outer := map[string]any{}
			maps.Copy(outer, tree.Branch(pod, "securityContext"))
			outer["fsGroup"] = group // so that it can write to its volume
			pod["securityContext"] = outer
		}
	}
	mounts := append(slices.Clone(tree.List(c["volumeMounts"])), map[string]any{"name": "berth-tmp", "mountPath": "/tmp"})
	volumes := append(slices.Clone(tree.List(pod["volumes"])), map[string]any{"name": "berth-tmp", "emptyDir": map[string]any{}})
	if task.Volume != "" {
		mounts = append(mounts, map[string]any{"name": "berth-task", "mountPath": task.Path})
		volumes = append(volumes, map[string]any{"name": "berth-task", "persistentVolumeClaim": map[string]any{"claimName": t.volume(task)}})
	}
	c["volumeMounts"], pod["volumes"], pod["containers"] = mounts, volumes, []any{c}
	metadata := maps.Clone(tree.Branch(template, "metadata"))
	metadata["labels"] = map[string]any{labelTask: task.Name, plan.LabelTaskOf: t.Installation, "app": "migrator", "deploy": "sourcegraph"}
	return map[string]any{"apiVersion": ref.APIVersion, "kind": ref.Kind,
		"metadata": map[string]any{"name": ref.Name, "namespace": ref.Namespace, "labels": map[string]any{labelTask: task.Name, plan.LabelTaskOf: t.Installation},
			"annotations": map[string]any{annotationTask: task.Identity}},
		// A task that fails is looked into; what may be done again is berth's to say.
		"spec": map[string]any{"backoffLimit": int64(0), "template": map[string]any{"metadata": metadata, "spec": pod}}}
}

// detach takes out of a pod what refers to the installation, which may not be there yet, and mounts the task's own files.
func (t *Tasks) detach(job kubernetes.Ref, pod, c map[string]any) {
	for _, key := range []string{"volumes", "serviceAccountName", "serviceAccount"} {
		delete(pod, key)
	}
	for _, key := range []string{"env", "envFrom", "volumeMounts"} {
		delete(c, key)
	}
	var mounts []any
	for _, path := range slices.Sorted(maps.Keys(t.Files)) {
		mounts = append(mounts, map[string]any{"name": "berth-files", "mountPath": path, "subPath": keyOf(path), "readOnly": true})
	}
	if mounts != nil {
		c["volumeMounts"] = mounts
		pod["volumes"] = []any{map[string]any{"name": "berth-files", "secret": map[string]any{"secretName": tokensOf(job).Name}}}
	}
}

// literal writes texts so that a pod's programs get them as they are: the kubelet puts variables in place of $(NAME), and one $ in place of two.
//
// Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func literal(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = strings.ReplaceAll(text, "$", "$$")
	}
	return out
}

// follow gives the lines of a Job's pod until the Job ends. A pod that can't start ends it, with why as a diag.List.
func (t *Tasks) follow(ctx context.Context, ref kubernetes.Ref, line func(string)) (int, error) {
	watcher := health.NewWatcher(t.Client, t.Namespace, t.Now)
	told := 0
	for {
		how, err := watcher.Look(ctx, []kubernetes.Ref{ref})
		if err != nil {
			return 0, err
		}
		pods, err := podsOf(ctx, t.Client, ref)
		if err != nil {
			return 0, err
		}
		var pod taskPod // the last one; none is there yet at the begin
		if len(pods) > 0 {
			pod = pods[len(pods)-1]
			lines, err := t.Client.PodLogs(ctx, kubernetes.LogQuery{Namespace: t.Namespace, Pod: pod.Metadata.Name, Tail: mostLines})
			if err == nil {
				for _, text := range secret.Hide(t.Secrets)(lines[min(told, len(lines)):]) {
					line(text)
				}
				told = max(told, len(lines))
			}
		}
		exit, over := pod.exit()
		switch {
		case how[ref].Ready:
			return 0, nil
		case over && how[ref].Failed:
			return exit, nil
		case how[ref].Failed:
			d := watcher.Explain(ctx, ref)
			d.Detail = secret.Hide(t.Secrets)(d.Detail)
			return 0, diag.List{d}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// taskPod is what is read of a task's pod.
type taskPod struct {
	Metadata struct{ Name string }
	Status   struct {
		Phase             string
		ContainerStatuses []struct {
			State struct {
				Terminated *struct{ ExitCode int }
			}
		}
	}
}

func (p taskPod) exit() (code int, over bool) {
	for _, c := range p.Status.ContainerStatuses {
		if t := c.State.Terminated; t != nil {
			return t.ExitCode, true
		}
	}
	return 0, false
}

// podsOf are the pods of a Job.
func podsOf(ctx context.Context, c *kubernetes.Client, job kubernetes.Ref) ([]taskPod, error) {
	return kubernetes.Items[taskPod](ctx, c, kubernetes.Query{APIVersion: "v1", Kind: "Pod", Namespace: job.Namespace, Labels: "job-name=" + job.Name})
}

// jobEnded reports whether a Job has come to an end, good or bad.
func jobEnded(job map[string]any) bool {
	return slices.ContainsFunc(tree.Items(tree.Branch(job, "status")["conditions"]), func(c map[string]any) bool {
		return c["status"] == "True" && (c["type"] == "Complete" || c["type"] == "Failed")
	})
}

// Forget deletes a task's Job, and waits until its pod is gone.
func (t *Tasks) Forget(ctx context.Context, name string) error {
	k := &Target{Client: t.Client, Namespace: t.Namespace, Now: t.Now}
	return k.remove(ctx, t.ref(name), kubernetes.Foreground)
}
