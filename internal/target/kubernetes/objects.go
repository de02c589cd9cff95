package kubernetes

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Get gives an object; NotFound tells that there is none.
func (c *Client) Get(ctx context.Context, ref Ref) (map[string]any, error) {
	var obj map[string]any
	return obj, c.Read(ctx, ref, &obj)
}

// Read reads an object into a value of the caller's own, such as a struct of the few fields that it needs.
func (c *Client) Read(ctx context.Context, ref Ref, out any) error {
	path, err := c.at(ctx, ref)
	if err != nil {
		return err
	}
	return about("get", ref, c.call(ctx, request{method: http.MethodGet, path: path}, out))
}

// Query says which objects to list.
type Query struct {
	APIVersion string
	Kind       string
	Namespace  string // "" is all
	Labels     string // a selector, such as "dev.berth.installation=sourcegraph"
	Fields     string // a selector, such as "type=Warning"
	Metadata   bool   // nothing but metadata is wanted
}

// page is how many objects come with one answer.
const page = 500

// List gives the objects that a query finds, in the API server's order. Each has its apiVersion and kind.
func (c *Client) List(ctx context.Context, q Query) ([]map[string]any, error) {
	objects, err := Items[map[string]any](ctx, c, q)
	for _, o := range objects {
		o["apiVersion"], o["kind"] = q.APIVersion, q.Kind // lists have them once
	}
	return objects, err
}

// listOf is a page of a list.
type listOf[T any] struct {
	Metadata struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
	Items []T `json:"items"`
}

// Items gives the objects that a query finds, as values of a type that has the few fields which the caller needs.
func Items[T any](ctx context.Context, c *Client, q Query) ([]T, error) {
	r, err := c.Resource(ctx, q.APIVersion, q.Kind)
	if err != nil {
		return nil, err
	}
	path, err := r.path(q.Namespace, "")
	if err != nil {
		return nil, err
	}
	query := url.Values{"limit": {strconv.Itoa(page)}}
	if q.Labels != "" {
		query.Set("labelSelector", q.Labels)
	}
	if q.Fields != "" {
		query.Set("fieldSelector", q.Fields)
	}
	accept := ""
	if q.Metadata {
		accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
	}
	var all []T
	for {
		var list listOf[T]
		err := c.call(ctx, request{method: http.MethodGet, path: path, query: query, accept: accept}, &list)
		if refused(err, http.StatusGone, "") && query.Has("continue") {
			// The API server forgot where we were. From the start, all at once.
			query.Del("continue")
			query.Del("limit")
			all = nil
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", r.Plural, err)
		}
		all = append(all, list.Items...)
		if list.Metadata.Continue == "" {
			return all, nil
		}
		query.Set("continue", list.Metadata.Continue)
	}
}

// ApplyOptions say how an object is applied.
type ApplyOptions struct {
	Manager string // who owns the fields that are set
	Force   bool   // take fields that others own; otherwise they are a Conflict
	DryRun  bool   // tell what would come of it, and change nothing
}

// Apply makes an object, or sets its fields, by server-side apply. It gives the object as it is then. Fields that the API server does not
// know are refused.
func (c *Client) Apply(ctx context.Context, obj map[string]any, o ApplyOptions) (map[string]any, error) {
	path, err := c.at(ctx, RefOf(obj))
	if err != nil {
		return nil, err
	}
	query := writing(o.Manager, o.DryRun)
	query.Set("force", strconv.FormatBool(o.Force))
	var out map[string]any
	err = c.call(ctx, request{method: http.MethodPatch, path: path, query: query, kind: "application/apply-patch+yaml", body: obj}, &out)
	return out, about("apply", RefOf(obj), err)
}

// Create makes an object that is not there yet; Exists tells that it is.
func (c *Client) Create(ctx context.Context, obj map[string]any, manager string) (map[string]any, error) {
	return c.create(ctx, obj, writing(manager, false))
}

// Rehearsed tells what would come of a Create, and makes nothing.
func (c *Client) Rehearsed(ctx context.Context, obj map[string]any, manager string) (map[string]any, error) {
	return c.create(ctx, obj, writing(manager, true))
}

func (c *Client) create(ctx context.Context, obj map[string]any, query url.Values) (map[string]any, error) {
	ref := RefOf(obj)
	r, err := c.Resource(ctx, ref.APIVersion, ref.Kind)
	if err != nil {
		return nil, err
	}
	path, err := r.path(ref.Namespace, "")
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = c.call(ctx, request{method: http.MethodPost, path: path, query: query, body: obj, once: true}, &out)
	return out, about("create", ref, err)
}

// Replace sets an object whole. With a resourceVersion in its metadata, it is a Conflict when somebody changed it since.
func (c *Client) Replace(ctx context.Context, obj map[string]any, manager string) (map[string]any, error) {
	ref := RefOf(obj)
	path, err := c.at(ctx, ref)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = c.call(ctx, request{method: http.MethodPut, path: path, query: writing(manager, false), body: obj, once: true}, &out)
	return out, about("replace", ref, err)
}

// Patch changes some fields of an object: those of the patch, nil taking one away. With a resourceVersion in the patch's metadata, it is a
// Conflict when somebody changed the object since.
func (c *Client) Patch(ctx context.Context, ref Ref, patch map[string]any, manager string) (map[string]any, error) {
	return c.patch(ctx, ref, patch, writing(manager, false))
}

// Rehearse tells what would come of a Patch, and changes nothing.
func (c *Client) Rehearse(ctx context.Context, ref Ref, patch map[string]any, manager string) (map[string]any, error) {
	return c.patch(ctx, ref, patch, writing(manager, true))
}

func (c *Client) patch(ctx context.Context, ref Ref, patch map[string]any, query url.Values) (map[string]any, error) {
	path, err := c.at(ctx, ref)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = c.call(ctx, request{method: http.MethodPatch, path: path, query: query, kind: "application/merge-patch+json", body: patch}, &out)
	return out, about("change", ref, err)
}

// Propagation is what becomes of the objects that an object owns when it is deleted.
type Propagation string

// The propagations.
const (
	Background Propagation = "Background" // deleted, afterwards
	Foreground Propagation = "Foreground" // deleted, before it
	Orphan     Propagation = "Orphan"     // left as they are
)

// DeleteOptions say how an object is deleted.
type DeleteOptions struct {
	Propagation Propagation // "" is Background
	UID         string      // only the object with this one; another of the same name is a Conflict
	DryRun      bool
}

// Delete deletes an object; NotFound tells that there was none. It may take a while to be gone.
func (c *Client) Delete(ctx context.Context, ref Ref, o DeleteOptions) error {
	path, err := c.at(ctx, ref)
	if err != nil {
		return err
	}
	if o.Propagation == "" {
		o.Propagation = Background
	}
	body := map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": string(o.Propagation)}
	if o.UID != "" {
		body["preconditions"] = map[string]any{"uid": o.UID}
	}
	if o.DryRun {
		body["dryRun"] = []string{"All"}
	}
	return about("delete", ref, c.call(ctx, request{method: http.MethodDelete, path: path, body: body}, nil))
}

func writing(manager string, dryRun bool) url.Values {
	q := url.Values{"fieldManager": {manager}, "fieldValidation": {"Strict"}}
	if dryRun {
		q.Set("dryRun", "All")
	}
	return q
}

func about(verb string, ref Ref, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, ref, err)
	}
	return nil
}
