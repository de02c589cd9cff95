package engine

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"berth/internal/plan"
	"berth/internal/site"
	"berth/internal/stack"
)

// Services tells how the containers are.
func (i *installation) Services(ctx context.Context, e *site.Environment) (services []site.Service, missing []string, release string, err error) {
	observed, err := i.observe(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	there := map[string]bool{}
	for _, c := range observed.Containers {
		there[c.Unit] = true
		oneShot := slices.ContainsFunc(i.Stack.Instances, func(inst stack.Instance) bool { return inst.Name == c.Unit && inst.OneShot })
		status, ready := string(c.Status), c.Status == plan.Healthy || c.Status == plan.Running
		if oneShot && c.Status == plan.Stopped {
			status, ready = fmt.Sprintf("ended with exit code %d", c.Exit), c.Exit == 0
		}
		services = append(services, site.Service{Name: c.Unit, Release: c.Release, Status: status, Ready: ready})
	}
	for _, inst := range i.Stack.Instances {
		if !there[inst.Name] {
			missing = append(missing, inst.Name)
		}
	}
	return services, missing, plan.Difference(i.desired(e), observed).From, nil
}

// Knock asks the front door of this host whether Sourcegraph is healthy. Without a front door of ours there is nothing to ask.
func (i *installation) Knock(ctx context.Context, now func() time.Time) (ok bool, door string, milliseconds int64) {
	at := i.frontDoor()
	if at == "" {
		return false, "", 0
	}
	start := now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/healthz", nil)
	if err != nil {
		return false, at, 0
	}
	if u, err := url.Parse(i.Stack.URL); err == nil {
		req.Host = u.Host // the front door may answer for this host only
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		return false, at, 0
	}
	defer resp.Body.Close()
	// A redirect to HTTPS is the front door's own answer, and means that it is there.
	return resp.StatusCode < 400, at, now().Sub(start).Milliseconds()
}

// frontDoor is the address on this host at which the front door takes HTTP requests.
func (i *installation) frontDoor() string {
	for _, inst := range i.Stack.Instances {
		if inst.Service != "caddy" {
			continue
		}
		for _, p := range inst.Ports {
			host, published, inside := stack.Published(p)
			if inside == "80" {
				if ip := net.ParseIP(host); ip.IsUnspecified() {
					host = map[bool]string{true: "127.0.0.1", false: "::1"}[ip.To4() != nil]
				}
				return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, published)}).String()
			}
		}
	}
	return ""
}
