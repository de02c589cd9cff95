// Package cluster is an installation in a Kubernetes cluster: what kubernetes renders, applied to one namespace, where its state is kept as well.
//
// One package because its functions are the methods of one value, an installation in its cluster.
package cluster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/plan/objects"
	"berth/internal/registry"
	render "berth/internal/render/kubernetes"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/execute"
	"berth/internal/target/kubernetes/observe"
	"berth/internal/target/kubernetes/rbac"
	"berth/internal/target/kubernetes/store"
	"berth/internal/tree"
)

// inCluster is an installation in a Kubernetes cluster.
type inCluster struct {
	*installation.Want
	env       *installation.Environment
	state     *store.Store
	namespace string
	open      *render.Set // what the config asks for
	set       *render.Set // the same with the front that it is to have
	caddy     string      // the image of what stands in front; "" when nothing does
	values    installation.Values
	client    *kubernetes.Client
	hold      *run.Hold                 // of the last run; nil: requests do not wait
	returns   map[string]execute.Return // of the plan that gives objects back
	formers   map[string]map[string]any // objects as they were, of the same plan: those that are made again
}

// Open finds the cluster of an installation, and renders what the config asks for.
func Open(ctx context.Context, e *installation.Environment, w *installation.Want) (*installation.Installation, error) {
	c, err := reach(ctx, e, w)
	if err != nil {
		return nil, err
	}
	generated, err := c.state.Generated(ctx)
	if err == nil {
		generated, err = c.adopt(ctx, generated)
	}
	if err == nil {
		err = c.Render(generated)
	}
	if err != nil {
		c.client.Close()
		return nil, err
	}
	return c.installation(), nil
}

// OpenNamed is Open for an installation of which only the name is known.
func OpenNamed(ctx context.Context, e *installation.Environment, w *installation.Want) (*installation.Installation, error) {
	c, err := reach(ctx, e, w)
	if err != nil {
		return nil, err
	}
	return c.installation(), nil
}

func (c *inCluster) installation() *installation.Installation {
	return &installation.Installation{Want: c.Want, Store: c.state.State(), Planner: c, Host: c, Prober: c, Insider: c, Witness: c, Data: c, Secrets: c, Tasks: c, Clone: c, GiveBack: c.giveBack, Finish: c.finish,
		Backups: "berth-" + c.Stack.Name + "-" + data.Backups + " of namespace " + c.namespace,
		Hint:    "kubectl --namespace " + c.namespace + " logs deployment/sourcegraph-frontend",
		Explain: c.explain, Close: c.close, Forward: c.forward, Volumes: c.volumes}
}

// reach connects to the cluster of a config. Where the config names no namespace, the kube context's holds.
func reach(ctx context.Context, e *installation.Environment, w *installation.Want) (*inCluster, error) {
	name, namespace := "", ""
	if o := w.Doc.Config.Kubernetes; o != nil {
		name, namespace = o.Context, o.Namespace
	}
	if e.Current {
		name = ""
	}
	client, err := kubernetes.Connect(ctx, e.Getenv, name)
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		namespace = client.Namespace()
		if w.Stack.Cluster != nil && w.Stack.Cluster.Namespace != namespace {
			if err := w.Resolve(namespace); err != nil {
				return nil, err
			}
		}
	}
	c := &inCluster{Want: w, env: e, client: client, namespace: namespace, state: store.At(client, namespace, w.Stack.Name)}
	c.state.Rights = func() diag.List { return c.missing(context.WithoutCancel(ctx)) }
	return c, nil
}

// close lets go of the cluster's API, and of requests that wait.
func (c *inCluster) close() {
	c.hold.End()
	c.client.Close()
}

// Render renders the objects with the secrets that there are, as they are and behind the front.
func (c *inCluster) Render(generated map[string]string) error {
	var err error
	if c.values, err = c.env.Secrets(c.Want, generated); err != nil {
		return err
	}
	set, problems := render.Render(c.Stack, installation.Fingerprints(c.Stack.Secrets, c.values))
	c.open = set
	c.set = set
	if c.Front != stack.Open {
		if c.caddy, err = PageImage(c.env, c.Want); err != nil {
			return err
		}
		c.set = set.With(c.Front, c.Page, c.caddy)
	}
	return check.Accepted(problems).Err() // Load has said the others
}

// body is an object as it is applied, with the secrets in it.
func (c *inCluster) body(o *render.Object) map[string]any {
	if o.Values == nil {
		return o.Body
	}
	data := map[string]any{}
	for key, parts := range o.Values {
		data[key] = base64.StdEncoding.EncodeToString([]byte(installation.Assembled(parts, c.values)))
	}
	filled := maps.Clone(o.Body)
	filled["data"] = data
	return filled
}

// desired are the objects in the words of a plan.
func (c *inCluster) desired() objects.Desired {
	d := objects.Desired{Installation: c.Stack.Name, Namespace: c.namespace, Release: c.Stack.Release, Catalogue: c.env.Catalogue().Digest()}
	if c.Front != stack.Open && c.Front != stack.HoldsRequests {
		// Nobody else's number of replicas counts while writers are stopped, and when they start again it is as before.
		d.Rules = append(d.Rules, objects.Rule{Object: "*", Field: "spec.replicas", Choice: plan.Take})
	}
	for _, rule := range c.conflicts() {
		d.Rules = append(d.Rules, objects.Rule{Object: cmp.Or(rule.Object, "*"), Field: cmp.Or(rule.Field, "*"), Choice: plan.Choice(rule.Choice)})
	}
	project := sha256.New()
	for i := range c.set.Objects {
		o := &c.set.Objects[i]
		object := objects.Object{Key: o.Key(), Service: o.Service, Body: c.body(o), Needs: o.Needs, Patient: o.Patient, OneShot: o.OneShot}
		if v := c.Stack.Cluster.Settings[o.Service].Volume; v == nil || !v.HoldsData {
			object.Keeps = c.env.Catalogue().Describe()[o.Service].Keeps
		}
		for _, origin := range o.Origins {
			object.Origins = append(object.Origins, plan.Cause{Text: origin.Text, Range: origin.Range})
		}
		d.Objects = append(d.Objects, object)
		text, _ := json.Marshal(object.Body) // trees always marshal
		project.Write(text)
	}
	d.Project = hex.EncodeToString(project.Sum(nil))[:16]
	return d
}

// Desired is what a config asks a cluster for, with secrets that were generated. No cluster is asked.
func Desired(e *installation.Environment, w *installation.Want, generated map[string]string) (objects.Desired, error) {
	c := &inCluster{Want: w, env: e, namespace: w.Stack.Cluster.Namespace}
	if err := c.Render(generated); err != nil {
		return objects.Desired{}, err
	}
	return c.desired(), nil
}

// conflicts are the admin's decisions about fields that others set too.
func (c *inCluster) conflicts() []config.Conflict {
	if o := c.Doc.Config.Kubernetes; o != nil {
		return o.Conflicts
	}
	return nil
}

// Plan compares the objects with those in the cluster.
func (c *inCluster) Plan(ctx context.Context) (*plan.Plan, error) {
	inventory, err := c.state.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	d := c.desired()
	seen, err := observe.Cluster(ctx, c.client, d, inventory.All(), c.env.Now)
	if kubernetes.Forbidden(err) || observe.Forbidden(seen) {
		if problems := c.missing(ctx); len(problems) > 0 {
			return nil, problems
		}
	}
	if err != nil {
		return nil, err
	}
	p, problems := objects.Difference(d, seen)
	problems = append(observe.Foreign(d, seen), problems...)
	p.Open = len(inventory.Pending) > 0
	named(p, inventory.All())
	return p, problems.Err()
}

// named notes the API version of objects that a plan removes, by which they are found.
func named(p *plan.Plan, there []kubernetes.Ref) {
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Verb != plan.Remove && s.Verb != plan.Delete {
			continue
		}
		for _, ref := range there {
			if ref.String() == s.Object {
				s.APIVersion, s.Clusterwide = ref.APIVersion, ref.Namespace == ""
			}
		}
	}
}

// Executor does a plan's steps in the cluster. Fields that the plan leaves to others are not in what is applied.
func (c *inCluster) Executor(p *plan.Plan, timeout time.Duration) run.Target {
	bodies := map[string]map[string]any{}
	if c.set != nil {
		for i := range c.set.Objects {
			o := &c.set.Objects[i]
			bodies[o.Key()] = fields.Without(c.body(o), p.Yielded(o.Key())...)
		}
	}
	maps.Copy(bodies, c.formers)
	t := &execute.Target{Client: c.client, State: c.state, Namespace: c.namespace, Bodies: bodies, Timeout: timeout, Converting: c.Converting, Now: c.env.Now,
		Secrets: slices.Collect(maps.Values(c.values)), Returns: c.returns}
	if proxy := bodies[render.HoldingProxy]; proxy != nil {
		t.Hold = &run.Hold{Awaited: c.set.Awaited(), Spreading: execute.Spreading, Longest: stack.LongestWait, Pass: func(ctx context.Context, on bool) error {
			body := proxy
			if !on {
				body = render.PointsToNothing(proxy)
			}
			_, err := c.client.Apply(ctx, body, kubernetes.ApplyOptions{Manager: plan.Manager, Force: true})
			return err
		}}
	}
	c.hold = t.Hold
	return t
}

// Teardown takes away what the inventory lists. With volumes, claims go as well, those that StatefulSets made included.
func (c *inCluster) Teardown(ctx context.Context, volumes installation.Volumes) (*plan.Plan, error) {
	inventory, err := c.state.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	var there []kubernetes.Ref
	live := map[string]string{}
	from := ""
	for _, ref := range inventory.All() {
		o, err := c.client.Get(ctx, ref)
		if kubernetes.NotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		there = append(there, ref)
		live[ref.String()] = tree.Text(o, "metadata", "labels", render.LabelService)
		from = cmp.Or(tree.Text(o, "metadata", "labels", render.LabelRelease), from)
	}
	tasks, err := c.client.List(ctx, kubernetes.Query{APIVersion: "batch/v1", Kind: "Job", Namespace: c.namespace, Labels: plan.LabelTaskOf + "=" + c.Stack.Name})
	if err != nil {
		return nil, err
	}
	for _, o := range tasks {
		ref := kubernetes.RefOf(o)
		there, live[ref.String()] = append(there, ref), ""
	}
	var claims []string
	if volumes == installation.DeleteVolumes {
		if claims, err = c.claims(ctx); err != nil {
			return nil, err
		}
		for _, key := range claims {
			_, name, _ := strings.Cut(key, "/")
			there = append(there, kubernetes.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.namespace, Name: name})
		}
	}
	d := objects.Desired{Installation: c.Stack.Name, Namespace: c.namespace, Catalogue: c.env.Catalogue().Digest()}
	p := objects.Teardown(d, from, live, claims)
	p.Open = true
	named(p, there)
	return p, nil
}

// Lost: a new password would not open a database that is there.
func (c *inCluster) Lost(ctx context.Context) error {
	generated, err := c.state.Generated(ctx)
	if err != nil {
		return err
	}
	claims, err := c.claims(ctx)
	if err != nil {
		return err
	}
	for _, name := range installation.GeneratedNames(c.Stack.Secrets) {
		database, isPassword := strings.CutSuffix(name, "-password")
		if isPassword && generated[name] == "" && slices.Contains(claims, "PersistentVolumeClaim/"+database) {
			return diag.List{{Code: "BERTH3102", Severity: diag.Error, Subject: database,
				Summary: "the claim " + database + " has data, but its password is not in the " + c.state.Place(),
				Detail: []string{"a new password would not open the existing database",
					"if berth made it: restore the Secret berth-" + c.Stack.Name + "-secrets",
					"if something else made it, such as Sourcegraph's chart: the password is in the Secret " + database + "-auth"},
				Hint: "name that Secret in  kubernetes.existingSecrets;  for an installation beside it, write another  kubernetes.namespace"}}
		}
	}
	return nil
}

// Prepare makes the namespace. Before that, as before anything, it is proved that the rights are there.
func (c *inCluster) Prepare(ctx context.Context) error {
	namespace := kubernetes.Ref{APIVersion: "v1", Kind: "Namespace", Name: c.namespace}
	if _, err := c.client.Get(ctx, namespace); !kubernetes.NotFound(err) {
		return nil // it is there, or one may not look: then the lock tells
	}
	if err := c.Survey(ctx).Err(); err != nil {
		return err
	}
	_, err := c.client.Create(ctx, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": c.namespace}}, plan.Manager)
	if kubernetes.Exists(err) {
		return nil
	}
	return err
}

// Conclude closes the inventory. After a plan that had nothing to do there is only something to close when a run before it was killed. Then it waits
// until nothing is left of what the front stops: what ends may write until it has ended.
func (c *inCluster) Conclude(ctx context.Context, p *plan.Plan) error {
	if p.Action == plan.RestartOnly {
		return nil // what there is is as before, also where the config asks for something else now
	}
	if !p.Empty() || p.Open {
		var refs []kubernetes.Ref
		if c.set != nil {
			for i := range c.set.Objects {
				refs = append(refs, kubernetes.RefOf(c.set.Objects[i].Body))
			}
			if !p.Empty() {
				if err := c.keepClaims(ctx); err != nil {
					return err
				}
			}
		}
		if err := c.state.Conclude(ctx, refs); err != nil {
			return err
		}
	}
	if c.Front == stack.Closed || c.Front == stack.Stopped {
		return c.still(ctx)
	}
	return nil
}

// Preflight asks for the rights that the objects take, and for the classes of their volumes.
func (c *inCluster) Preflight(ctx context.Context, p *plan.Plan) diag.List {
	return c.Survey(ctx)
}

// Survey asks for the rights and the storage classes, and the admin's own registry for all images.
func (c *inCluster) Survey(ctx context.Context) diag.List {
	problems, err := rbac.Check(ctx, c.client, c.namespace, Rights(c.set))
	if err != nil {
		return diag.List{{Code: "BERTH2201", Severity: diag.Error, Subject: "cluster", Summary: "the cluster does not report your rights",
			Detail: []string{err.Error()}, Hint: "see the API server's message"}}
	}
	volumes, err := observe.Storage(ctx, c.client, c.namespace, bodiesOf(c.set))
	if err != nil {
		return append(problems, diag.Diagnostic{Code: "BERTH2203", Severity: diag.Error, Subject: "cluster", Summary: "the cluster does not report its storage classes",
			Detail: []string{err.Error()}, Hint: "see the API server's message"})
	}
	return slices.Concat(c.client.Doubts(), problems, volumes, nativeSidecars(c.client.Version(), bodiesOf(c.set)), c.images(ctx))
}

// firstNative is the first minor release of Kubernetes whose native sidecars are on in every cluster.
//
// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
const firstNative = 29

// nativeSidecars: an older cluster takes a native sidecar for an init container, and waits for its end forever.
func nativeSidecars(v kubernetes.Version, bodies []map[string]any) (problems diag.List) {
	minor, err := strconv.Atoi(strings.TrimRight(v.Minor, "+"))
	if v.Major != "1" || err != nil || minor >= firstNative {
		return nil
	}
	for _, body := range bodies {
		for _, container := range tree.Items(tree.Branch(tree.Pods(body), "spec")["initContainers"]) {
			if container["restartPolicy"] == "Always" {
				problems = append(problems, diag.Diagnostic{Code: "BERTH2205", Severity: diag.Error, Subject: kubernetes.RefOf(body).String(),
					Summary: fmt.Sprintf("%v is a native sidecar, and this cluster is of Kubernetes 1.%d", container["name"], minor),
					Hint:    fmt.Sprintf("upgrade the cluster to 1.%d, or write it under  containers:  in place of  sidecars: ... before: true", firstNative)})
			}
		}
	}
	return problems
}

// images asks the admin's own registry for the release's images. The nodes pull, not this machine: a registry that can't be asked from here
// is only warned of.
func (c *inCluster) images(ctx context.Context) diag.List {
	if c.Doc.Config.Images.Registry == "" {
		return nil
	}
	login, err := c.env.Login(c.Want)
	if err != nil {
		return diag.List{{Code: "BERTH1212", Severity: diag.Error, Subject: c.Doc.Config.Images.Registry, Summary: "the sign-in to the registry can't be read", Detail: []string{err.Error()}}}
	}
	refs := append(c.Stack.Images(), c.Stack.Tagged()...)
	if c.caddy != "" {
		refs = append(refs, c.caddy)
	}
	problems := registry.Check(ctx, login, refs)
	for i := range problems {
		if problems[i].Code == "BERTH1212" {
			problems[i].Severity = diag.Warning
		}
	}
	return problems
}

// missing are the rights that are missing; none when that can't be found out.
func (c *inCluster) missing(ctx context.Context) diag.List {
	if c.set == nil && (c.Stack.Cluster == nil || c.Render(nil) != nil) {
		return nil
	}
	problems, err := rbac.Check(ctx, c.client, c.namespace, Rights(c.set))
	if err != nil {
		return nil
	}
	return problems
}

// Rights are the rights that berth needs for some objects.
func Rights(set *render.Set) []rbac.Rule {
	return rbac.Needed(bodiesOf(set))
}

func bodiesOf(set *render.Set) []map[string]any {
	bodies := make([]map[string]any, len(set.Objects))
	for i := range set.Objects {
		bodies[i] = set.Objects[i].Body
	}
	return bodies
}
