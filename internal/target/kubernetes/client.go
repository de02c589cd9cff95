// Package kubernetes is the target that is a Kubernetes cluster: its API, spoken over plain HTTP. The official client does the same, and
// makes each start of berth slower, also of commands that talk to no cluster: see docs/decisions. contract_test.go holds it beside a real
// API server. Objects are trees of maps, as the renderer makes them; whole numbers in them are int64.
//
//	kubeconfig ──> Client ──> health: what is ready, and why the rest is not
//	                     └──> store: an installation's lock, secrets, inventory and history
package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/target/kubernetes/kubeconfig"
)

// Client talks to one API server. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	host      string
	namespace string
	context   string
	who       string
	patience  time.Duration // how long one request may be tried again
	version   Version

	mu       sync.Mutex
	found    map[string]map[string]Resource // kinds outside the table, by API version
	warnings []string
}

// absence is how long an API server may be gone, as when it is restarted, before a request gives up.
const absence = 90 * time.Second

// Connect finds the cluster of a context, "" being the current one, and asks whether it is there and knows us. The error is a diag.List when
// something is wrong with that.
func Connect(ctx context.Context, out kubeconfig.Outside, name string) (*Client, error) {
	access, err := kubeconfig.Load(out, name)
	if err != nil {
		return nil, err
	}
	c := newClient(access)
	c.patience = 0 // nothing was begun yet: better told now than in a minute
	if c.version, err = c.ask(ctx); err != nil {
		return nil, c.unreachable(ctx, err)
	}
	c.patience = absence
	return c, nil
}

func newClient(access *kubeconfig.Access) *Client {
	// An API server redirects nobody; what does stands in front of it.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &http.Client{Transport: access.Transport(), CheckRedirect: stay}, host: access.Host, namespace: access.Namespace,
		context: access.Context, who: access.Who(), patience: absence, found: map[string]map[string]Resource{}}
}

// Namespace is the one that the context names, or "default".
func (c *Client) Namespace() string { return c.namespace }

// Host is the API server's address.
func (c *Client) Host() string { return c.host }

// Context is the name of the context; "" in a pod.
func (c *Client) Context() string { return c.context }

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Version is what the API server is.
type Version struct {
	Git      string `json:"gitVersion"` // "v1.35.4", often with a provider's suffix
	Major    string `json:"major"`
	Minor    string `json:"minor"` // "35", or "35+"
	Platform string `json:"platform"`
}

// Version is the API server's version, as of connecting.
func (c *Client) Version() Version { return c.version }

// ask asks for the version. Everybody who is known may ask for it.
func (c *Client) ask(ctx context.Context) (Version, error) {
	var v Version
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := c.call(ctx, request{method: http.MethodGet, path: "/version"}, &v); err != nil {
		return v, err
	}
	// Strangers are told the version, too, in many clusters.
	return v, c.review(ctx, "SelfSubjectAccessReview", map[string]any{"nonResourceAttributes": map[string]any{"path": "/version", "verb": "get"}}, nil)
}

// unreachable says why there is no talking to the API server.
func (c *Client) unreachable(ctx context.Context, err error) error {
	var told diag.List
	switch {
	case errors.As(err, &told):
		return told
	case ctx.Err() != nil:
		return ctx.Err()
	}
	d := diag.Diagnostic{Code: "BERTH3407", Severity: diag.Error, Subject: "cluster", Summary: "the API server does not answer at " + c.host,
		Detail: []string{err.Error()}, Hint: "check that the cluster runs, and whether you need a VPN or proxy to reach it"}
	if c.context != "" {
		d.Detail = append(d.Detail, "context: "+c.context)
	}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var refusal *Refusal
	switch {
	case errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid), certificate(err):
		d.Code, d.Summary = "BERTH3408", "the certificate of the API server at "+c.host+" is not trusted"
		d.Hint = "get a new kubeconfig from the cluster; its certificate authority or address has changed"
	case errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized:
		d.Code, d.Summary = "BERTH3409", "the API server does not accept the sign-in: "+c.who
		d.Hint = "sign in again with your provider, or get a new kubeconfig"
	case errors.As(err, &refusal) && refusal.Status == http.StatusForbidden:
		d.Code, d.Summary = "BERTH3410", "the API server refuses the request: "+c.who
		d.Hint = "ask the cluster's admin for a role in the namespace, or choose another context"
	}
	return diag.List{d}
}

func certificate(err error) bool {
	var unverified *tls.CertificateVerificationError
	return errors.As(err, &unverified)
}

// Warnings are what the API server warned of since it was asked last, each once, in the order in which they came.
func (c *Client) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.warnings
	c.warnings = nil
	return w
}

// Ref names one object.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"` // "" for cluster-scoped kinds
	Name       string `json:"name"`
}

func (r Ref) String() string { return fmt.Sprintf("%s/%s", r.Kind, r.Name) }

// RefOf names an object that is at hand.
func RefOf(obj map[string]any) Ref {
	meta, _ := obj["metadata"].(map[string]any)
	return Ref{APIVersion: str(obj, "apiVersion"), Kind: str(obj, "kind"), Namespace: str(meta, "namespace"), Name: str(meta, "name")}
}

func str(tree map[string]any, key string) string {
	s, _ := tree[key].(string)
	return s
}
