// Package kubernetes is the target that is a Kubernetes cluster. client-go's rest and clientcmd find it, sign in and carry requests; on them
// stands a thin layer of our own for objects as trees of maps, as the renderer makes them; whole numbers in them are int64. It waits for an
// API server that restarts, which client-go does not. contract_test.go says what we rely on a real API server for.
//
// One package because all of it is one client of one API server: each request, each stream and each port is signed in and refused in the same way.
//
//	kubeconfig ──> Client ──> health: what is ready, and why the rest is not
//	                     └──> store: an installation's lock, secrets, inventory and history
package kubernetes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"berth/internal/diag"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Client talks to one API server. It is safe for concurrent use.
type Client struct {
	rest     *rest.RESTClient
	access   *access
	patience time.Duration // how long one request may be tried again
	version  Version

	mu       sync.Mutex
	found    map[string]map[string]Resource // kinds outside the table, by API version
	warnings []string
}

// absence is how long an API server may be gone, as when it is restarted, before a request gives up.
const absence = 90 * time.Second

// Connect finds the cluster of a context, "" being the current one, and asks whether it is there and knows us. The error is a diag.List when
// something is wrong with that.
func Connect(ctx context.Context, getenv func(string) string, name string) (*Client, error) {
	access, err := find(getenv, name)
	if err != nil {
		return nil, err
	}
	if problems := access.outdated(time.Now()); problems.Failed() {
		return nil, problems
	}
	c, err := newClient(access)
	if err != nil {
		return nil, access.unusable(err)
	}
	c.patience = 0 // nothing was begun yet: better told now than in a minute
	if c.version, err = c.ask(ctx); err != nil {
		return nil, c.unreachable(ctx, err)
	}
	c.patience = absence
	return c, nil
}

// quiet keeps client-go from writing log lines between berth's own: what is wrong reaches us as errors.
var quiet = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })

func newClient(a *access) (*Client, error) {
	quiet()
	c := &Client{access: a, patience: absence, found: map[string]map[string]Resource{}}
	a.config.UserAgent = "berth"
	a.config.QPS = -1 // the API server itself says when it is asked too much
	a.config.WarningHandlerWithContext = c
	a.config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()) // not used: we read and write JSON
	web, err := rest.HTTPClientFor(a.config)
	if err != nil {
		return nil, err
	}
	own := *web
	// An API server redirects nobody; what does stands in front of it.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.rest, err = rest.UnversionedRESTClientForConfigAndClient(a.config, &own)
	return c, err
}

// Namespace is the one that the context names, or "default".
func (c *Client) Namespace() string { return c.access.namespace }

// Host is the API server's address.
func (c *Client) Host() string { return c.access.config.Host }

// Doubts are what is wrong with how the cluster is reached, although it works.
func (c *Client) Doubts() diag.List { return c.access.doubts() }

// Context is the name of the context; "" in a pod.
func (c *Client) Context() string { return c.access.context }

// Close ends the connections.
func (c *Client) Close() { utilnet.CloseIdleConnectionsFor(c.rest.Client.Transport) }

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
	// Many clusters give the version to strangers, too.
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
	d := diag.Diagnostic{Code: "BERTH3407", Severity: diag.Error, Subject: "cluster", Summary: "the API server does not answer at " + c.Host(),
		Detail: []string{err.Error()}, Hint: "check that the cluster runs, and whether you need a VPN or proxy to reach it"}
	if c.Context() != "" {
		d.Detail = append(d.Detail, "context: "+c.Context())
	}
	var untrusted *tls.CertificateVerificationError
	var refusal *Refusal
	switch {
	case errors.As(err, &untrusted):
		d.Code, d.Summary = "BERTH3408", "the certificate of the API server at "+c.Host()+" is not trusted"
		d.Hint = "get a new kubeconfig from the cluster; its certificate authority or address has changed"
	case errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized:
		d.Code, d.Summary = "BERTH3409", "the API server does not accept the sign-in: "+c.access.who()
		d.Hint = "sign in again with your provider, or get a new kubeconfig"
	case errors.As(err, &refusal) && refusal.Status == http.StatusForbidden:
		d.Code, d.Summary = "BERTH3410", "the API server refuses the request: "+c.access.who()
		d.Hint = "ask the cluster's admin for a role in the namespace, or choose another context"
	}
	return diag.List{d}
}

// HandleWarningHeaderWithContext notes what the API server warns of; client-go calls it.
func (c *Client) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
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

// RefOf names an object that we have.
func RefOf(obj map[string]any) Ref {
	meta, _ := obj["metadata"].(map[string]any)
	return Ref{APIVersion: str(obj, "apiVersion"), Kind: str(obj, "kind"), Namespace: str(meta, "namespace"), Name: str(meta, "name")}
}

func str(tree map[string]any, key string) string {
	s, _ := tree[key].(string)
	return s
}
