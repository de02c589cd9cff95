package kubeconfig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
)

// write writes files, by name, into a folder, and gives what loading them needs.
func write(t *testing.T, kubeconfig string, files map[string]string) Outside {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	for _, name := range filepath.SplitList(kubeconfig) {
		paths = append(paths, filepath.Join(dir, name))
	}
	env := map[string]string{"KUBECONFIG": strings.Join(paths, string(filepath.ListSeparator)), "HOME": dir}
	return Outside{Getenv: func(name string) string { return env[name] }, Now: time.Now, pod: filepath.Join(dir, "pod")}
}

const one = `
current-context: a
contexts:
- {name: a, context: {cluster: c, user: u, namespace: sg}}
- {name: b, context: {cluster: c, user: nobody}}
- {name: c, context: {cluster: nowhere}}
clusters:
- {name: c, cluster: {server: 'https://one:6443/', tls-server-name: other, insecure-skip-tls-verify: true, proxy-url: 'http://proxy:3128'}}
users:
- {name: u, user: {token: t1, as: eve, as-groups: [g1, g2], as-user-extra: {why: [because]}}}
`

const two = `
current-context: z
contexts: [{name: a, context: {cluster: z}}, {name: z, context: {cluster: z}}]
clusters: [{name: z, cluster: {server: 'https://two'}}, {name: c, cluster: {server: 'https://not-this'}}]
`

func TestFirstFileWins(t *testing.T) {
	out := write(t, "missing:one:two", map[string]string{"one": one, "two": two})
	for context, want := range map[string]string{"": "a https://one:6443 sg", "a": "a https://one:6443 sg", "z": "z https://two default"} {
		a, err := Load(out, context)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Context + " " + a.Host + " " + a.Namespace; got != want {
			t.Errorf("context %q: %s, want %s", context, got, want)
		}
	}
	a, err := Load(out, "")
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := a.proxy(nil)
	if a.tls.ServerName != "other" || !a.tls.InsecureSkipVerify || err != nil || proxy.Host != "proxy:3128" {
		t.Errorf("%+v, %v", a.tls, proxy)
	}
	want := http.Header{"Impersonate-User": {"eve"}, "Impersonate-Group": {"g1", "g2"}, "Impersonate-Extra-Why": {"because"}}
	if diff := cmp.Diff(want, a.impersonate); diff != "" {
		t.Error(diff)
	}
}

func TestProblems(t *testing.T) {
	user := func(text string) string {
		return "{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: 'https://h'}}], users: [{name: u, user: " + text + "}]}"
	}
	server := func(text string) string {
		return "{current-context: a, contexts: [{name: a, context: {cluster: c}}], clusters: [{name: c, cluster: " + text + "}]}"
	}
	for _, test := range []struct{ name, text, context, code, words string }{
		{"nothing", "", "", "BERTH3401", "KUBECONFIG"},
		{"no YAML", "a: [", "", "BERTH3402", ""},
		{"other context", one, "prod", "BERTH3403", "there are: a, b, c"},
		{"no current context", strings.Replace(one, "current-context: a", "", 1), "", "BERTH3403", "there are: a, b, c"},
		{"user is not there", one, "b", "BERTH3403", "nobody"},
		{"cluster is not there", one, "c", "BERTH3403", "nowhere"},
		{"address", server("{server: 'ftp://h'}"), "", "BERTH3402", "ftp://h"},
		{"proxy", server("{server: 'https://h', proxy-url: '::'}"), "", "BERTH3402", "::"},
		{"authority", server("{server: 'https://h', certificate-authority: none.crt}"), "", "BERTH3406", "none.crt"},
		{"authority of nothing", server("{server: 'https://h', certificate-authority-data: eA==}"), "", "BERTH3406", "no certificate"},
		{"auth-provider", user("{auth-provider: {name: gcp}}"), "", "BERTH3404", "gke-gcloud-auth-plugin"},
		{"key", user("{client-certificate-data: eA==, client-key-data: eA==}"), "", "BERTH3406", "client-key"},
		{"exec of old", user("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: aws}}"), "", "BERTH3402", "v1alpha1"},
		{"exec of nothing", user("{exec: {apiVersion: client.authentication.k8s.io/v1}}"), "", "BERTH3402", "command"},
		{"exec that asks", user("{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Always}}"), "", "BERTH3405", "terminal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(write(t, "config", map[string]string{"config": test.text}), test.context)
			checkProblem(t, err, test.code, test.words)
		})
	}
}

// checkProblem checks that an error is a problem with some words in it.
func checkProblem(t *testing.T, err error, code, words string) {
	t.Helper()
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	d := problems[0]
	if text := d.Summary + strings.Join(d.Detail, "\n") + d.Hint; d.Hint == "" || d.Subject == "" || !strings.Contains(text, words) {
		t.Errorf("lacks %q: %+v", words, d)
	}
}

// echo is a server that answers with what a request proves, and refuses some of it.
func echo(t *testing.T, refuse func(string) bool) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse != nil && refuse(r.Header.Get("Authorization")) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Header.Get("Authorization"), r.Header.Get("Impersonate-User"), body.String())
	}))
	t.Cleanup(s.Close)
	return s
}

// send sends a request as a user of a kubeconfig, and gives what the echo says.
func send(t *testing.T, a *Access) (string, int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Host, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: a.Transport()}).Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	return text.String(), resp.StatusCode, err
}

func as(server, user string) string {
	return fmt.Sprintf("{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: %s}]}", server, user)
}

func TestProofs(t *testing.T) {
	s := echo(t, nil)
	for user, want := range map[string]string{
		"{token: t1}":                   "Bearer t1  body",
		"{token: t1, as: eve}":          "Bearer t1 eve body",
		"{token: t1, tokenFile: token}": "Bearer from-file  body",
		"{username: eve, password: p}":  "Basic " + base64.StdEncoding.EncodeToString([]byte("eve:p")) + "  body",
		"{}":                            "  body",
		"{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [x], env: [{name: A, value: b}]}}": "Bearer x-b-false  body",
	} {
		plugin := "#!/bin/sh\ncase $KUBERNETES_EXEC_INFO in *interactive\\\":true*) i=true;; *) i=false;; esac\n" +
			`echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "'$1-$A-$i'"}}'`
		a, err := Load(write(t, "config", map[string]string{"config": as(s.URL, user), "token": "from-file\n", "plugin": plugin}), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := send(t, a); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", user, got, err, want)
		}
	}
}

func TestTokenFileIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	f := &tokenFile{path: path, now: func() time.Time { return now }}
	if _, err := f.prove(t.Context()); err == nil {
		t.Error("there is no file")
	}
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(header string) proof {
		t.Helper()
		p, err := f.prove(t.Context())
		if p.header != header || err != nil {
			t.Errorf("got %v, %v, want %s", p, err, header)
		}
		return p
	}
	put("one")
	want("Bearer one")
	put("two")
	want("Bearer one")
	now = now.Add(61 * time.Second)
	shown := want("Bearer two")
	put("three")
	f.renew(shown) // it was not believed
	want("Bearer three")
	put("")
	now = now.Add(time.Hour)
	want("Bearer three") // while it is being replaced
}

// TestPlugin: run once, again when what it gave is over or not believed; what goes wrong is told.
func TestPlugin(t *testing.T) {
	// It counts its runs, and gives the count as the token.
	const counting = "#!/bin/sh\ncd $(dirname $0)\necho x >> runs\n" +
		`echo '{"apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "'$(wc -l < runs | tr -d ' ')'", "expirationTimestamp": "2026-11-23T01:10:00Z"}}'`
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	s := echo(t, func(header string) bool { return header == "Bearer 2" })
	config := as(s.URL, "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin, provideClusterInfo: true}}")
	out := write(t, "config", map[string]string{"config": config, "plugin": counting})
	out.Now = func() time.Time { return now }
	a, err := Load(out, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Bearer 1  body", "Bearer 1  body"} {
		if got, _, err := send(t, a); got != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	now = now.Add(10 * time.Minute) // over; the second is refused, the third is not
	if got, status, err := send(t, a); got != "Bearer 3  body" || status != http.StatusOK || err != nil {
		t.Errorf("got %q, %d, %v", got, status, err)
	}
	for name, test := range map[string]struct{ plugin, code, words string }{
		"fails":         {"#!/bin/sh\necho sign in first >&2; exit 1", "BERTH3405", "sign in first"},
		"no JSON":       {"#!/bin/sh\necho hello", "BERTH3405", "something else"},
		"other version": {`#!/bin/sh` + "\n" + `echo '{"apiVersion": "x/v1", "status": {"token": "t"}}'`, "BERTH3405", "x/v1"},
		"empty":         {`#!/bin/sh` + "\n" + `echo '{"apiVersion": "client.authentication.k8s.io/v1beta1"}'`, "BERTH3405", "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Load(write(t, "config", map[string]string{"config": config, "plugin": test.plugin}), "")
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = send(t, a)
			checkProblem(t, err, test.code, test.words)
		})
	}
	missing := as(s.URL, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-program, installHint: 'get it from\\n  there'}}")
	if a, err = Load(write(t, "config", map[string]string{"config": missing}), ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = send(t, a)
	checkProblem(t, err, "BERTH3405", "get it from")
}

// TestCertificates: the cluster's authority is checked, and a client certificate, from the file or from a plugin, is shown.
func TestCertificates(t *testing.T) {
	cert, key := pair(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}
	}))
	s.StartTLS()
	s.TLS.ClientAuth = 1 // asked for
	t.Cleanup(s.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	plugin := "#!/bin/sh\ncat <<END\n" + fmt.Sprintf(`{"apiVersion": "client.authentication.k8s.io/v1", "status": {"clientCertificateData": %q, "clientKeyData": %q}}`, cert, key) + "\nEND\n"
	for _, user := range []string{"{client-certificate: cert, client-key: key}", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}}"} {
		config := strings.Replace(as(s.URL, user), "{server", "{certificate-authority-data: "+authority+", server", 1)
		a, err := Load(write(t, "config", map[string]string{"config": config, "cert": cert, "key": key, "plugin": plugin}), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := send(t, a); got != "eve" || err != nil {
			t.Errorf("%s: %q, %v", user, got, err)
		}
	}
	a, err := Load(write(t, "config", map[string]string{"config": as(s.URL, "{}")}), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := send(t, a); err == nil {
		t.Error("an authority that nobody knows was trusted")
	}
}

// pair makes a certificate of eve's.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "eve"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
}

func TestInPod(t *testing.T) {
	cert, _ := pair(t)
	out := write(t, "config", nil)
	if err := os.MkdirAll(out.pod, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"token": "t", "ca.crt": cert, "namespace": "sg\n"} {
		if err := os.WriteFile(filepath.Join(out.pod, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outside := out.Getenv
	out.Getenv = func(name string) string {
		return map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "KUBECONFIG": outside("KUBECONFIG")}[name]
	}
	a, err := Load(out, "")
	if err != nil || a.Host != "https://[fd00::1]:443" || a.Namespace != "sg" || a.Context != "" {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = Load(out, "prod")
	checkProblem(t, err, "BERTH3401", "")
}
