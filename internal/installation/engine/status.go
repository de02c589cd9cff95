package engine

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/stack"
)

// Services reports how the containers are.
func (i *onEngine) Services(ctx context.Context) (out installation.Services, err error) {
	observed, err := i.observe(ctx)
	if err != nil {
		return out, err
	}
	there := map[string]bool{}
	for _, c := range observed.Containers {
		there[c.Unit] = true
		oneShot := slices.ContainsFunc(i.Stack.Instances, func(inst stack.Instance) bool { return inst.Name == c.Unit && inst.OneShot })
		status, ready := string(c.Status), c.Status == plan.Healthy || c.Status == plan.Running
		if oneShot && c.Status == plan.Stopped {
			status, ready = fmt.Sprintf("ended with exit code %d", c.Exit), c.Exit == 0
		}
		out.All = append(out.All, installation.Service{Name: c.Unit, Release: c.Release, Status: status, Ready: ready})
	}
	for _, inst := range i.Stack.Instances {
		if !there[inst.Name] {
			out.Missing = append(out.Missing, inst.Name)
		}
	}
	out.Release = plan.Difference(i.desired(), observed).From
	return out, nil
}

// Answers asks the front proxy of this host whether Sourcegraph is healthy. Without a front proxy of ours there is nothing to ask.
func (i *onEngine) Answers(ctx context.Context) (a installation.Answer) {
	a.At = i.frontProxy()
	if a.At == "" {
		return a
	}
	start := i.env.Now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	resp, err := i.get(ctx, installation.ByFrontProxy, a.At+"/healthz")
	if err != nil {
		return a
	}
	defer resp.Body.Close()
	// A redirect to HTTPS is the front proxy's own answer, and means that it is there.
	a.Healthy, a.Took = resp.StatusCode < 400, i.env.Now().Sub(start)
	return a
}

// frontProxy is the address on this host at which the front proxy takes HTTP requests.
func (i *onEngine) frontProxy() string {
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
