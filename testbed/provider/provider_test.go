// Package provider tests how people sign in to berth-hq at a whole provider of OpenID Connect: zitadel's, with its pages, its tokens and its keys. It is a module
// of its own, so that berth needs nothing of it.
package provider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"berth/catalogue"
	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
	"berth/internal/hq/web"
)

// public is the address that berth-hq has for people, and callback where the provider leads back to.
const (
	public   = "https://hq.example.com"
	callback = public + "/sign-in/callback"
)

// provider is zitadel's provider with its own storage in memory. What a test changes are people, keys, and what a faulty or hostile provider would say.
type provider struct {
	*storage.Storage
	people map[string]*storage.User
	thin   bool // tokens have no e-mail address: the provider is asked for it, as most large ones want it

	key   *key
	other *key          // that signs, and is not published; nil: key signs
	life  time.Duration // of a token
	nonce string        // instead of the right one; "": the right one
}

func (p *provider) GetUserByID(id string) *storage.User { return p.people[id] }
func (p *provider) GetUserByUsername(name string) *storage.User {
	return p.people[name]
}
func (p *provider) ExampleClientID() string { return "other" }

// key is a key that signs, and its public half.
type key struct {
	id      string
	private *rsa.PrivateKey
}

func newKey(t *testing.T, id string) *key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &key{id, private}
}

func (k *key) ID() string                                  { return k.id }
func (k *key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *key) Key() any                                    { return k.private }

type half struct{ *key }

func (h half) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (h half) Use() string                        { return "sig" }
func (h half) Key() any                           { return &h.private.PublicKey }

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	if p.other != nil {
		return p.other, nil
	}
	return p.key, nil
}

func (p *provider) KeySet(context.Context) ([]op.Key, error) { return []op.Key{half{p.key}}, nil }

// client is how the provider knows berth-hq.
type client struct {
	op.Client
	of *provider
}

func (c client) IDTokenLifetime() time.Duration       { return c.of.life }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return !c.of.thin }

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	return client{c, p}, err
}

// asked is a sign-in with another nonce.
type asked struct {
	op.AuthRequest
	nonce string
}

func (a asked) GetNonce() string { return a.nonce }

func (p *provider) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	r, err := p.Storage.AuthRequestByCode(ctx, code)
	if err != nil || p.nonce == "" {
		return r, err
	}
	return asked{r, p.nonce}, nil
}

// world is berth-hq, the provider, and a browser.
type world struct {
	*testing.T
	*provider
	site   *web.Site
	hq     *httptest.Server
	op     *httptest.Server
	serves http.Handler // of the provider
}

func start(t *testing.T) *world {
	w := &world{T: t}
	p := &provider{life: time.Hour, key: newKey(t, "one"), people: map[string]*storage.User{}}
	p.people["jo"] = &storage.User{ID: "jo", Username: "jo", Password: "pw", Email: "Jo@example.com", EmailVerified: true}
	p.Storage = storage.NewStorageWithClients(p, map[string]*storage.Client{"hq": storage.WebClient("hq", "secret", callback)})
	w.provider = p
	w.op = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { w.serves.ServeHTTP(out, r) }))
	t.Cleanup(w.op.Close)
	w.serves = exampleop.SetupServer(w.op.URL, p, slog.New(slog.DiscardHandler), false)

	st, err := store.Open(t.Context(), pgtest.Start(t).Database(t))
	w.must(err)
	t.Cleanup(st.Close)
	all, err := store.Migrations()
	w.must(err)
	w.must(st.Migrate(t.Context(), len(all), func(string) {}))
	w.site = &web.Site{Store: st, Record: catalogue.Embedded().SupportRecord(), Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Public: public}
	w.site.Provider = &web.Provider{Issuer: w.op.URL, Client: "hq", Secret: "secret"}
	w.must(w.site.Read(t.Context()))
	w.serve()
	return w
}

// serve starts berth-hq again, with nobody's attempts counted.
func (w *world) serve() {
	w.Helper()
	handler, err := w.site.Handler()
	w.must(err)
	// Cookies are for https alone, as behind the proxy.
	w.hq = httptest.NewTLSServer(handler)
	w.Cleanup(w.hq.Close)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// browser is somebody's, with cookies of both sites. What is said to the public address goes to the test's.
type browser struct {
	*http.Client
	w *world
}

func (w *world) browser() *browser {
	w.Helper()
	w.serve()
	jar, err := cookiejar.New(nil)
	w.must(err)
	to, err := url.Parse(w.hq.URL)
	w.must(err)
	inner := w.hq.Client().Transport
	return &browser{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: proxy(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "hq.example.com" {
			return http.DefaultTransport.RoundTrip(r)
		}
		there := r.Clone(r.Context())
		there.URL.Host = to.Host
		resp, err := inner.RoundTrip(there)
		if err == nil {
			resp.Request = r // a redirect goes on from the address that the browser knows
		}
		return resp, err
	})}, w}
}

type proxy func(*http.Request) (*http.Response, error)

func (p proxy) RoundTrip(r *http.Request) (*http.Response, error) { return p(r) }

// goes follows the browser to an address, and from there on until a page stands, or until it is led to an address that begins with stop.
func (b *browser) goes(address, stop string) (status int, at, text string) {
	b.w.Helper()
	for range 10 {
		if stop != "" && strings.HasPrefix(address, stop) {
			return 0, address, ""
		}
		resp, err := b.Get(address)
		b.w.must(err)
		body, err := io.ReadAll(resp.Body)
		b.w.must(err)
		resp.Body.Close()
		next, err := resp.Location()
		if err != nil {
			return resp.StatusCode, address, string(body)
		}
		address = next.String()
	}
	b.w.Fatal("the browser is led in a circle")
	return
}

// login types a name and a password at the provider, and gives the address that the browser is led back to.
func (b *browser) login(name string) (back string) {
	b.w.Helper()
	_, form, text := b.goes(public+"/sign-in/begin?to=%2Ffigures%2Fbehind", "")
	u, err := url.Parse(form)
	b.w.must(err)
	if !strings.HasPrefix(form, b.w.op.URL+"/login/username") || !strings.Contains(text, "password") {
		b.w.Fatalf("the browser is at %s, and not at the provider's page:\n%s", form, text)
	}
	resp, err := b.PostForm(b.w.op.URL+"/login/username", url.Values{"username": {name}, "password": {"pw"}, "id": {u.Query().Get("authRequestID")}})
	b.w.must(err)
	resp.Body.Close()
	next, err := resp.Location()
	b.w.must(err)
	_, back, _ = b.goes(next.String(), callback)
	if !strings.HasPrefix(back, callback+"?") {
		b.w.Fatalf("the provider leads to %s", back)
	}
	return back
}

// in reports whether the browser sees the figures.
func (b *browser) in() bool {
	b.w.Helper()
	status, at, _ := b.goes(public+"/", "")
	return status == http.StatusOK && at == public+"/"
}

// signsIn goes the whole way.
func (w *world) signsIn(name string) (status int, text string, in bool) {
	w.Helper()
	b := w.browser()
	status, _, text = b.goes(b.login(name), "")
	return status, text, b.in()
}

func (w *world) refused(what, name, part string) {
	w.Helper()
	if status, text, in := w.signsIn(name); status != http.StatusForbidden || !strings.Contains(text, part) || in {
		w.Errorf("%s: %d, signed in: %v\n%s", what, status, in, text)
	}
}

const notTaken = "The answer of the provider is not valid"

// TestProvider goes through sign-ins at a whole provider: right ones, and all that may be wrong with one.
func TestProvider(t *testing.T) {
	w := start(t)
	w.refused("a stranger", "jo", "No person is named jo@example.com")
	_, err := w.site.Store.AddPerson(t.Context(), store.By{Name: "test", At: time.Now()}, "jo@example.com", store.Reader)
	w.must(err)
	right := func(what string) {
		t.Helper()
		if status, text, in := w.signsIn("jo"); status != http.StatusOK || !in || !strings.Contains(text, "/figures/behind") {
			t.Errorf("%s: %d, signed in: %v\n%s", what, status, in, text)
		}
	}
	right("the address stands in the token")
	w.thin = true
	right("the provider is asked for the address")
	w.people["jo"].EmailVerified = false
	w.refused("an address that is not verified, asked for", "jo", notTaken)
	w.thin = false
	w.refused("an address that is not verified", "jo", notTaken)
	w.people["jo"].EmailVerified = true
	w.people["al"] = &storage.User{ID: "al", Username: "al", Password: "pw", Email: "al@example.com", EmailVerified: true}
	w.refused("somebody of the company whom nobody let in", "al", "No person is named al@example.com")

	w.nonce = "of another sign-in"
	w.refused("a token of another sign-in", "jo", notTaken)
	w.nonce = ""
	w.life = -time.Minute
	w.refused("an expired token", "jo", notTaken)
	w.life = time.Hour
	w.key = newKey(t, "two")
	right("new keys")
	w.other = newKey(t, "two")
	w.refused("a key that has the name of the provider's, and is not it", "jo", notTaken)
	w.other = nil
	w.key = newKey(t, "three")
	right("new keys again")
}

// TestStolenCode: a code that was given to one browser is worth nothing in another one, where another sign-in began, nor a second time.
func TestStolenCode(t *testing.T) {
	w := start(t)
	_, err := w.site.Store.AddPerson(t.Context(), store.By{Name: "test", At: time.Now()}, "jo@example.com", store.Reader)
	w.must(err)
	victim, thief := w.browser(), w.browser()
	back := victim.login("jo")
	thief.login("jo")
	if status, _, _ := thief.goes(back, ""); status != http.StatusForbidden || thief.in() {
		t.Errorf("%d: another browser got in with the code", status)
	}
	// With the state of its own sign-in: the code was given for another challenge.
	thief = w.browser()
	mine, err := url.Parse(thief.login("jo"))
	w.must(err)
	theirs, err := url.Parse(back)
	w.must(err)
	q := mine.Query()
	q.Set("code", theirs.Query().Get("code"))
	if status, _, _ := thief.goes(callback+"?"+q.Encode(), ""); status != http.StatusForbidden || thief.in() {
		t.Errorf("%d: another browser got in with the code in its own sign-in", status)
	}
	fresh := w.browser()
	back = fresh.login("jo")
	if status, _, _ := fresh.goes(back, ""); status != http.StatusOK || !fresh.in() {
		t.Errorf("%d: the right browser did not get in", status)
	}
	if status, _, _ := fresh.goes(back, ""); status != http.StatusForbidden {
		t.Errorf("%d: a code worked twice", status)
	}
}

// TestProviderIsAway: while it is away nobody signs in there, those who are in stay in, and it needs no restart when it comes back.
func TestProviderIsAway(t *testing.T) {
	w := start(t)
	_, err := w.site.Store.AddPerson(t.Context(), store.By{Name: "test", At: time.Now()}, "jo@example.com", store.Reader)
	w.must(err)
	provider := w.serves
	w.serves = http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "away", http.StatusServiceUnavailable) })
	if status, _, text := w.browser().goes(public+"/sign-in/begin", ""); status != http.StatusBadGateway || !strings.Contains(text, "A token works without it") {
		t.Errorf("%d %s", status, text)
	}
	w.serves = provider
	b := w.browser()
	back := b.login("jo")
	w.serves = http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "away", http.StatusServiceUnavailable) })
	if status, _, text := b.goes(back, ""); status != http.StatusForbidden || !strings.Contains(text, notTaken) {
		t.Errorf("%d %s", status, text)
	}
	w.serves = provider
	in := w.browser()
	if status, _, _ := in.goes(in.login("jo"), ""); status != http.StatusOK {
		t.Errorf("%d: it is there again", status)
	}
	w.op.Close()
	if !in.in() {
		t.Error("who was signed in is out, since the provider is away")
	}
}
