// Package store keeps an installation's state in its namespace of a cluster, so that every admin with rights there sees the same lock,
// secrets and history:
//
//	Lease      berth-NAME             who works on it
//	Secret     berth-NAME-secrets     the generated secrets
//	ConfigMap  berth-NAME-inventory   the objects that were applied, and those that are about to be
//	ConfigMap  berth-NAME-run-0001    a run, as history keeps it
//	ConfigMap  berth-NAME-journal     what the current run does
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"berth/internal/diag"

	"berth/internal/target/kubernetes"
)

// Labels of everything that is kept.
const (
	LabelInstallation = "dev.berth.installation"
	// LabelState tells what an object keeps. What has it is no part of what was rendered.
	LabelState = "dev.berth.state"
)

// manager is who owns the fields that are set here.
const manager = "berth-state"

// Store is the state of one installation. It does not exist before it is written to.
type Store struct {
	// Rights finds all rights that are missing, when one is; nil: it is reported this one alone.
	Rights func() diag.List

	client          *kubernetes.Client
	namespace, name string
	adopted         map[string]string // see Adopt
	forgotten       atomic.Bool
}

// At gives the state of an installation in a namespace. Nothing is asked yet.
func At(c *kubernetes.Client, namespace, name string) *Store {
	return &Store{client: c, namespace: namespace, name: name}
}

// Place says where the state is, for messages.
func (s *Store) Place() string { return "namespace " + s.namespace + " of " + s.client.Host() }

// metadata is what is read of every object.
type metadata struct {
	Name            string            `json:"name"`
	ResourceVersion string            `json:"resourceVersion"`
	Annotations     map[string]string `json:"annotations"`
	Labels          map[string]string `json:"labels"`
}

// configMap is a ConfigMap.
type configMap struct {
	Metadata metadata          `json:"metadata"`
	Data     map[string]string `json:"data"`
	Binary   map[string][]byte `json:"binaryData"`
}

func (s *Store) ref(apiVersion, kind, suffix string) kubernetes.Ref {
	return kubernetes.Ref{APIVersion: apiVersion, Kind: kind, Namespace: s.namespace, Name: "berth-" + s.name + suffix}
}

func (s *Store) configMap(suffix string) kubernetes.Ref { return s.ref("v1", "ConfigMap", suffix) }

// object is a new object that keeps something.
func (s *Store) object(ref kubernetes.Ref, keeps string, content map[string]any) map[string]any {
	obj := map[string]any{"apiVersion": ref.APIVersion, "kind": ref.Kind, "metadata": map[string]any{"name": ref.Name, "namespace": ref.Namespace,
		"labels": map[string]any{LabelInstallation: s.name, LabelState: keeps, "app.kubernetes.io/managed-by": "berth"}}}
	for k, v := range content {
		obj[k] = v
	}
	return obj
}

// put writes an object whole, whether it is there or not.
func (s *Store) put(ctx context.Context, obj map[string]any) error {
	_, err := s.client.Replace(ctx, obj, manager)
	if kubernetes.NotFound(err) {
		_, err = s.client.Create(ctx, obj, manager)
	}
	return err
}

// Forget deletes everything, the generated secrets included, once the data that they protect is deleted. The lock goes last.
func (s *Store) Forget(ctx context.Context) error {
	selector := LabelInstallation + "=" + s.name + "," + LabelState
	for _, kind := range []string{"ConfigMap", "Secret"} {
		found, err := kubernetes.Items[configMap](ctx, s.client, kubernetes.Query{APIVersion: "v1", Kind: kind, Namespace: s.namespace, Labels: selector, Metadata: true})
		if err != nil {
			return s.explain("delete the state", err)
		}
		for _, o := range found {
			ref := kubernetes.Ref{APIVersion: "v1", Kind: kind, Namespace: s.namespace, Name: o.Metadata.Name}
			if err := s.client.Delete(ctx, ref, kubernetes.DeleteOptions{}); err != nil && !kubernetes.NotFound(err) {
				return s.explain("delete the state", err)
			}
		}
	}
	s.forgotten.Store(true)
	if err := s.client.Delete(ctx, s.lease(), kubernetes.DeleteOptions{}); err != nil && !kubernetes.NotFound(err) {
		return s.explain("delete the state", err)
	}
	return nil
}

// explain reports rights that are missing, for which an admin can ask; anything else is an error.
func (s *Store) explain(doing string, err error) error {
	if !kubernetes.Forbidden(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if s.Rights != nil {
		if problems := s.Rights(); len(problems) > 0 {
			return problems
		}
	}
	return diag.List{{Code: "BERTH3411", Severity: diag.Error, Subject: "namespace " + s.namespace,
		Summary: "you may not store the installation's state in namespace " + s.namespace, Detail: []string{err.Error()},
		Hint: "ask the cluster's admin for the rights in this namespace; Kubernetes' own role \"admin\" has them"}}
}

// unreadable reports state that somebody else wrote, or wrote over.
func (s *Store) unreadable(ref kubernetes.Ref, err error) diag.List {
	return diag.List{{Code: "BERTH3413", Severity: diag.Error, Subject: ref.String(), Summary: fmt.Sprintf("%s in namespace %s was changed since berth wrote it", ref, s.namespace),
		Detail: []string{err.Error()}, Hint: "see who changed it:  kubectl get --show-managed-fields -o yaml -n " + s.namespace + " " + ref.String()}}
}

// load reads JSON from a ConfigMap; one that is not there leaves out as it is.
func (s *Store) load(ctx context.Context, ref kubernetes.Ref, key string, out any) error {
	var c configMap
	err := s.client.Read(ctx, ref, &c)
	if kubernetes.NotFound(err) {
		return nil
	}
	if err != nil {
		return s.explain("read the state", err)
	}
	if c.Data[key] == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(c.Data[key]), out); err != nil {
		return s.unreadable(ref, err)
	}
	return nil
}

// asProblem gives an error as a problem of its own, when it is not one yet.
func asProblem(err error, d diag.Diagnostic) error {
	var told diag.List
	if err == nil || errors.As(err, &told) {
		return err
	}
	d.Severity, d.Detail = diag.Error, []string{err.Error()}
	return diag.List{d}
}
