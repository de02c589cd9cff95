package engine

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"berth/internal/address"
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
		out.All = append(out.All, installation.Service{Name: c.Unit, Release: c.Release, Own: c.Release == "", Status: status, Ready: ready})
	}
	for _, inst := range i.Stack.Instances {
		if !there[inst.Name] {
			out.Lacks(inst.Name, inst.Own)
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
	resp, err := i.get(ctx, installation.ByFrontProxy, a.At+"/healthz", "")
	if err != nil {
		return a
	}
	defer resp.Body.Close()
	// Where the certificate is requested automatically, plain HTTP is asked, and a redirect to HTTPS means that the front proxy is there.
	a.Healthy, a.Took = resp.StatusCode < 400, i.env.Now().Sub(start)
	return a
}

// frontProxy is the address on this host at which the front proxy takes requests: by HTTPS where it has a certificate for sure.
func (i *onEngine) frontProxy() string {
	scheme, port := "http", address.HTTP
	if i.Stack.Address.TLS == address.Files {
		scheme, port = "https", address.HTTPS
	}
	for _, inst := range i.Stack.Instances {
		if inst.Service != address.FrontProxy {
			continue
		}
		for _, p := range inst.Ports {
			host, published, inside := stack.Published(p)
			if inside == port {
				if ip := net.ParseIP(host); ip.IsUnspecified() {
					host = map[bool]string{true: "127.0.0.1", false: "::1"}[ip.To4() != nil]
				}
				return (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, published)}).String()
			}
		}
	}
	return ""
}
