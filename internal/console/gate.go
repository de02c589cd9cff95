package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"sync"
)

// tokenKey is the key of the token in the address that berth prints.
const tokenKey = "token"

// gate lets in one browser: that which has the token first. A token works once, and becomes a session.
type gate struct {
	mu      sync.Mutex
	token   string // "": it was used
	cookie  string // a name of its own: browsers keep one cookie of a name for all ports of a machine, and there may be several consoles
	session string
}

func newGate() *gate {
	return &gate{token: rand.Text(), cookie: "berth-console-" + rand.Text()[:8], session: rand.Text()}
}

// enters reports whether a token is the right one. Nobody gets in with it again.
func (g *gate) enters(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) != 1 {
		return false
	}
	g.token = ""
	return true
}

// known reports whether a request is of the browser that was let in.
func (g *gate) known(r *http.Request) bool {
	c, err := r.Cookie(g.cookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(g.session)) == 1
}

// Loopback reports whether a host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// guarded lets in who may be here. A page of another site can have the browser send a request, but can't change where the browser says that it goes and
// comes from: Host keeps out names that lead here by a DNS server of theirs, Origin keeps out their forms, and Sec-Fetch-Site keeps out what they embed.
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		from := r.Header.Get("Sec-Fetch-Site")
		token := r.URL.Query().Get(tokenKey)
		switch {
		case r.URL.Path == "/style.css": // it says nothing about anybody
			next.ServeHTTP(w, r)
		case !Loopback(host):
			c.fail(w, http.StatusMisdirectedRequest, "The console answers at 127.0.0.1 and localhost only.")
		case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Origin") != "http://"+r.Host:
			c.fail(w, http.StatusForbidden, "This was sent by a page of another site. Nothing was changed.")
		case token != "" && r.Method == http.MethodGet && c.gate.enters(token):
			http.SetCookie(w, &http.Cookie{Name: c.gate.cookie, Value: c.gate.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			// A page that leads on, and no redirect: after a link from elsewhere, a browser would send the cookie only with the request after this one.
			c.show(w, http.StatusOK, "entered", page{Title: "Welcome"})
		case !c.gate.known(r):
			c.fail(w, http.StatusForbidden, "Open the address that berth console printed. It works once, in one browser. For a new address, stop it with Ctrl-C and start it again.")
		case from == "cross-site" || from == "same-site":
			c.fail(w, http.StatusForbidden, "A link of another site led here. Open this page from the console itself.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}
