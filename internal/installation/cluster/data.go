package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan/fields"
	render "berth/internal/render/kubernetes"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/execute"
	"berth/internal/tree"
)

// Task runs a task in the namespace. A script asks with psql, which can't sign in by identity; Sourcegraph's programs do so by themselves.
func (c *inCluster) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	tasks := c.tasks()
	if len(t.Entry) > 0 && !t.Own {
		var err error
		if tasks.Tokens, err = c.env.SignIn(c.Want); err != nil {
			return 0, err
		}
		if t.Alone {
			c.alone(tasks)
		}
		tasks.Secrets = slices.AppendSeq(tasks.Secrets, maps.Values(tasks.Tokens))
	}
	return tasks.Task(ctx, t, line)
}

// alone gives tasks what they need to ask the admin's own databases while nothing of the installation is there: the addresses, with passwords where no
// token takes their place, and certificates.
func (c *inCluster) alone(t *execute.Tasks) {
	tokens := t.Tokens
	t.Tokens, t.Files = map[string]string{}, map[string]string{}
	for name, d := range c.Release.Relations.Stores.Postgres.Databases {
		if c.Doc.Config.Databases[name].External == nil {
			continue
		}
		for end, value := range c.Stack.Cluster.Secrets[name+"-auth"] {
			if text := installation.Assembled(value, c.values); text != "" {
				t.Tokens[d.Prefix+strings.ToUpper(end)] = text
			}
		}
	}
	maps.Copy(t.Tokens, tokens)
	for _, inst := range c.Stack.Instances {
		if inst.Service != "migrator" {
			continue
		}
		for _, v := range inst.Env {
			if !v.Shipped && strings.HasPrefix(v.Name, "PGSSL") {
				t.Tokens[v.Name] = installation.Assembled(v.Value, c.values)
			}
		}
		maps.Copy(t.Files, installation.MountedFiles(c.Stack, inst, c.values))
	}
}

// Pipe runs a task whose input and output are bytes.
func (c *inCluster) Pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (int, string, error) {
	tasks := c.tasks()
	if t.Asks {
		var err error
		if tasks.Tokens, err = c.env.SignIn(c.Want); err != nil {
			return 0, "", err
		}
		tasks.Secrets = slices.AppendSeq(tasks.Secrets, maps.Values(tasks.Tokens))
	}
	return tasks.Pipe(ctx, t, in, out)
}

// Forget removes what is left of a task.
func (c *inCluster) Forget(ctx context.Context, name string) error {
	return c.tasks().Forget(ctx, name)
}

// tasks are like the migrator's Job.
func (c *inCluster) tasks() *execute.Tasks {
	t := &execute.Tasks{Client: c.client, Namespace: c.namespace, Installation: c.Stack.Name, Contexts: map[string]map[string]any{}, Claims: map[string]string{},
		Secrets: slices.Collect(maps.Values(c.values)), Now: c.env.Now}
	for _, name := range stack.Databases() {
		t.Claims[name] = c.claimOf(name)
	}
	if o := c.Doc.Config.Kubernetes; o != nil && o.StorageClass != nil {
		t.StorageClass = o.StorageClass.Name
	}
	for _, o := range c.open.Objects {
		if o.OneShot {
			t.Job = o.Body
		}
	}
	for _, o := range c.open.Objects {
		for _, claim := range claimsOf(&o) {
			t.Claims[claim.task], t.Contexts[o.Name()] = claim.name, contextOf(&o, o.Name())
		}
	}
	for _, o := range c.bundled() {
		for _, name := range stack.Databases() {
			if o.Key() == "StatefulSet/"+name || o.Key() == "Deployment/"+name {
				t.Contexts[name] = contextOf(&o, name)
			}
		}
	}
	return t
}

// volumes are those of a store: one of each of its pods.
func (c *inCluster) volumes(store string) (out []data.Volume) {
	for _, o := range c.open.Objects {
		if o.Name() == store {
			for _, claim := range claimsOf(&o) {
				out = append(out, data.Volume{Name: claim.task, As: store, Image: c.Image(o.Service)}) // indexed-search is of the service zoekt-webserver
			}
		}
	}
	return out
}

// claimed is a claim of an object, and what tasks call it.
type claimed struct{ task, name string }

// claimsOf are the claims of the pods of a Deployment or a StatefulSet: "repos-gitserver-0" is gitserver-0 for tasks. Those of an object with several for a pod are left out.
func claimsOf(o *render.Object) (out []claimed) {
	if o.Kind() != "StatefulSet" && o.Kind() != "Deployment" || o.OneShot {
		return nil
	}
	var claims []claimed
	for _, v := range tree.Items(tree.Branch(tree.Pods(o.Body), "spec")["volumes"]) {
		if name := tree.Text(v, "persistentVolumeClaim", "claimName"); name != "" {
			claims = append(claims, claimed{o.Name(), name})
		}
	}
	templates := tree.Items(tree.Branch(o.Body, "spec")["volumeClaimTemplates"])
	switch {
	case len(claims)+len(templates) != 1:
		return nil
	case len(claims) == 1:
		return claims
	}
	for shard := range whole(tree.Branch(o.Body, "spec")["replicas"], 1) {
		name := fmt.Sprintf("%s-%d", o.Name(), shard)
		out = append(out, claimed{name, kubernetes.RefOf(templates[0]).Name + "-" + name})
	}
	return out
}

// bundled are the objects as they would be without a database of the admin's own: what is done to one of those runs with the image of the bundled one,
// as its user.
func (c *inCluster) bundled() []render.Object {
	config := *c.Doc.Config
	if !slices.ContainsFunc(stack.Databases(), func(name string) bool { return config.Databases[name].External != nil }) {
		return c.open.Objects
	}
	config.Databases = config.Bundled()
	in := c.Input
	in.Config = &config
	set, _ := render.Render(stack.Resolve(in), nil) // their problems were reported with the objects that are applied
	return set.Objects
}

// contextOf is the security context of an object's container, or of its first one.
func contextOf(o *render.Object, name string) map[string]any {
	all := tree.Items(tree.Branch(o.Body, "spec", "template", "spec")["containers"])
	for _, c := range all {
		if c["name"] == name {
			return tree.Branch(c, "securityContext")
		}
	}
	return tree.Branch(all[0], "securityContext")
}

// Asked asks by a task, where pgsql is ready.
func (c *inCluster) Asked(ctx context.Context) (installation.Said, error) {
	if c.Doc.Config.Databases["pgsql"].External == nil {
		pods, err := c.pods(ctx, "app=pgsql")
		if err != nil || !slices.ContainsFunc(pods, pod.ready) {
			return installation.Said{}, err
		}
	}
	return installation.Inspected(ctx, c.env, c.Want, c)
}

// claimOf is the claim with a database's data: the release's, which has the name of the database, or the admin's.
func (c *inCluster) claimOf(database string) string {
	if v := c.Doc.Config.Services[database].Volume; v != nil && v.Name != "" {
		return strings.ReplaceAll(v.Name, "{i}", "0")
	}
	return database
}

// Present looks for the claims of the databases. One of the admin's counts when the config says that it holds the data.
func (c *inCluster) Present(ctx context.Context) (bool, error) {
	for _, name := range stack.Databases() {
		if v := c.Doc.Config.Services[name].Volume; v != nil && v.HoldsData {
			return true, nil
		}
	}
	claims, err := c.claims(ctx)
	return slices.ContainsFunc(stack.Databases(), func(name string) bool { return slices.Contains(claims, "PersistentVolumeClaim/"+name) }), err
}

// Get asks the frontend's Service through the API server, or one of its pods. With a token it asks at the address that people use: the API server
// takes a request's sign-in for one to itself.
func (c *inCluster) Get(ctx context.Context, by installation.Route, p installation.Page) (int, string, error) {
	if p.Token != "" {
		return signedIn(ctx, c.Stack.URL, p)
	}
	at := kubernetes.Ref{Kind: "Service", Namespace: c.namespace, Name: "sourcegraph-frontend:http"}
	if by == installation.Directly {
		pods, err := c.pods(ctx, "app=sourcegraph-frontend")
		if err != nil || len(pods) == 0 {
			return 0, "", err
		}
		at = kubernetes.Ref{Kind: "Pod", Namespace: c.namespace, Name: pods[0].Metadata.Name + ":3080"}
	}
	answer, err := c.client.Ask(ctx, at, p.Path, p.Query)
	var refusal *kubernetes.Refusal
	switch {
	case err == nil:
		return 200, string(answer), nil
	case !errors.As(err, &refusal):
		return 0, "", err
	case refusal.Reason == "":
		return refusal.Status, refusal.Message, nil // the frontend itself answered
	case kubernetes.Unavailable(err), kubernetes.Forbidden(err):
		return 0, "", nil // the API server does not reach pods, or may not be asked this
	}
	return 0, "", err
}

// signedIn asks for a page as somebody who is signed in.
func signedIn(ctx context.Context, base string, p installation.Page) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+p.Path+"?"+p.Query, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "token "+p.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(answer), err
}

// PageImage is the image that serves the maintenance page: the one of Sourcegraph's front proxy on Compose. It is of the config's release, or of the newest
// one where that release does not exist for Compose.
func PageImage(e *installation.Environment, l *installation.Want) (string, error) {
	versions := e.Catalogue().Versions(catalogue.Compose)
	version := versions[0].Version
	if slices.ContainsFunc(versions, func(v catalogue.Version) bool { return v.Version == l.Release.Version }) {
		version = l.Release.Version
	}
	r, err := e.Catalogue().Release(version, catalogue.Compose)
	if err != nil {
		return "", err
	}
	return stack.Image(l.Doc.Config.Images.Registry, r, l.Digests, r.Services["caddy"].Compose.Image), nil
}

// ending is how long pods may take to end.
const ending = 10 * time.Minute

// still waits until no pod is left of what the front stops. A Deployment of no replicas counts as ready while its pods still end.
func (c *inCluster) still(ctx context.Context) error {
	var selectors []map[string]any
	for i := range c.open.Objects {
		if o := &c.open.Objects[i]; o.Stops(c.Front) {
			selectors = append(selectors, tree.Branch(o.Body, "spec", "selector", "matchLabels"))
		}
	}
	for end := c.env.Now().Add(ending); ; {
		pods, err := c.pods(ctx, "")
		if err != nil {
			return err
		}
		var left []string
		for _, p := range pods {
			ours := slices.ContainsFunc(selectors, func(s map[string]any) bool { return len(s) > 0 && within(s, p.Metadata.Labels) })
			if ours && p.Status.Phase != "Succeeded" && p.Status.Phase != "Failed" {
				left = append(left, p.Metadata.Name)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if c.env.Now().After(end) {
			return diag.List{{Code: "BERTH3712", Severity: diag.Error, Subject: "pods", Summary: fmt.Sprintf("pods that must stop are still there after %s", ending),
				Detail: left, Hint: "see why: kubectl --namespace " + c.namespace + " describe pod " + left[0]}}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// within reports whether all of some labels are among others.
func within(some, all map[string]any) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}

// startLimit is how long Postgres may take to start in a database's pod before the kubelet starts it again; 0: it has no startup probe.
func startLimit(workload map[string]any) time.Duration {
	for _, c := range tree.Items(tree.Branch(tree.Pods(workload), "spec")["containers"]) {
		probe, ok := c["startupProbe"].(map[string]any)
		if c["name"] != "pgsql" || !ok {
			continue
		}
		// What Kubernetes takes without a value: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
		return time.Duration(whole(probe["periodSeconds"], 10)*whole(probe["failureThreshold"], 3)) * time.Second
	}
	return 0
}

// whole is a number of a tree; otherwise: there is none.
func whole(v any, otherwise int) int {
	if n, ok := fields.Float(v); ok {
		return int(n)
	}
	return otherwise
}

// Space: every claim has a volume of its own. A backup gets one that is made for it.
func (c *inCluster) Space(ctx context.Context) (data.Space, error) {
	space := data.Space{Free: -1, Own: map[string]int64{}, Given: map[string]time.Duration{}}
	for _, o := range c.open.Objects {
		if given := startLimit(o.Body); given > 0 && slices.Contains(stack.Databases(), o.Service) {
			space.Given[o.Service] = given
		}
	}
	for _, name := range stack.Databases() {
		claim, err := c.client.Get(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.namespace, Name: c.claimOf(name)})
		if kubernetes.NotFound(err) {
			continue
		}
		if err != nil {
			return space, err
		}
		if bytes, err := config.Bytes(config.Quantity(tree.Text(claim, "status", "capacity", "storage"))); err == nil {
			space.Own[name] = bytes
		}
	}
	return space, nil
}
