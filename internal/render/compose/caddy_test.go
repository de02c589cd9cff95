package compose_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/render/compose"
	"berth/internal/stack"
	"go.yaml.in/yaml/v4"
)

// The hosts, certificates and ports of the walk below.
var (
	walkHosts = []string{"sourcegraph.example.com", "203.0.113.5", "[2001:db8::5]", "localhost", "127.0.0.1", "[::1]"}
	walkTLS   = map[string]string{"plain": "", "own": "tls: {certificate: cert.pem, key: key.pem}", "outside": "tls: {external: true}"}
	walkPorts = []struct{ http, https, inURL string }{{"", "", ""}, {"", "", "7080"}, {"18080", "18443", "same"}, {"18081", "", ""}}
	walkBinds = []string{"", "127.0.0.1", "'::1'"}
)

// walk are configs with all of these, as far as they are allowed together.
func walk() map[string]string {
	out := map[string]string{}
	for name, ends := range walkTLS {
		for _, host := range walkHosts {
			for i, ports := range walkPorts {
				for _, bind := range walkBinds {
					scheme, own := "https", ports.https
					if name == "plain" {
						scheme, own = "http", ports.http
					}
					text := "target: compose\nrelease: 7.5.4453\nurl: '" + scheme + "://" + host
					switch {
					case ports.inURL == "same" && name != "outside":
						text += ":" + own
					case ports.inURL != "" && ports.inURL != "same":
						text += ":" + ports.inURL
					}
					text += "'\n" + ends + "\n"
					var keys []string
					for key, value := range map[string]string{"bind": bind, "http": ports.http} {
						if value != "" {
							keys = append(keys, key+": "+value)
						}
					}
					if name == "own" && ports.https != "" {
						keys = append(keys, "https: "+ports.https)
					}
					if keys != nil {
						text += "ports: {" + strings.Join(keys, ", ") + "}\n"
					}
					out[fmt.Sprintf("%s %s %d %s", name, host, i, bind)] = text
				}
			}
		}
	}
	name := "target: compose\nrelease: 7.5.4453\nurl: https://sourcegraph.example.com:8443\ntls: {certificate: cert.pem, key: key.pem}\n"
	out["front"] = name + "front: {hosts: [code.example.com], headers: {X-Frame-Options: \"DENY, really\"}, allow: [127.0.0.0/8, '::1/128']}\n"
	out["refused"] = name + "front: {allow: [10.0.0.0/8]}\n"
	return out
}

// inNetwork is set in the process that has a network of its own.
const inNetwork = "BERTH_TEST_IN_NETWORK"

// TestWhatIsPublishedAnswersAtURL runs the rendered front proxy of many configs, each in a real Caddy, and asks it as people do: at url, by plain
// HTTP, and on every published port. It has a network of its own, so that ports 80 and 443 are free.
func TestWhatIsPublishedAnswersAtURL(t *testing.T) {
	caddy, err := exec.LookPath("caddy")
	if err != nil {
		t.Skip("NOT CHECKED: caddy is not on the PATH; make bin/caddy builds it")
	}
	if os.Getenv(inNetwork) == "" {
		self := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v="+fmt.Sprint(testing.Verbose()))
		self.Env = append(os.Environ(), inNetwork+"=1")
		self.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		out, err := self.CombinedOutput()
		if self.Process == nil {
			t.Skipf("NOT CHECKED: no network of its own can be made here: %v", err)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	loopbackUp(t)
	w := &proxyWalk{t: t, caddy: caddy, dir: t.TempDir()}
	frontend := &httptest.Server{Listener: listen(t, "127.0.0.1:3080"), Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "frontend %s://%s%s", r.Header.Get("X-Forwarded-Proto"), r.Host, r.RequestURI)
	})}}
	frontend.Start()
	defer frontend.Close()
	all := walk()
	for _, host := range walkHosts {
		w.certificate(host) // for this host only, as people have them
		for name, text := range all {
			if strings.Contains(text, "://"+host) {
				w.try(name, text)
			}
		}
		w.stop()
		w.running = nil
	}
	w.automatic()
}

// automatic has Caddy read the settings with which it requests certificates: it can request none here.
func (w *proxyWalk) automatic() {
	for _, more := range []string{"", "ports: {https: 8443}", "front: {hosts: [code.example.com], headers: {A: b}, allow: [10.0.0.0/8]}"} {
		for _, staging := range []string{"true", "false"} {
			text := "target: compose\nrelease: 7.5.4453\nurl: https://sourcegraph.example.com:8443\ntls: {letsEncrypt: {email: ops@example.com, staging: " + staging + "}}\n" + more + "\n"
			_, caddyfile, service := w.render("acme", text)
			path := filepath.Join(w.dir, "Caddyfile")
			if err := os.WriteFile(path, []byte(caddyfile), 0o600); err != nil {
				w.t.Fatal(err)
			}
			adapt := exec.Command(w.caddy, "adapt", "--config", path, "--adapter", "caddyfile", "--validate")
			adapt.Env = []string{"HOME=" + w.dir}
			for name, value := range service.Environment {
				adapt.Env = append(adapt.Env, name+"="+strings.Replace(value, "/caddy-storage", w.dir, 1))
			}
			out, err := adapt.CombinedOutput()
			if err != nil || !strings.Contains(string(out), `"email":"ops@example.com"`) || strings.Contains(string(out), "staging") != (staging == "true") {
				w.t.Errorf("%v\n%s\n%s", err, text, out)
			}
			if more != "" && strings.HasPrefix(more, "front") && !strings.Contains(string(out), `"code.example.com"`) {
				w.t.Errorf("the second name is not there:\n%s", out)
			}
		}
	}
}

// proxyWalk is one walk through configs.
type proxyWalk struct {
	t          *testing.T
	caddy, dir string
	pool       *x509.CertPool
	running    map[string]string // of the last Caddy: its settings and variables
	process    *exec.Cmd
}

func (w *proxyWalk) try(name, text string) {
	w.t.Helper()
	s, caddyfile, service := w.render(name, text)
	if s == nil {
		return
	}
	w.start(caddyfile, service.Environment)
	inside := map[string]string{} // where a published port leads
	for _, p := range service.Ports {
		_, published, port := stack.Published(p)
		inside[published] = port
		if err := listens(port); err != nil {
			w.t.Errorf("%s: port %s is published, and nothing answers: %v\n%s", name, published, err, text)
		}
	}
	ask := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: w.pool},
		// As an engine passes connections to a published port on.
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			if inside[port] == "" {
				return nil, fmt.Errorf("port %s is not published", port)
			}
			return net.Dial("tcp", "127.0.0.1:"+inside[port])
		}}}
	if name == "refused" {
		if got := w.ask(ask, s.URL+"/"); !strings.HasPrefix(got, "403") {
			w.t.Errorf("an address that is not allowed gets %s", got)
		}
		return
	}
	w.reached(name, text, s, ask, inside)
}

// reached asks as people do.
func (w *proxyWalk) reached(name, text string, s *stack.Stack, ask *http.Client, inside map[string]string) {
	u, _ := url.Parse(s.URL)
	plain := *u
	plain.Scheme = "http"
	for published, answers := range inside {
		switch answers {
		case "443":
			if published != port(u) {
				w.t.Errorf("%s: HTTPS is published on %s, and url says %s\n%s", name, published, s.URL, text)
			}
		case "80":
			plain.Host = net.JoinHostPort(u.Hostname(), published)
		}
	}
	where := s.URL
	if strings.HasPrefix(name, "outside") || inside[port(u)] == "" && strings.Contains(text, "bind: ") {
		where = plain.String() // as the proxy in front asks, on this machine where ports are bound to it
	}
	if got := w.ask(ask, where+"/search?q=a"); !strings.HasPrefix(got, "200 frontend "+where[:strings.Index(where, ":")]+"://") || !strings.HasSuffix(got, "/search?q=a") {
		w.t.Errorf("%s: %s answers %q\n%s", name, where, got, text)
	}
	if got := w.ask(ask, plain.String()+"/search?q=a"); !strings.HasPrefix(got, "200 frontend ") {
		w.t.Errorf("%s: plain HTTP at %s comes to %q\n%s", name, plain.String(), got, text)
	}
	if strings.Contains(text, "code.example.com") {
		if got := w.ask(ask, "http://code.example.com/x"); got != "200 frontend https://code.example.com:8443/x" {
			w.t.Errorf("the second name comes to %q", got)
		}
		resp, err := ask.Get(s.URL)
		if err != nil || resp.Header.Get("X-Frame-Options") != "DENY, really" {
			w.t.Errorf("the header is missing: %v %v", resp, err)
		}
	}
}

// port is the port of a URL.
func port(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

func (w *proxyWalk) ask(client *http.Client, page string) string {
	resp, err := client.Get(page)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// composeService is what the walk reads of a rendered service.
type composeService struct {
	Ports       []string
	Volumes     []string
	Environment map[string]string
}

// render gives what a config renders for the front proxy; nil where the config is refused, because url and ports contradict each other.
func (w *proxyWalk) render(name, text string) (*stack.Stack, string, composeService) {
	world := check.World{ReadFile: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(w.dir, name)) },
		Stat: os.Stat, Getenv: func(string) string { return "" }, Now: time.Now}
	world.Stat = func(name string) (os.FileInfo, error) { return os.Stat(filepath.Join(w.dir, name)) }
	doc, release, problems := check.Read("sourcegraph.yaml", []byte(text), catalogue.Embedded(), world)
	if problems.Failed() {
		if len(problems) != 1 || problems[0].Code != "BERTH1182" {
			w.t.Errorf("%s: %v\n%s", name, problems, text)
		}
		return nil, "", composeService{}
	}
	certificate, _ := world.ReadFile("cert.pem")
	s := stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: release, Files: map[string][]byte{"cert.pem": certificate}})
	project, problems := compose.Render(s, nil)
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	files := map[string]string{}
	for _, f := range project.Files {
		files[f.Path] = string(f.Content)
	}
	var file struct{ Services map[string]composeService }
	if err := yaml.Unmarshal([]byte(files[compose.ComposeFile]), &file); err != nil {
		w.t.Fatal(err)
	}
	service := file.Services["caddy"]
	for _, v := range service.Volumes {
		if source, ok := strings.CutSuffix(v, ":/etc/caddy/Caddyfile"); ok {
			return s, files[strings.TrimPrefix(strings.TrimSuffix(source, ":ro"), "./")], service
		}
	}
	w.t.Fatalf("%s: the front proxy mounts no settings: %v", name, service.Volumes)
	return nil, "", service
}

// start runs Caddy with settings and variables, unless it runs with them already.
func (w *proxyWalk) start(caddyfile string, variables map[string]string) {
	now := map[string]string{"": strings.NewReplacer("/sourcegraph.pem", w.dir+"/cert.pem", "/sourcegraph.key", w.dir+"/key.pem").Replace(caddyfile)}
	for name, value := range variables {
		now[name] = value
	}
	if fmt.Sprint(now) == fmt.Sprint(w.running) {
		return
	}
	w.stop()
	path := filepath.Join(w.dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(now[""]), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.running, w.process = now, exec.Command(w.caddy, "run", "--config", path, "--adapter", "caddyfile")
	w.process.Env = []string{"HOME=" + w.dir, "SRC_FRONTEND_ADDRESSES=127.0.0.1:3080", "SRC_SITE_ADDRESS=" + variables["SRC_SITE_ADDRESS"]}
	log := &bytes.Buffer{}
	w.process.Stdout, w.process.Stderr = log, log
	if err := w.process.Start(); err != nil {
		w.t.Fatal(err)
	}
	if err := listens("80"); err != nil {
		w.stop()
		w.t.Fatalf("Caddy does not start (%v) with\n%s\n%s", err, now[""], log)
	}
}

// listens waits until something listens at a port: Caddy opens its ports one after the other.
func listens(port string) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

func (w *proxyWalk) stop() {
	if w.process != nil {
		w.process.Process.Kill()
		w.process.Wait()
		w.process = nil
	}
}

// certificate writes one for a host of the walk, and for the second name of some.
func (w *proxyWalk) certificate(host string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"code.example.com"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour)}
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	w.pool = x509.NewCertPool()
	w.pool.AppendCertsFromPEM(certificate)
	for name, content := range map[string][]byte{"cert.pem": certificate, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// loopbackUp turns the loopback interface of a new network on.
func loopbackUp(t *testing.T) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(socket)
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = syscall.IFF_UP | syscall.IFF_RUNNING
	if _, _, err := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); err != 0 {
		t.Fatal(err)
	}
}
