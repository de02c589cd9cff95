package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
)

// provider is a provider of OpenID Connect: go-oidc's own server for its document and keys, and the two addresses that it lacks.
type provider struct {
	t         *testing.T
	keys      oidctest.Server
	url       string
	key       *ecdsa.PrivateKey
	claims    map[string]any // that differ from right ones
	challenge string         // of the sign-in that has begun
	nonce     string
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t, claims: map[string]any{}}
	p.key = p.newKey()
	p.keys.PublicKeys = []oidctest.PublicKey{{PublicKey: p.key.Public(), KeyID: "one", Algorithm: oidc.ES256}}
	p.keys.Algorithms = []string{oidc.ES256}
	mux := http.NewServeMux()
	mux.Handle("/", &p.keys)
	mux.HandleFunc("/token", p.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	p.keys.SetIssuer(p.url)
	return p
}

func (p *provider) newKey() *ecdsa.PrivateKey {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	return key
}

// signs is what a person does at the provider: it gives the address that the browser is led back to.
func (p *provider) signs(address string) string {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	if !strings.HasPrefix(address, p.url) || q.Get("client_id") != "hq" || q.Get("redirect_uri") != "https://hq.example.com/sign-in/callback" || q.Get("code_challenge_method") != "S256" {
		p.t.Errorf("the browser is led to %s", address)
	}
	p.challenge, p.nonce = q.Get("code_challenge"), q.Get("nonce")
	return "/sign-in/callback?code=good&state=" + url.QueryEscape(q.Get("state"))
}

// token gives a token for a code, to who has the secret and began the sign-in.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	client, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if client != "hq" || secret != "secret" || r.PostFormValue("code") != "good" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "invalid_grant"}`)
		return
	}
	claims := map[string]any{"iss": p.url, "aud": "hq", "sub": "1", "exp": now.Add(time.Minute).Unix(), "nonce": p.nonce, "email": "Jo@example.com", "email_verified": true}
	for name, value := range p.claims {
		claims[name] = value
	}
	text, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": oidctest.SignIDToken(p.key, "one", oidc.ES256, string(text))})
}

// TestOpenIDConnect: somebody whom an admin let in by an e-mail address gets in with the company's account, and nobody by a token that is not right.
func TestOpenIDConnect(t *testing.T) {
	v, p := start(t, pgtest.Start(t)), newProvider(t)
	v.site.Public, v.site.Provider = "https://hq.example.com", &Provider{Issuer: p.url, Client: "hq", Secret: "secret"}
	handler, err := v.site.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	v.url = server.URL
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	signIn := func() (*http.Response, string) {
		t.Helper()
		v.site.attempts = newLimiter(attemptsPerSecond, attemptsAtOnce)
		v.cookie = nil
		resp, _ := v.asks("GET", "/sign-in/begin?to=%2Ffigures%2Fbehind%3Fsize%3DS", "")
		if resp.StatusCode != http.StatusSeeOther || v.cookie == nil || !v.cookie.HttpOnly || !v.cookie.Secure || v.cookie.SameSite != http.SameSiteLaxMode {
			t.Fatalf("%s %+v", resp.Status, v.cookie)
		}
		return v.asks("GET", p.signs(resp.Header.Get("Location")), "")
	}
	refused := func(what, part string) {
		t.Helper()
		resp, text := signIn()
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, part) || v.cookie != nil && v.cookie.Name == cookie {
			t.Errorf("%s: %s\n%s", what, resp.Status, text)
		}
	}
	if text := v.gets(200, "/sign-in"); !strings.Contains(text, `href="/sign-in/begin?to=%2f"`) {
		t.Error(text)
	}
	refused("a stranger", "No person is named jo@example.com")
	if _, err := v.site.Store.AddPerson(t.Context(), store.By{Name: "test", At: now}, "jo@Example.com", store.Reader); err != nil {
		t.Fatal(err)
	}
	for what, claims := range map[string]map[string]any{"an address that is not verified": {"email_verified": false}, "a token for another client": {"aud": "other"}, "a token of another provider": {"iss": "https://example.com"},
		"an expired token": {"exp": now.Add(-time.Minute).Unix()}, "a token of another sign-in": {"nonce": "other"}} {
		p.claims = claims
		refused(what, "is not valid. Sign in again")
	}
	p.claims = nil
	right := p.key
	p.key = p.newKey()
	refused("a token that somebody else signed", "is not valid. Sign in again")
	p.key = right

	resp, text := signIn()
	if resp.StatusCode != 200 || !strings.Contains(text, `content="0; url=/figures/behind?size=S"`) || v.cookie.Name != cookie || v.cookie.SameSite != http.SameSiteStrictMode {
		t.Fatalf("%s %+v\n%s", resp.Status, v.cookie, text)
	}
	if text := v.gets(200, "/"); !strings.Contains(text, "jo@Example.com, reader") {
		t.Error(text)
	}
	// What did not begin in this browser does not end here.
	v.cookie = nil
	if resp, _ := v.asks("GET", "/sign-in/callback?code=good&state=x", ""); resp.StatusCode != http.StatusForbidden {
		t.Error(resp.Status)
	}
	for range attemptsAtOnce {
		resp, _ = v.asks("GET", "/sign-in/callback?code=good&state=x", "")
	}
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("an attempt too many: %s", resp.Status)
	}
	v.site.attempts = newLimiter(attemptsPerSecond, attemptsAtOnce)
	// A provider that is away keeps nobody with a token out.
	v.site.Provider = &Provider{Issuer: "http://127.0.0.1:1", Client: "hq", Secret: "secret"}
	if resp, text := v.asks("GET", "/sign-in/begin", ""); resp.StatusCode != http.StatusBadGateway || !strings.Contains(text, "A token works without it") {
		t.Errorf("%s %s", resp.Status, text)
	}
}
