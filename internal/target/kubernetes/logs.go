package kubernetes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// LogQuery says whose log, and how much of it.
type LogQuery struct {
	Namespace string
	Pod       string
	Container string
	Previous  bool // of the container's run before this one
	Tail      int  // lines from the end
}

// PodLogs gives the last lines that a container wrote, without empty ones. A node that does not answer is not asked again, unlike an API
// server: who waits for a pod asks for its lines anyhow, and a log only tells more of what is known.
func (c *Client) PodLogs(ctx context.Context, q LogQuery) ([]string, error) {
	query := url.Values{"tailLines": {strconv.Itoa(q.Tail)}, "limitBytes": {strconv.Itoa(64 << 10)}}
	if q.Container != "" {
		query.Set("container", q.Container)
	}
	if q.Previous {
		query.Set("previous", "true")
	}
	pod := Ref{APIVersion: "v1", Kind: "Pod", Namespace: q.Namespace, Name: q.Pod}
	path, err := c.at(ctx, pod)
	if err != nil {
		return nil, err
	}
	text, err := c.send(ctx, request{method: http.MethodGet, path: path + "/log", query: query, once: true})
	if err != nil {
		return nil, about("read the log of", pod, err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Reaches reports whether the API server reaches the node of a pod, as it has to for a log and, in most clusters, for Through. Only a
// connection that did not come about says no: whatever the node answers, it is there.
func (c *Client) Reaches(ctx context.Context, q LogQuery) bool {
	_, err := c.try(ctx, request{method: http.MethodGet, path: "/api/v1/namespaces/" + q.Namespace + "/pods/" + q.Pod + "/log",
		query: url.Values{"container": {q.Container}, "tailLines": {"1"}}}, nil, 0)
	var r *Refusal
	return !errors.As(err, &r) || r.Status < http.StatusInternalServerError || !strings.Contains(r.Message, "dial")
}

// Through asks a Service by way of the API server, which reaches it from wherever we are. An answer of 400 and above is a Refusal.
func (c *Client) Through(ctx context.Context, namespace, service, port, path string) error {
	_, err := c.try(ctx, request{method: http.MethodGet, path: "/api/v1/namespaces/" + namespace + "/services/" + service + ":" + port + "/proxy" + path}, nil, 0)
	return err
}

// Ask asks a Service or a Pod, named with its port ("name:http"), by way of the API server. An answer of 400 and above is a Refusal: with a
// reason it is the API server's own, without one it is what was asked that answered.
func (c *Client) Ask(ctx context.Context, at Ref, path, query string) ([]byte, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	return c.try(ctx, request{method: http.MethodGet, query: values,
		path: "/api/v1/namespaces/" + at.Namespace + "/" + strings.ToLower(at.Kind) + "s/" + at.Name + "/proxy" + path}, nil, 0)
}
