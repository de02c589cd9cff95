package kubeconfig

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"berth/internal/diag"
)

// plugin is a program that signs in, such as aws or gke-gcloud-auth-plugin.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
type plugin struct {
	APIVersion string   `yaml:"apiVersion"`
	Command    string   `yaml:"command"`
	Args       []string `yaml:"args"`
	Env        []struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	} `yaml:"env"`
	InstallHint string `yaml:"installHint"`
	ClusterInfo bool   `yaml:"provideClusterInfo"`
	Mode        string `yaml:"interactiveMode"`
}

const pluginGroup = "client.authentication.k8s.io/"

// program is a plugin as a credential: it is run when there is no proof, when that expired, and when it is not believed.
type program struct {
	plugin  plugin
	access  *Access
	cluster cluster

	mu      sync.Mutex
	last    proof
	pair    *tls.Certificate
	have    bool
	expires time.Time // zero: never
}

// early is how long before its end a proof is no longer used: a request takes a while to arrive.
const early = 10 * time.Second

func (p *program) check() diag.List {
	subject := "user " + p.access.user
	switch {
	case p.plugin.Command == "":
		return problem("BERTH3402", subject, "exec names no command", "set  exec: {command: PROGRAM}")
	case p.plugin.APIVersion != pluginGroup+"v1" && p.plugin.APIVersion != pluginGroup+"v1beta1":
		return problem("BERTH3402", subject, fmt.Sprintf("exec has an unsupported apiVersion: %q", p.plugin.APIVersion),
			"set  apiVersion: "+pluginGroup+"v1  if "+p.plugin.Command+" is new enough, or create a new kubeconfig with its newest version")
	case p.plugin.Mode == "Always" && p.access.out.Ask == nil:
		return problem("BERTH3405", subject, p.plugin.Command+" asks for input, but there is no terminal", "run berth in a terminal, or use a user that needs none")
	}
	return nil
}

func (p *program) prove(ctx context.Context) (proof, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.have && (p.expires.IsZero() || p.access.out.Now().Before(p.expires.Add(-early))) {
		return p.last, nil
	}
	err := p.run(ctx)
	return p.last, err
}

func (p *program) renew(disbelieved proof) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.serial == disbelieved.serial {
		p.have = false
	}
	return true
}

// certificate is what the plugin gave for the connection itself.
func (p *program) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.pair != nil:
		return p.pair, nil
	case len(p.access.tls.Certificates) > 0:
		return &p.access.tls.Certificates[0], nil
	}
	return &tls.Certificate{}, nil // none
}

// answer is an ExecCredential, as much of it as is read.
type answer struct {
	APIVersion string `json:"apiVersion"`
	Status     struct {
		Expires     time.Time `json:"expirationTimestamp"`
		Token       string    `json:"token"`
		Certificate string    `json:"clientCertificateData"`
		Key         string    `json:"clientKeyData"`
	} `json:"status"`
}

// run runs the program and takes what it gives.
func (p *program) run(ctx context.Context) error {
	text, err := p.output(ctx)
	if err != nil {
		return err
	}
	var a answer
	pair := (*tls.Certificate)(nil)
	switch err := json.Unmarshal(text, &a); {
	case err != nil:
		return p.failed("returned something else than a credential", err.Error())
	case a.APIVersion != p.plugin.APIVersion:
		return p.failed("returned another apiVersion than the kubeconfig says", fmt.Sprintf("it says %q, the kubeconfig %q", a.APIVersion, p.plugin.APIVersion))
	case a.Status.Token == "" && a.Status.Certificate == "":
		return p.failed("returned neither a token nor a certificate")
	case a.Status.Certificate != "":
		made, err := tls.X509KeyPair([]byte(a.Status.Certificate), []byte(a.Status.Key))
		if err != nil {
			return p.failed("returned a certificate that can't be used", err.Error())
		}
		pair = &made
	}
	p.pair, p.expires, p.have = pair, a.Status.Expires, true
	p.last = proof{serial: p.last.serial + 1}
	if a.Status.Token != "" {
		p.last.header = "Bearer " + a.Status.Token
	}
	return nil
}

// output is what the program writes. What it says to people goes to them, and into the message when it fails.
func (p *program) output(ctx context.Context) ([]byte, error) {
	info, err := json.Marshal(p.info())
	if err != nil {
		return nil, fmt.Errorf("describe the cluster to %s: %w", p.plugin.Command, err)
	}
	cmd := exec.CommandContext(ctx, p.plugin.Command, p.plugin.Args...)
	cmd.Env = os.Environ()
	for _, e := range p.plugin.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	cmd.Env = append(cmd.Env, "KUBERNETES_EXEC_INFO="+string(info))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if p.access.out.Tell != nil {
		cmd.Stderr = io.MultiWriter(&said, p.access.out.Tell)
	}
	if p.interactive() {
		cmd.Stdin = p.access.out.Ask
	}
	err = cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		hint := "install " + p.plugin.Command + ", or choose another user for the context"
		if p.plugin.InstallHint != "" {
			hint = strings.Join(strings.Fields(p.plugin.InstallHint), " ")
		}
		return nil, in(problem("BERTH3405", "user "+p.access.user, "the program that signs in to the cluster does not exist: "+p.plugin.Command, hint), p.access.from)
	}
	return nil, p.failed("failed", append([]string{err.Error()}, lastLines(said.String(), 10)...)...)
}

func (p *program) interactive() bool { return p.access.out.Ask != nil && p.plugin.Mode != "Never" }

// info is what the program is told.
func (p *program) info() any {
	spec := map[string]any{"interactive": p.interactive()}
	if p.plugin.ClusterInfo {
		c := map[string]any{"server": p.access.Host}
		if pem, err := content(p.cluster.AuthorityData, p.cluster.Authority); err == nil && pem != nil {
			c["certificate-authority-data"] = base64.StdEncoding.EncodeToString(pem)
		}
		if p.cluster.Insecure {
			c["insecure-skip-tls-verify"] = true
		}
		if p.cluster.ServerName != "" {
			c["tls-server-name"] = p.cluster.ServerName
		}
		if p.cluster.Proxy != "" {
			c["proxy-url"] = p.cluster.Proxy
		}
		for _, e := range p.cluster.Extensions {
			if e.Name == pluginGroup+"exec" {
				c["config"] = e.Value
			}
		}
		spec["cluster"] = c
	}
	return map[string]any{"apiVersion": p.plugin.APIVersion, "kind": "ExecCredential", "spec": spec}
}

func (p *program) failed(what string, detail ...string) error {
	return in(problem("BERTH3405", "user "+p.access.user, "the program that signs in to the cluster "+what+": "+p.plugin.Command,
		"run it by hand to see why; perhaps you have to sign in again", detail...), p.access.from)
}

func lastLines(text string, most int) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[max(0, len(lines)-most):]
}
