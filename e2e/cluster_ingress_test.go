//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ingressController is a controller that runs as a program beside the cluster: the name of its class, as its IngressClass has it, its arguments, and
// whether it redirects plain HTTP and keeps other addresses out without settings of its own. INGRESS_TRAEFIK and INGRESS_HAPROXY name the programs.
type ingressController struct {
	class, controller string
	args              func(dir string, http, https int) []string
	alone             bool
}

var ingressControllers = []ingressController{
	{class: "traefik", controller: "traefik.io/ingress-controller", args: func(_ string, http, https int) []string {
		return []string{"--providers.kubernetesingress", fmt.Sprintf("--entrypoints.web.address=127.0.0.1:%d", http),
			fmt.Sprintf("--entrypoints.websecure.address=127.0.0.1:%d", https), "--entrypoints.websecure.http.tls=true"}
	}},
	{class: "haproxy", controller: "haproxy.org/ingress-controller", alone: true, args: func(dir string, http, https int) []string {
		return []string{"--external", "--program=" + cmp.Or(os.Getenv("HAPROXY"), "/usr/sbin/haproxy"), "--kubeconfig=" + os.Getenv("KUBECONFIG"), "--disable-ipv6",
			"--ipv4-bind-address=127.0.0.1", fmt.Sprintf("--http-bind-port=%d", http), fmt.Sprintf("--https-bind-port=%d", https),
			"--config-dir=" + dir, "--runtime-dir=" + dir}
	}},
}

// TestClusterIngressController: people reach Sourcegraph through the ingress controllers whose programs are on this machine, as docs/ingress.md says:
// by the admin's certificate, with an upload of 150 MB, and from allowed addresses only.
func TestClusterIngressController(t *testing.T) {
	needs(t, long, node, images(release))
	for n, c := range ingressControllers {
		t.Run(c.class, func(t *testing.T) {
			program := os.Getenv("INGRESS_" + strings.ToUpper(c.class))
			if program == "" {
				t.Skipf("INGRESS_%s names no program", strings.ToUpper(c.class))
			}
			name := "ci-" + c.class
			applyText(t, fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: %s}, spec: {controller: %s}}", c.class, c.controller))
			t.Cleanup(func() { kubectl(t, "delete", "ingressclass", c.class) })
			s := newOnNode(t, name, 30140+n)
			certificate, key, pool := selfSigned(t, "sg.test")
			s.writeFile("cert.pem", certificate)
			s.writeFile("key.pem", key)
			s.edit("url: http://localhost", "url: https://sg.test\ntls: {certificate: cert.pem, key: key.pem}")
			s.edit("service: {nodePort", "ingress: {class: "+c.class+"}, service: {nodePort")
			s.must(0, "lock")
			s.must(0, "up")
			s.seed()

			plain, secure := freePort(t), freePort(t)
			c.start(t, program, plain, secure)
			at := &http.Client{Timeout: 5 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool}, // the name in the certificate is checked, too
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					port := map[string]int{"sg.test:80": plain, "sg.test:443": secure}[address]
					return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
				}}}
			eventually(t, at, "https://sg.test/.api/search/stream?q="+marker, http.StatusOK, marker)
			upload, err := at.Post("https://sg.test/api/uploads?repository=example/seeded", "application/octet-stream", bytes.NewReader(make([]byte, 150_000_000)))
			if err != nil {
				t.Fatal(err)
			}
			upload.Body.Close()
			if upload.StatusCode != http.StatusAccepted {
				t.Errorf("an upload of 150 MB: %s", upload.Status)
			}
			if !c.alone {
				return
			}
			redirect, err := at.Get("http://sg.test/search")
			if err != nil {
				t.Fatal(err)
			}
			redirect.Body.Close()
			if to := redirect.Header.Get("Location"); !strings.HasPrefix(to, "https://sg.test") || !strings.HasSuffix(to, "/search") {
				t.Errorf("plain HTTP answers %s and leads to %q", redirect.Status, to)
			}
			s.edit("tls: {certificate", "front: {allow: [10.9.0.0/16]}\ntls: {certificate")
			s.must(0, "up")
			eventually(t, at, "https://sg.test/healthz", http.StatusForbidden, "")
			s.edit("10.9.0.0/16", "127.0.0.0/8")
			s.must(0, "up")
			eventually(t, at, "https://sg.test/healthz", http.StatusOK, "")
		})
	}
}

// start runs the controller until the test ends.
func (c ingressController) start(t *testing.T, program string, plain, secure int) {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, c.args(dir, plain, secure)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its own processes end with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		// HAProxy leaves the controller's group of processes.
		if text, err := os.ReadFile(filepath.Join(dir, "haproxy.pid")); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGTERM) // and its workers with it
			}
		}
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("the controller wrote:\n%s", text)
		}
	})
}

// eventually waits until an address answers with a status and a text: a controller reads the cluster first.
func eventually(t *testing.T, at *http.Client, address string, status int, text string) {
	t.Helper()
	var last string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		resp, err := at.Get(address)
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == status && bytes.Contains(body, []byte(text)) {
			return
		}
		last = resp.Status + "\n" + string(body)
	}
	t.Fatalf("%s does not answer with %d and %q; the last answer: %s", address, status, text, last)
}
