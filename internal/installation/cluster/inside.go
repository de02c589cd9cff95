package cluster

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/inside"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"

	"k8s.io/apimachinery/pkg/api/resource"
)

// podInside is a pod with all that the API says of its containers.
type podInside struct {
	Metadata struct {
		Name    string
		Labels  map[string]any
		Deleted *time.Time `json:"deletionTimestamp"`
	}
	Spec struct {
		NodeName                   string
		Containers, InitContainers []containerSpec
		Volumes                    []struct {
			Name                  string
			PersistentVolumeClaim *struct{ ClaimName string }
		}
	}
	Status struct {
		Phase, Reason                            string
		ContainerStatuses, InitContainerStatuses []containerStatus
		Conditions                               []condition
	}
}

type containerSpec struct {
	Name, Image   string
	RestartPolicy string // "Always" of an init container: a sidecar that runs on
	Resources     struct{ Limits map[string]string }
	VolumeMounts  []struct{ Name, MountPath string }
	// With neither of these, a container that runs counts as healthy.
	ReadinessProbe, StartupProbe *struct{}
}

type containerStatus struct {
	Name         string
	Ready        bool
	Started      *bool
	RestartCount int
	State        containerState
	LastState    containerState
}

type containerState struct {
	Waiting    *struct{ Reason string }
	Running    *struct{ StartedAt time.Time }
	Terminated *struct {
		ExitCode  int
		Reason    string
		StartedAt time.Time
	}
}

// Instances are the containers of the pods of the installation's workloads, and of its Jobs.
func (c *inCluster) Instances(ctx context.Context) ([]installation.Instance, error) {
	pods, err := kubernetes.Items[podInside](ctx, c.client, kubernetes.Query{APIVersion: "v1", Kind: "Pod", Namespace: c.namespace})
	if err != nil {
		return nil, err
	}
	var out []installation.Instance
	for i := range pods {
		if o := c.ownerOf(pods[i].Metadata.Labels); o != nil {
			out = append(out, c.inPod(&pods[i], o)...)
		}
	}
	slices.SortFunc(out, func(a, b installation.Instance) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// ownerOf is the object of the installation whose pod has some labels; nil when it is somebody else's.
func (c *inCluster) ownerOf(labels map[string]any) *render.Object {
	for i := range c.open.Objects {
		o := &c.open.Objects[i]
		selector := tree.Branch(o.Body, "spec", "selector", "matchLabels")
		if len(selector) > 0 && tree.Branch(o.Body, "spec", "template") != nil && within(selector, labels) {
			return o
		}
		if o.Kind() == "Job" && labels["job-name"] == o.Name() {
			return o
		}
	}
	return nil
}

// inPod are the containers of a pod of an object.
func (c *inCluster) inPod(p *podInside, o *render.Object) (out []installation.Instance) {
	for _, kind := range []struct {
		specs    []containerSpec
		statuses []containerStatus
		init     bool
	}{{p.Spec.InitContainers, p.Status.InitContainerStatuses, true}, {p.Spec.Containers, p.Status.ContainerStatuses, false}} {
		for _, spec := range kind.specs {
			one := installation.Instance{Service: spec.Name, Name: p.Metadata.Name + "/" + spec.Name, Container: spec.Name, Pod: p.Metadata.Name, Workload: o.Key(), Node: p.Spec.NodeName,
				Own: o.Own, Init: kind.init && spec.RestartPolicy != "Always", Once: o.OneShot, Image: spec.Image, State: installation.Waiting, Reason: p.Status.Reason}
			service, known := c.serviceOf(o.Key(), spec.Name)
			switch {
			case known:
				one.Service = service
			case !kind.init && len(p.Spec.Containers) == 1 && o.Service != "":
				one.Service = o.Service
			default:
				one.Own = one.Own || c.sidecar(o, spec.Name)
			}
			if one.Service == o.Service || one.Service == o.Name() || len(p.Spec.Containers) == 1 && !kind.init {
				one.Name = p.Metadata.Name
			}
			if !one.Own {
				one.Release = tree.Text(o.Body, "metadata", "labels", render.LabelRelease)
			}
			limits(&one, spec)
			one.Mounts = mounts(p, spec)
			at := slices.IndexFunc(kind.statuses, func(s containerStatus) bool { return s.Name == spec.Name })
			if at >= 0 {
				how(&one, spec, kind.statuses[at])
			}
			out = append(out, one)
		}
	}
	return out
}

// serviceOf is the service of a container of an object.
func (c *inCluster) serviceOf(object, container string) (string, bool) {
	for name, place := range c.Stack.Cluster.Containers {
		if place.Object == object && place.Name == container {
			return name, true
		}
	}
	return "", false
}

// sidecar reports whether a container is one that the admin adds to a service's pods.
func (c *inCluster) sidecar(o *render.Object, container string) bool {
	for _, s := range c.Stack.Cluster.Settings[o.Service].Sidecars {
		if s.Name == container {
			return true
		}
	}
	return false
}

func limits(i *installation.Instance, spec containerSpec) {
	i.CPUs = quantity(spec.Resources.Limits["cpu"])
	i.Memory = int64(quantity(spec.Resources.Limits["memory"]))
}

// quantity reads a number of the Kubernetes API; 0 when there is none. An API server gives well-formed ones only.
func quantity(text string) float64 {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0
	}
	return q.AsApproximateFloat64()
}

// mounts are a container's mounts of claims.
func mounts(p *podInside, spec containerSpec) (out []installation.Mount) {
	for _, m := range spec.VolumeMounts {
		for _, v := range p.Spec.Volumes {
			if v.Name == m.Name && v.PersistentVolumeClaim != nil {
				out = append(out, installation.Mount{Path: m.MountPath, Source: v.PersistentVolumeClaim.ClaimName})
			}
		}
	}
	return out
}

// how reads how a container is.
func how(i *installation.Instance, spec containerSpec, s containerStatus) {
	i.Restarts = s.RestartCount
	if ended := cmp.Or(s.State.Terminated, s.LastState.Terminated); ended != nil {
		i.Exit, i.OOMKilled, i.Reason = ended.ExitCode, ended.Reason == "OOMKilled", ended.Reason
		i.Started = ended.StartedAt
	}
	switch {
	case s.State.Running != nil:
		i.Started = s.State.Running.StartedAt
		switch {
		case spec.ReadinessProbe == nil && spec.StartupProbe == nil:
			i.State = plan.Running
		case s.Ready:
			i.State = plan.Healthy
		case spec.StartupProbe != nil && (s.Started == nil || !*s.Started):
			i.State = plan.Starting
		default:
			i.State = plan.Unhealthy
		}
	case s.State.Terminated != nil:
		i.State = plan.Stopped
	case s.State.Waiting != nil:
		i.State, i.Reason = installation.Waiting, s.State.Waiting.Reason
		if s.State.Waiting.Reason == "CrashLoopBackOff" {
			i.State = plan.Crashing
		}
	}
}

// Log gives lines of a container's log.
func (c *inCluster) Log(ctx context.Context, of installation.Instance, q installation.LogQuery, line func(installation.LogLine)) error {
	err := c.client.Lines(ctx, kubernetes.LogRange{Since: q.Since, Follow: q.Follow,
		LogQuery: kubernetes.LogQuery{Namespace: c.namespace, Pod: of.Pod, Container: of.Container, Previous: q.Previous, Tail: q.Tail}},
		func(at time.Time, text string) { line(installation.LogLine{Time: at, Text: text}) })
	if kubernetes.NotFound(err) || kubernetes.NoLog(err) {
		return nil
	}
	if kubernetes.Forbidden(err) {
		return diag.List{{Code: "BERTH4402", Severity: diag.Error, Subject: of.Name, Summary: "you may not read logs in namespace " + c.namespace,
			Detail: []string{err.Error()}, Hint: "ask the cluster's admin for the right to get pods/log there"}}
	}
	return err
}

// Exec runs a command in a container. Its variables are arguments of env, since the API has none.
func (c *inCluster) Exec(ctx context.Context, in installation.Instance, command installation.Command) (int, error) {
	if !in.Up() {
		return 0, &installation.NotRunning{Instance: in.Name, State: in.State}
	}
	args := command.Args
	if len(command.Env) > 0 {
		args = []string{"env"}
		for name, value := range command.Env {
			args = append(args, name+"="+value)
		}
		slices.Sort(args[1:])
		args = append(args, command.Args...)
	}
	exit, err := c.client.Attach(ctx, kubernetes.LogQuery{Namespace: c.namespace, Pod: in.Pod, Container: in.Container}, args,
		inside.Terminal{In: command.Stdin, Out: command.Stdout, Err: command.Stderr, TTY: command.TTY, Sizes: command.Sizes})
	switch {
	case kubernetes.NotFound(err):
		return 0, &installation.NotRunning{Instance: in.Name, State: plan.Stopped}
	case kubernetes.Forbidden(err):
		return 0, diag.List{{Code: "BERTH4401", Severity: diag.Error, Subject: in.Name, Summary: "you may not run commands in pods of namespace " + c.namespace,
			Detail: []string{err.Error()}, Hint: "ask the cluster's admin for the right to create pods/exec there"}}
	}
	return exit, err
}

// forward connects to a frontend that is ready.
func (c *inCluster) forward(ctx context.Context) (io.ReadWriteCloser, error) {
	pods, err := c.pods(ctx, "app=sourcegraph-frontend")
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(pods, pod.ready)
	if at < 0 {
		return nil, diag.List{{Code: "BERTH4409", Severity: diag.Error, Subject: "sourcegraph-frontend", Summary: "no frontend is ready",
			Hint: "see how everything is: berth status"}}
	}
	conn, err := c.client.Dial(ctx, c.namespace, pods[at].Metadata.Name, 3080)
	if kubernetes.Forbidden(err) {
		return nil, diag.List{{Code: "BERTH4411", Severity: diag.Error, Subject: pods[at].Metadata.Name, Summary: "you may not connect to ports of pods in namespace " + c.namespace,
			Detail: []string{err.Error()}, Hint: "ask the cluster's admin for the right to create pods/portforward there"}}
	}
	return conn, err
}

// measured are the metrics of a pod, as the metrics server has them.
//
// Source: https://kubernetes.io/docs/reference/external-api/metrics.v1beta1/
type measured struct {
	Metadata   struct{ Name string }
	Containers []struct {
		Name  string
		Usage map[string]string
	}
}

// Usage asks the metrics server, and the containers for their disks.
func (c *inCluster) Usage(ctx context.Context, all []installation.Instance) ([]installation.Usage, error) {
	out := make([]installation.Usage, len(all))
	var asked sync.WaitGroup
	for n, one := range all {
		asked.Go(func() { out[n].Disks, out[n].Problem = installation.Disks(ctx, c, one) })
	}
	pods, err := kubernetes.Items[measured](ctx, c.client, kubernetes.Query{APIVersion: "metrics.k8s.io/v1beta1", Kind: "PodMetrics", Namespace: c.namespace})
	asked.Wait()
	problem := ""
	switch {
	case kubernetes.NotFound(err), kubernetes.Unavailable(err):
		problem = "the cluster has no metrics server that answers, so cpu and memory can't be measured"
	case err != nil:
		problem = "cpu and memory can't be measured: " + err.Error()
	}
	for n, one := range all {
		u := &out[n]
		u.Instance, u.CPUs, u.Memory, u.Problem = one.Name, -1, -1, cmp.Or(problem, u.Problem)
		for _, p := range pods {
			for _, m := range p.Containers {
				if p.Metadata.Name == one.Pod && m.Name == one.Container {
					u.CPUs, u.Memory = quantity(m.Usage["cpu"]), int64(quantity(m.Usage["memory"]))
				}
			}
		}
	}
	return out, ctx.Err()
}
