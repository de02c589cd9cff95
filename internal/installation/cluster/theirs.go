package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	theirs "berth/internal/adopt/kubernetes"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan/fields"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
	"golang.org/x/sync/errgroup"
)

// parallel is how many objects are read at once.
const parallel = 16

// Theirs reads what a Helm release is in the cluster now. It changes nothing.
func Theirs(ctx context.Context, e *installation.Environment, at installation.Place, release string) (*theirs.Source, error) {
	client, err := kubernetes.Connect(ctx, e.Getenv, at.Context)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	namespace := cmp.Or(at.Namespace, client.Namespace())
	h, err := record(ctx, client, namespace, release)
	if err != nil {
		return nil, err
	}
	live, err := liveObjects(ctx, client, namespace, h.Objects)
	if err != nil {
		return nil, err
	}
	if err := addSecrets(ctx, client, namespace, live); err != nil {
		return nil, err
	}
	return theirs.Read(theirs.OfHelm(release), h.Objects, live, at.Context, namespace), nil
}

// TheirFiles reads what kubectl applied from a folder: its objects as they are in the cluster now. next is the command that goes on without berth. It changes nothing.
func TheirFiles(ctx context.Context, e *installation.Environment, at installation.Place, dir, next string, objects []map[string]any) (*theirs.Source, error) {
	client, err := kubernetes.Connect(ctx, e.Getenv, at.Context)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var named []string
	for _, body := range objects {
		if name := tree.Text(body, "metadata", "namespace"); name != "" && !slices.Contains(named, name) {
			named = append(named, name)
		}
	}
	slices.Sort(named)
	namespace := cmp.Or(at.Namespace, append(named, "")[0], client.Namespace())
	if len(named) > 1 || len(named) == 1 && named[0] != namespace {
		return nil, diag.List{{Code: "BERTH4317", Severity: diag.Error, Subject: dir, Summary: "its objects are in " + strings.Join(named, ", ") + ", and berth looks for one installation in one namespace; nothing was changed",
			Hint: "name the overlay of one namespace, and leave --namespace out"}}
	}
	live, err := liveObjects(ctx, client, namespace, objects)
	if err != nil {
		return nil, err
	}
	for object, body := range live {
		if p := deployedOtherwise(dir, object, body); p != nil {
			return nil, p
		}
	}
	if live[frontendPods] == nil {
		return nil, diag.List{{Code: "BERTH4318", Severity: diag.Error, Subject: dir, Summary: fmt.Sprintf("%d of its %d objects are in namespace %s, and %s is not; nothing was changed", len(live), len(objects), namespace, frontendPods),
			Hint: "name the cluster and the namespace in which it runs: --context NAME --namespace NAMESPACE"}}
	}
	if err := addSecrets(ctx, client, namespace, live); err != nil {
		return nil, err
	}
	return theirs.Read(theirs.OfFiles(dir, next), objects, live, at.Context, namespace), nil
}

// deployedOtherwise refuses an object that is berth's or Helm's by now.
func deployedOtherwise(dir, object string, live map[string]any) diag.List {
	p := diag.Diagnostic{Code: "BERTH4319", Severity: diag.Error, Subject: dir}
	switch release := tree.Text(live, "metadata", "annotations", "meta.helm.sh/release-name"); {
	case fields.Ours(live):
		p.Summary, p.Hint = object+" is berth's already; nothing was changed", "continue with its config; the text is in: berth history --json"
	case release != "":
		p.Summary, p.Hint = object+" is of the Helm release "+release+"; nothing was changed", "read that in place of the files: berth adopt --helm "+release
	default:
		return nil
	}
	return diag.List{p}
}

// helmSecrets selects the Secrets with Helm's records.
const helmSecrets = "owner=helm"

// record is Helm's newest record of a release. One that Helm is at work on, or that failed, has no state that could be taken over.
func record(ctx context.Context, client *kubernetes.Client, namespace, release string) (*theirs.Helm, error) {
	subject := "Helm release " + release
	all, err := client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Labels: helmSecrets})
	if kubernetes.Forbidden(err) {
		return nil, unread(subject, namespace, err)
	}
	if err != nil {
		return nil, fmt.Errorf("look for Helm's records: %w", err)
	}
	var newest *theirs.Helm
	var names []string
	for _, secret := range all {
		name := tree.Text(secret, "metadata", "labels", "name")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if name != release {
			continue
		}
		h, err := theirs.Decode(secret)
		if err != nil {
			return nil, diag.List{{Code: "BERTH4301", Severity: diag.Error, Subject: subject, Summary: err.Error(), Hint: "see what Helm itself says: helm get manifest " + release}}
		}
		if newest == nil || h.Version > newest.Version {
			newest = h
		}
	}
	if newest == nil {
		p := diag.Diagnostic{Code: "BERTH4310", Severity: diag.Error, Subject: subject, Summary: "namespace " + namespace + " has no record of it",
			Hint: "find its name and its namespace with: helm list --all-namespaces"}
		if len(names) > 0 {
			slices.Sort(names)
			p.Hint = "the releases there are " + strings.Join(names, ", ") + "; name another namespace with: --namespace NAMESPACE"
		}
		return nil, diag.List{p}
	}
	if newest.Status != "deployed" {
		return nil, diag.List{{Code: "BERTH4311", Severity: diag.Error, Subject: subject, Summary: "Helm did not finish its last change: its status is " + newest.Status + "; nothing was changed",
			Hint: "finish it with helm upgrade, or roll it back with: helm rollback " + release}}
	}
	return newest, nil
}

func unread(subject, namespace string, err error) diag.List {
	return diag.List{{Code: "BERTH4312", Severity: diag.Error, Subject: subject, Summary: "you may not read all of its objects in namespace " + namespace + "; nothing was changed",
		Detail: []string{err.Error()}, Hint: "ask the cluster's admin for the rights in this namespace; Kubernetes' own role \"admin\" has them"}}
}

// liveObjects are objects as they are in the cluster, by "Kind/name". Those that are not there are left out.
func liveObjects(ctx context.Context, client *kubernetes.Client, namespace string, bodies []map[string]any) (map[string]map[string]any, error) {
	out := map[string]map[string]any{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, body := range bodies {
		g.Go(func() error {
			live, err := liveObject(ctx, client, namespace, body)
			if err != nil || live == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out[kubernetes.RefOf(live).String()] = live
			return nil
		})
	}
	return out, g.Wait()
}

// addSecrets adds the Secrets that variables of pods refer to, and that are in no record. One that is not there, or may not be read, is left out.
func addSecrets(ctx context.Context, client *kubernetes.Client, namespace string, live map[string]map[string]any) error {
	var named []map[string]any
	for _, body := range live {
		for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
			for _, e := range tree.Items(c["env"]) {
				name := tree.Text(e, "valueFrom", "secretKeyRef", "name")
				if name != "" && live["Secret/"+name] == nil {
					named = append(named, map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": namespace}})
				}
			}
		}
	}
	for _, secret := range named {
		ref := kubernetes.RefOf(secret)
		if live[ref.String()] != nil {
			continue
		}
		body, err := client.Get(ctx, ref)
		switch {
		case kubernetes.NotFound(err) || kubernetes.Forbidden(err):
		case err != nil:
			return err
		default:
			live[ref.String()] = body
		}
	}
	return nil
}

func liveObject(ctx context.Context, client *kubernetes.Client, namespace string, body map[string]any) (map[string]any, error) {
	ref := kubernetes.RefOf(body)
	kind, err := client.Resource(ctx, ref.APIVersion, ref.Kind)
	switch {
	case kubernetes.NotFound(err):
		return nil, nil // a kind that the cluster no longer has
	case err != nil:
		return nil, err
	case !kind.Namespaced:
		ref.Namespace = ""
	case ref.Namespace == "":
		ref.Namespace = namespace
	}
	live, err := client.Get(ctx, ref)
	switch {
	case kubernetes.NotFound(err):
		return nil, nil
	case kubernetes.Forbidden(err):
		return nil, unread(ref.String(), cmp.Or(ref.Namespace, namespace), err)
	}
	return live, err
}
