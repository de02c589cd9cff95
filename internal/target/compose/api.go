package compose

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// api is the Docker Engine's HTTP API: as much of it as berth uses, in the versions from 1.41 (engine 20.10). The official client does the
// same, and makes each start of berth a third slower, also of commands that talk to no engine: see docs/decisions. contract_test.go holds
// it beside the official one.
type api struct {
	http *http.Client
	base string // "http://host/v1.41"
}

// defaultSocket is where an engine listens unless it is told otherwise.
const defaultSocket = "unix:///var/run/docker.sock"

// The versions of the API that berth knows.
const (
	leastAPI   = "1.41"
	highestAPI = "1.51"
)

// dial prepares to talk to the engine at a DOCKER_HOST; "" is the default. Nothing is sent.
func dial(host string, getenv func(string) string) (*api, error) {
	if host == "" {
		host = defaultSocket
	}
	scheme, address, ok := strings.Cut(host, "://")
	if !ok {
		return nil, fmt.Errorf("the address %q has no scheme, such as unix:// or tcp://", host)
	}
	transport := &http.Transport{}
	base := "http://"
	switch scheme {
	case "unix":
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", address)
		}
		base += "docker"
	case "tcp", "http", "https":
		transport.Proxy = http.ProxyFromEnvironment
		if secure, err := certificates(getenv); err != nil {
			return nil, err
		} else if secure != nil || scheme == "https" {
			transport.TLSClientConfig, base = secure, "https://"
		}
		base += strings.TrimSuffix(address, "/")
	default:
		return nil, fmt.Errorf("berth talks to an engine by unix:// or tcp://, not by %s://", scheme)
	}
	return &api{http: &http.Client{Transport: transport}, base: base}, nil
}

// certificates are those that DOCKER_CERT_PATH names; nil without it. They are honoured as the docker program does: an engine's own
// certificate is checked with DOCKER_TLS_VERIFY only.
func certificates(getenv func(string) string) (*tls.Config, error) {
	dir := getenv("DOCKER_CERT_PATH")
	if dir == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the certificate in DOCKER_CERT_PATH: %w", err)
	}
	authorities, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the authorities in DOCKER_CERT_PATH: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s contains no certificate", filepath.Join(dir, "ca.pem"))
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool,
		InsecureSkipVerify: getenv("DOCKER_TLS_VERIFY") == ""}, nil
}

// negotiate asks whether the engine is there, and takes the newest version of the API that both know.
func (a *api) negotiate(ctx context.Context, getenv func(string) string) error {
	resp, err := a.send(ctx, http.MethodGet, "/_ping", nil, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	version := getenv("DOCKER_API_VERSION")
	if version == "" {
		version = highestAPI
		if theirs := resp.Header.Get("Api-Version"); theirs == "" {
			version = leastAPI
		} else if older(theirs, version) {
			version = theirs
		}
	}
	a.base += "/v" + version
	return nil
}

// refusal is an answer of the engine that is not what was asked for.
type refusal struct {
	status  int
	Message string `json:"message"`
}

func (r *refusal) Error() string { return r.Message }

// refused reports whether the engine answered with a status.
func refused(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == status
}

func notFound(err error) bool { return refused(err, http.StatusNotFound) }

// call sends a request, and reads its answer into out if that is not nil.
func (a *api) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	resp, err := a.send(ctx, method, path, query, nil, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body) // so that the connection can be used again
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// send sends a request. The caller closes the answer's body. The error is a *refusal when the engine did not do it.
func (a *api) send(ctx context.Context, method, path string, query url.Values, header http.Header, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	address := a.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	r := &refusal{status: resp.StatusCode}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, r) != nil || r.Message == "" {
		r.Message = fmt.Sprintf("%s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return nil, r
}

// labelled is the query for things with a label.
func labelled(label string) url.Values {
	text, _ := json.Marshal(map[string][]string{"label": {label}}) // strings always marshal
	return url.Values{"filters": {string(text)}}
}

// listed is a container as lists show it.
type listed struct {
	ID     string `json:"Id"`
	Names  []string
	Labels map[string]string
	State  string
	Status string // in words: "Up 3 seconds (healthy)"
}

func (a *api) containers(ctx context.Context, query url.Values) ([]listed, error) {
	var list []listed
	if err := a.call(ctx, http.MethodGet, "/containers/json", query, nil, &list); err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	return list, nil
}

// inspected is a container looked at closely.
type inspected struct {
	ID           string `json:"Id"`
	Name         string // "/caddy"
	RestartCount int
	State        struct {
		Status    string
		ExitCode  int
		OOMKilled bool
		StartedAt string // RFC 3339
		Health    *struct {
			Status string
			Log    []struct{ Output string }
		}
	}
	Config struct {
		Image  string
		Labels map[string]string
		Env    []string
		Shell  []string // of checks that are a line for a shell; empty: /bin/sh

		Healthcheck *struct{ Test []string }
	}
	HostConfig struct {
		Memory   int64 // bytes
		NanoCpus int64
	}
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress string }
	}
}

func (a *api) inspect(ctx context.Context, container string) (inspected, error) {
	var c inspected
	if err := a.call(ctx, http.MethodGet, "/containers/"+container+"/json", nil, nil, &c); err != nil {
		return c, fmt.Errorf("inspect container %s: %w", container, err)
	}
	return c, nil
}
