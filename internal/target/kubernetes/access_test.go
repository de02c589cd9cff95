package kubernetes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/diag"
)

// write writes files, by name, into a folder, and gives an environment whose KUBECONFIG is some of them.
func write(t *testing.T, kubeconfig string, files map[string]string) func(string) string {
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
	return func(name string) string { return env[name] }
}

const one = `
current-context: a
contexts:
- {name: a, context: {cluster: c, user: u, namespace: sg}}
- {name: b, context: {cluster: c, user: nobody}}
- {name: c, context: {cluster: nowhere, user: u}}
clusters:
- {name: c, cluster: {server: 'https://one:6443/'}}
users:
- {name: u, user: {token: t1}}
`

const two = `
current-context: z
contexts: [{name: a, context: {cluster: z, user: u}}, {name: z, context: {cluster: z, user: u}}]
clusters: [{name: z, cluster: {server: 'https://two'}}, {name: c, cluster: {server: 'https://not-this'}}]
`

func TestFirstFileWins(t *testing.T) {
	getenv := write(t, "missing:one:two", map[string]string{"one": one, "two": two})
	for context, want := range map[string]string{"": "a https://one:6443/ sg", "a": "a https://one:6443/ sg", "z": "z https://two default"} {
		a, err := find(getenv, context)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.context + " " + a.config.Host + " " + a.namespace; got != want {
			t.Errorf("context %q: %s, want %s", context, got, want)
		}
	}
	home := write(t, "", map[string]string{})
	if err := os.MkdirAll(filepath.Join(home("HOME"), ".kube"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home("HOME"), ".kube", "config"), []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := find(home, ""); err != nil || a.context != "a" {
		t.Errorf("without KUBECONFIG: %+v, %v", a, err)
	}
}

// TestProblems: what is wrong with a kubeconfig has a code, a place and what to do.
func TestProblems(t *testing.T) {
	user := func(text string) string { return as("https://h", "{}", text) }
	cluster := func(text string) string { return as("https://h", text, "{}") }
	exec := func(text string) string {
		return user("{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, " + text + "}}")
	}
	for _, test := range []struct{ name, text, context, code, words string }{
		{"nothing", "", "", "BERTH3401", "KUBECONFIG"},
		{"nothing, for a context", "", "prod", "BERTH3401", "KUBECONFIG"},
		{"no YAML", "a: [", "", "BERTH3402", "config"},
		{"other context", one, "prod", "BERTH3403", "there are: a, b, c"},
		{"no current context", strings.Replace(one, "current-context: a", "", 1), "", "BERTH3403", "there are: a, b, c"},
		{"user is not there", one, "b", "BERTH3403", "nobody"},
		{"cluster is not there", one, "c", "BERTH3403", "nowhere"},
		{"address", as("ftp://h", "{}", "{}"), "", "BERTH3407", "ftp"},
		{"proxy", cluster("{proxy-url: '::'}"), "", "BERTH3402", "::"},
		{"authority", cluster("{certificate-authority: none.crt}"), "", "BERTH3406", "none.crt"},
		{"authority of nothing", cluster("{certificate-authority-data: eA==}"), "", "BERTH3406", "root certificates"},
		{"auth-provider", user("{auth-provider: {name: gcp}}"), "", "BERTH3404", "gke-gcloud-auth-plugin"},
		{"key", user("{client-certificate-data: eA==, client-key-data: eA==}"), "", "BERTH3406", "client-key"},
		{"token file", user("{tokenFile: none}"), "", "BERTH3406", "none"},
		{"exec of old", user("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: aws}}"), "", "BERTH3402", "v1alpha1"},
		{"exec of nothing", exec("args: [a]"), "", "BERTH3402", "command"},
		{"exec that asks", user("{exec: {apiVersion: client.authentication.k8s.io/v1, command: cat, interactiveMode: Always}}"), "", "BERTH3405", "in a terminal"},
		{"exec that is missing", exec("command: no-such-program, installHint: 'get it from\\n  there'"), "", "BERTH3405", "get it from"},
		{"exec that is missing and nothing else is known of", exec("command: no-such-program"), "", "BERTH3405", "install no-such-program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Connect(t.Context(), write(t, "config", map[string]string{"config": test.text}), test.context)
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

// as is a kubeconfig with one context; cluster and user are YAML maps.
func as(server, cluster, user string) string {
	more := strings.TrimSuffix(strings.TrimPrefix(cluster, "{"), "}")
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf("{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: %q%s}}], users: [{name: u, user: %s}]}", server, more, user)
}

// secure is a server with a certificate that answers with who a request says that it is from, and refuses some of them.
func secure(t *testing.T, refuse func(authorization string) bool) (*httptest.Server, string) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		if refuse != nil && refuse(authorization) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if len(r.TLS.PeerCertificates) > 0 {
			authorization = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		fmt.Fprintf(w, "%s|%s|%s", authorization, r.Header.Get("Impersonate-User"), strings.Join(r.Header.Values("Impersonate-Group"), "+"))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	return s, "{certificate-authority-data: " + authority + "}"
}

// send sends a request as the user of a kubeconfig, and gives what the server heard.
func send(t *testing.T, getenv func(string) string) (*Client, func() (string, error)) {
	t.Helper()
	a, err := find(getenv, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, func() (string, error) {
		text, err := c.send(t.Context(), request{method: http.MethodGet, path: "/"})
		return string(text), err
	}
}

// TestProofs: each way to sign in that kubectl knows.
func TestProofs(t *testing.T) {
	s, cluster := secure(t, nil)
	cert, key := pair(t)
	plugin := "#!/bin/sh\n" + `echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "'$1-$A'"}}'`
	certifies := "#!/bin/sh\ncat <<END\n" + fmt.Sprintf(`{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"clientCertificateData": %q, "clientKeyData": %q}}`, cert, key) + "\nEND\n"
	for user, want := range map[string]string{
		"{token: t1}": "Bearer t1||",
		"{token: t1, as: eve, as-groups: [g1, g2]}":   "Bearer t1|eve|g1+g2",
		"{tokenFile: token}":                          "Bearer from-file||",
		"{username: eve, password: p}":                "Basic " + base64.StdEncoding.EncodeToString([]byte("eve:p")) + "||",
		"{client-certificate: cert, client-key: key}": "eve||",
		"{}": "||",
		"{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin, args: [x], env: [{name: A, value: b}]}}": "Bearer x-b||",
		"{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./certifies}}":                                     "eve||",
	} {
		_, request := send(t, write(t, "config", map[string]string{"config": as(s.URL, cluster, user), "token": "from-file\n", "plugin": plugin, "certifies": certifies, "cert": cert, "key": key}))
		if got, err := request(); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", user, got, err, want)
		}
	}
}

// TestPlugin: run once, again when what it gave is not believed; the request that was refused is sent again. What goes wrong later on is reported.
func TestPlugin(t *testing.T) {
	// It counts its runs, and gives the count as the token.
	const counting = "#!/bin/sh\ncd $(dirname $0)\necho x >> runs\n" +
		`echo '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "'$(wc -l < runs | tr -d ' ')'"}}'`
	var revoked atomic.Bool
	s, cluster := secure(t, func(authorization string) bool { return revoked.Load() && authorization == "Bearer 1" })
	config := as(s.URL, cluster, "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin}}")
	_, request := send(t, write(t, "config", map[string]string{"config": config, "plugin": counting}))
	for i, want := range []string{"Bearer 1||", "Bearer 1||", "Bearer 2||"} {
		revoked.Store(i == 2)
		if got, err := request(); got != want || err != nil {
			t.Errorf("request %d: %q, %v; want %q", i, got, err, want)
		}
	}
	for name, test := range map[string]struct{ plugin, words string }{
		"fails":         {"#!/bin/sh\necho sign in first >&2; exit 7", "exit code 7"},
		"no JSON":       {"#!/bin/sh\necho hello", "decoding stdout"},
		"other version": {`#!/bin/sh` + "\n" + `echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}'`, "v1beta1"},
		"empty":         {`#!/bin/sh` + "\n" + `echo '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {}}'`, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			getenv := write(t, "config", map[string]string{"config": config, "plugin": test.plugin})
			_, request := send(t, getenv)
			begun := time.Now()
			_, err := request()
			checkProblem(t, err, "BERTH3405", test.words)
			if time.Since(begun) > 5*time.Second {
				t.Error("it was tried again and again")
			}
		})
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

// TestContexts: by name, with what they name; a kubeconfig that is not there has none.
func TestContexts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: b\ncontexts:\n- {name: b, context: {cluster: c, user: u, namespace: sg}}\n- {name: a, context: {cluster: c, user: u}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Contexts(func(name string) string { return map[string]string{"KUBECONFIG": file}[name] })
	if !slices.Equal(got, []Context{{Name: "a"}, {Name: "b", Namespace: "sg", Current: true}}) {
		t.Errorf("%+v", got)
	}
	if got := Contexts(func(string) string { return "/nowhere" }); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
