package kubeconfig

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/diag"
)

// Access is how one cluster is reached.
type Access struct {
	Context   string // "" in a pod
	Host      string // "https://10.0.0.1:6443", without a slash at its end
	Namespace string // that the context names, or "default"

	out         Outside
	user, from  string // for messages
	tls         *tls.Config
	proxy       func(*http.Request) (*url.URL, error)
	credential  credential
	impersonate http.Header
}

// connections is how many requests go at once: each has a connection, since HTTP/2 would put all of them behind one lost packet.
const connections = 16

// Transport sends requests to the cluster, in our name. A 401 makes it sign in again, once.
func (a *Access) Transport() http.RoundTripper {
	t := &http.Transport{Proxy: a.proxy, TLSClientConfig: a.tls, MaxIdleConnsPerHost: connections, MaxConnsPerHost: 2 * connections,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second,
		// A webhook may take 30 s, and there may be two of them.
		ResponseHeaderTimeout: 70 * time.Second, IdleConnTimeout: 90 * time.Second}
	return &signed{next: t, access: a}
}

// Who names the user for messages.
func (a *Access) Who() string {
	if a.user == "" {
		return "nobody in particular"
	}
	return "user " + a.user + " of " + a.from
}

// reach sets where the API server is, and how it proves that it is the one.
func (a *Access) reach(c namedCluster) error {
	subject := "cluster " + c.Name
	server := c.Cluster.Server
	if !strings.Contains(server, "://") {
		server = "http://" + server // as kubectl takes it
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return in(problem("BERTH3402", subject, fmt.Sprintf("the address of the API server is no URL: %q", c.Cluster.Server), "write it as  server: https://HOST:PORT"), c.from)
	}
	a.Host = strings.TrimSuffix(server, "/")
	a.proxy = http.ProxyFromEnvironment
	if c.Cluster.Proxy != "" {
		proxy, err := url.Parse(c.Cluster.Proxy)
		if err != nil || proxy.Host == "" {
			return in(problem("BERTH3402", subject, fmt.Sprintf("proxy-url is no URL: %q", c.Cluster.Proxy), "write it as  proxy-url: http://HOST:PORT"), c.from)
		}
		a.proxy = http.ProxyURL(proxy)
	}
	a.tls = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Cluster.Insecure, ServerName: c.Cluster.ServerName}
	pem, err := content(c.Cluster.AuthorityData, c.Cluster.Authority)
	if err != nil {
		return in(problem("BERTH3406", subject, "the certificate authority can't be read", "fix certificate-authority of the cluster", err.Error()), c.from)
	}
	if pem != nil {
		a.tls.RootCAs = x509.NewCertPool()
		if !a.tls.RootCAs.AppendCertsFromPEM(pem) {
			return in(problem("BERTH3406", subject, "certificate-authority contains no certificate", "put the cluster's CA there, as PEM"), c.from)
		}
	}
	return nil
}

// prove sets how we prove who we are. Of several ways, the order is kubectl's.
func (a *Access) prove(u user, c cluster) error {
	subject := "user " + a.user
	if u.Provider != nil {
		return in(problem("BERTH3404", subject, fmt.Sprintf("the auth-provider %q is no longer supported by kubectl or berth", u.Provider.Name),
			providerHint(u.Provider.Name)), a.from)
	}
	cert, err := content(u.CertificateData, u.Certificate)
	if err == nil && cert != nil {
		var key []byte
		if key, err = content(u.KeyData, u.Key); err == nil {
			var pair tls.Certificate
			if pair, err = tls.X509KeyPair(cert, key); err == nil {
				a.tls.Certificates = []tls.Certificate{pair}
			}
		}
	}
	if err != nil {
		return in(problem("BERTH3406", subject, "the client certificate or its key can't be used", "fix client-certificate and client-key of the user", err.Error()), a.from)
	}
	switch {
	case u.TokenFile != "":
		a.credential = &tokenFile{path: u.TokenFile, now: a.out.Now}
	case u.Token != "":
		a.credential = fixed("Bearer " + u.Token)
	case u.Username != "":
		a.credential = fixed("Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username+":"+u.Password)))
	case u.Exec != nil:
		p := &program{plugin: *u.Exec, access: a, cluster: c}
		if err := p.check(); err != nil {
			return in(err, a.from)
		}
		a.credential, a.tls.GetClientCertificate = p, p.certificate
	}
	a.impersonate = impersonation(u)
	return nil
}

// providerHint says what to use in place of an auth-provider.
func providerHint(name string) string {
	switch name {
	case "gcp":
		return "install gke-gcloud-auth-plugin, then:  gcloud container clusters get-credentials CLUSTER"
	case "azure":
		return "install kubelogin, then:  kubelogin convert-kubeconfig"
	case "oidc":
		return "use an exec plugin such as kubectl oidc-login (github.com/int128/kubelogin)"
	}
	return "use the exec plugin of your provider, or a service account's token"
}

func impersonation(u user) http.Header {
	h := http.Header{}
	if u.As != "" {
		h.Set("Impersonate-User", u.As)
	}
	if u.AsUID != "" {
		h.Set("Impersonate-Uid", u.AsUID)
	}
	for _, g := range u.AsGroups {
		h.Add("Impersonate-Group", g)
	}
	for k, values := range u.AsExtra {
		for _, v := range values {
			h.Add("Impersonate-Extra-"+url.PathEscape(k), v)
		}
	}
	return h
}

// content is what stands in the kubeconfig itself, in base64, or in a file; nil when it is nowhere.
func content(data, path string) ([]byte, error) {
	if data != "" {
		// kubectl folds long lines.
		return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
	}
	if path == "" {
		return nil, nil
	}
	return os.ReadFile(path)
}

func in(list diag.List, path string) error {
	for i := range list {
		list[i].Range.File = path
	}
	return list
}

// podFolder is where Kubernetes puts a pod's credentials.
const podFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// inPod is the access of a pod to its own cluster; nil outside of one.
func (out Outside) inPod() (*Access, error) {
	host, port := out.Getenv("KUBERNETES_SERVICE_HOST"), out.Getenv("KUBERNETES_SERVICE_PORT")
	dir := podFolder
	if out.pod != "" {
		dir = out.pod
	}
	token := filepath.Join(dir, "token")
	if _, err := os.Stat(token); host == "" || port == "" || err != nil {
		return nil, nil
	}
	a := &Access{Namespace: "default", out: out, user: "the pod's service account", from: dir}
	err := a.reach(namedCluster{Name: "of this pod", from: dir, Cluster: cluster{Server: "https://" + net.JoinHostPort(host, port), Authority: filepath.Join(dir, "ca.crt")}})
	if err != nil {
		return nil, err
	}
	if name, err := os.ReadFile(filepath.Join(dir, "namespace")); err == nil {
		a.Namespace = strings.TrimSpace(string(name))
	}
	return a, a.prove(user{TokenFile: token}, cluster{})
}
