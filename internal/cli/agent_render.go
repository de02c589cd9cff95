package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/cluster"
	"berth/internal/registry"
	"berth/internal/render/agent"
	render "berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/secret"
	"berth/internal/signed"
	"berth/internal/stack"
	"berth/internal/target/kubernetes/rbac"
)

// renderAgent writes what runs the agent every hour.
func (e *Env) renderAgent(f agentFlags) error {
	l, err := e.LoadUsable(f.file)
	if err != nil {
		return err
	}
	as := map[catalogue.Target]string{catalogue.Compose: "systemd", catalogue.Kubernetes: "cronjob"}[l.Stack.Target]
	if f.render != as {
		return diag.List{{Code: "BERTH3810", Severity: diag.Error, Subject: "--render", Summary: fmt.Sprintf("with target: %s, render the agent as %s, not as %q", l.Stack.Target, as, f.render),
			Hint: "write  --render " + as}}
	}
	if as == "systemd" {
		return e.renderUnits(l, f)
	}
	return e.renderCronJob(l, f)
}

// outside are the variables and the files that a config takes secrets from.
func outside(l *installation.Want) (variables, files []string) {
	refs := []*config.Secret{}
	if login := l.Doc.Config.Images.Login; login != nil {
		refs = append(refs, login.Password)
	}
	for _, s := range l.Stack.Secrets {
		refs = append(refs, &config.Secret{Env: s.Env, File: s.File})
	}
	for _, s := range refs {
		switch {
		case s == nil:
		case s.Env != "":
			variables = append(variables, s.Env)
		case s.File != "":
			files = append(files, s.File)
		}
	}
	slices.Sort(variables)
	slices.Sort(files)
	return slices.Compact(variables), slices.Compact(files)
}

// reaching are the variables that say how an engine and its registries are reached.
var reaching = []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"}

// renderUnits writes units of systemd, for who runs this: the installation's state is theirs, and they reach the engine.
func (e *Env) renderUnits(l *installation.Want, f agentFlags) error {
	who, err := user.Current()
	if err != nil {
		return fmt.Errorf("render the agent's units: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("render the agent's units: %w", err)
	}
	path := e.Abs(f.file)
	h := agent.Host{Installation: l.Stack.Name, Program: program, Folder: filepath.Dir(path), File: filepath.Base(path), User: who.Username, Environment: map[string]string{}}
	h.Secrets, _ = outside(l)
	for _, name := range reaching {
		value := e.Getenv(name)
		switch _, found := secret.Value(value); {
		case value == "" || slices.Contains(h.Secrets, name):
		case found: // a proxy with a password
			h.Secrets = append(h.Secrets, name)
		default:
			h.Environment[name] = value
		}
	}
	slices.Sort(h.Secrets)
	service, timer := h.Unit()+".service", h.Unit()+".timer"
	files := []stack.File{{Path: service, Content: h.Service()}, {Path: timer, Content: h.Timer()}}
	if err := e.writeAgent(f.out, service, files); err != nil {
		return err
	}
	if len(h.Secrets) > 0 {
		fmt.Fprintf(e.Stdout, "first: put %s into %s, readable only by root\n", strings.Join(h.Secrets, ", "), h.SecretsFile())
	}
	fmt.Fprintf(e.raw(), "next: sudo cp %[1]s/%[2]s.* /etc/systemd/system/ && sudo systemctl daemon-reload && sudo systemctl enable --now %[3]s\n", f.out, h.Unit(), timer)
	return nil
}

// renderCronJob writes a CronJob and what it needs.
func (e *Env) renderCronJob(l *installation.Want, f agentFlags) error {
	if f.image == "" {
		return diag.List{{Code: "BERTH3811", Severity: diag.Error, Subject: "--image", Summary: "--image is missing; there is no official image of berth",
			Hint: "build one with berth in its PATH (FROM scratch is enough), push it to your registry, and name it:  --image registry.example.com/berth:1.0"}}
	}
	if err := l.Resolve(renderedNamespace); err != nil {
		return err
	}
	set, problems := render.Render(l.Stack, nil)
	if problems.Failed() {
		return problems
	}
	p := agent.Pod{Installation: set.Name, Namespace: set.Namespace, Image: f.image, Config: string(l.Text), Files: map[string]string{},
		Roles: rbac.Objects(cluster.Rights(set), set.Namespace, set.Name)}
	if o := l.Doc.Config.Kubernetes; o != nil {
		p.PullSecrets, p.NodeSelector, p.Tolerations, p.AnyUser = o.ImagePullSecrets, o.Pods.NodeSelector, o.Pods.Tolerations, o.OpenShift
	}
	p.Secrets, p.SecretFiles = outside(l)
	files, err := l.Files()
	if err != nil {
		return err
	}
	if lock, err := os.ReadFile(filepath.Join(l.Dir, registry.LockName)); err == nil {
		files[registry.LockName] = lock
	}
	for name, content := range files {
		p.Files[name] = string(content)
	}
	if err := besideConfig(l.Dir, p.Files); err != nil {
		return err
	}
	var b bytes.Buffer
	for i, o := range p.Objects() {
		if i == 0 {
			b.Write(yaml.Encode(agent.MadeBy, o))
			continue
		}
		b.WriteString("---\n")
		b.Write(yaml.Block(o, 0))
	}
	name := p.Name() + ".yaml"
	if err := e.writeAgent(f.out, name, []stack.File{{Path: name, Content: b.Bytes()}}); err != nil {
		return err
	}
	if keys := p.SecretKeys(); len(keys) > 0 {
		fmt.Fprintf(e.Stdout, "first: create the Secret %s in namespace %s, with the keys %s, and again whenever one of them changes:\n", p.Secret(), p.Namespace, strings.Join(keys, ", "))
		fmt.Fprintf(e.raw(), "  %s\n", strings.ReplaceAll(p.SecretCommand(), "\n", "\n  "))
	}
	fmt.Fprintf(e.raw(), "next: kubectl apply --server-side -f %s/%s\n", f.out, name)
	return nil
}

// besideConfig adds what people put beside a config and signed: newer lists, and exceptions. They count in the cluster as they count here.
func besideConfig(dir string, files map[string]string) error {
	exceptions, err := filepath.Glob(filepath.Join(dir, exceptionsFolder, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range append(exceptions, filepath.Join(dir, recordBeside), filepath.Join(dir, catalogue.IssuesFile)) {
		if !there(path) || !there(path+signed.Suffix) {
			continue
		}
		for _, path := range []string{path, path + signed.Suffix} {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(name)] = string(text)
		}
	}
	return nil
}

// writeAgent writes what was rendered into a folder of its own.
func (e *Env) writeAgent(out, marker string, files []stack.File) error {
	f := &folder{path: e.Abs(out), name: out, marker: marker}
	if err := f.foreign(); err != nil {
		return err
	}
	if err := f.replace(files, nil); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "wrote %d files to %s\n", len(files), out)
	return nil
}
