package web

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"berth/internal/hq/store"
)

// limiter lets each client do something so often.
type limiter struct {
	mu     sync.Mutex
	each   map[string]*rate.Limiter
	second rate.Limit
	atOnce int
}

// manyClients is how many clients are remembered. Then all are forgotten: nobody fills the memory by coming from many addresses.
const manyClients = 10_000

func newLimiter(second rate.Limit, atOnce int) *limiter {
	return &limiter{each: map[string]*rate.Limiter{}, second: second, atOnce: atOnce}
}

func (l *limiter) allow(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.each) >= manyClients {
		clear(l.each)
	}
	if l.each[client] == nil {
		l.each[client] = rate.NewLimiter(l.second, l.atOnce)
	}
	return l.each[client].Allow()
}

// client is where a request comes from. Behind the proxy it is what the proxy wrote last: all before that anybody can write.
func (s *Site) client(r *http.Request) string {
	if all := r.Header.Values("X-Forwarded-For"); s.Public != "" && len(all) > 0 {
		last := all[len(all)-1]
		return strings.TrimSpace(last[strings.LastIndex(last, ",")+1:])
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// cookie is the name of the cookie with the session.
const cookie = "berth-hq"

// who is who asks; nil: nobody known.
func (s *Site) who(r *http.Request) (*store.Person, error) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.Store.ByToken(r.Context(), token, s.Now())
	}
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil, nil // there is none
	}
	return s.Store.BySession(r.Context(), c.Value, s.Now())
}

// only lets those in who have a right.
func (s *Site) only(right store.Right, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.requests.allow(s.client(r)) {
			w.Header().Set("Retry-After", "10")
			s.fail(w, r, http.StatusTooManyRequests, "Too many requests from one address.")
			return
		}
		p, err := s.who(r)
		switch {
		case err != nil:
			s.Log.Error("the person could not be identified", "error", err)
			s.fail(w, r, http.StatusServiceUnavailable, "The database does not answer.")
		case p != nil && p.Role.May(right):
			serve(w, r.WithContext(withPerson(r.Context(), p)))
		case p != nil:
			s.fail(w, r, http.StatusForbidden, fmt.Sprintf("You are here as %s. This needs the right %q, which an admin can give.", p.Role, right))
		case wantsData(r) || r.Method != http.MethodGet:
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.fail(w, r, http.StatusUnauthorized, "Sign in, or send a token.")
		default:
			http.Redirect(w, r, "/sign-in?to="+escaped(r.URL.RequestURI()), http.StatusSeeOther)
		}
	}
}

// wantsData reports whether a program asks.
func wantsData(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.URL.Query().Get("format") != ""
}

// signIn begins a session.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	to := local(r.PostFormValue("to"))
	if !s.attempts.allow(s.client(r)) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		s.show(w, r, "sign-in", signInData{to, "Too many attempts. Try again in a minute.", s.Provider != nil})
		return
	}
	session, err := s.Store.SignIn(r.Context(), strings.TrimSpace(r.PostFormValue("token")), s.Now())
	switch {
	case err != nil:
		s.Log.Error("nobody could sign in", "error", err)
		s.fail(w, r, http.StatusServiceUnavailable, "The database does not answer.")
	case session == "":
		w.WriteHeader(http.StatusForbidden)
		s.show(w, r, "sign-in", signInData{to, "Nobody has this token. It may have been removed, or a part of it is missing.", s.Provider != nil})
	default:
		http.SetCookie(w, s.session(session, int(store.SessionLife.Seconds())))
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// session is the cookie: for no script, and for no other site.
func (s *Site) session(value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: cookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: s.Public != "", SameSite: http.SameSiteStrictMode}
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookie); err == nil {
		if err := s.Store.SignOut(r.Context(), c.Value); err != nil {
			s.Log.Error("a session was not ended", "error", err)
			s.fail(w, r, http.StatusServiceUnavailable, "The database does not answer. You are still signed in.")
			return
		}
	}
	http.SetCookie(w, s.session("", -1))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// local is an address of this site; anything else becomes the first page.
func local(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
