package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"berth/internal/hq/store"
)

// Provider is who says, by OpenID Connect, who somebody is. It gives no right: a person of that e-mail address has to be let in first.
type Provider struct {
	Issuer, Client, Secret string

	mu    sync.Mutex
	found *oidc.Provider
}

// Where the provider leads back to, and how long somebody may take there.
const (
	callbackPath = "/sign-in/callback"
	signInTime   = 10 * time.Minute
	askTime      = 10 * time.Second
)

// discover asks the provider once what it has. It is not asked at the start: people with tokens get in while it is away.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The provider keeps the context to fetch its keys later.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Timeout: askTime}), p.Issuer)
	p.found = found
	return found, err
}

func (s *Site) oauth(of *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: s.Provider.Client, ClientSecret: s.Provider.Secret, Endpoint: of.Endpoint(), RedirectURL: s.Public + callbackPath, Scopes: []string{oidc.ScopeOpenID, "email"}}
}

// pendingCookie holds what only this browser knows of a sign-in that has begun. The provider leads here from its own site, so it can't be strict.
const pendingCookie = "berth-hq-pending"

func (s *Site) pending(value string, life time.Duration) *http.Cookie {
	c := s.session(value, int(life.Seconds()))
	c.Name, c.Path, c.SameSite = pendingCookie, callbackPath, http.SameSiteLaxMode
	return c
}

// begin leads to the provider.
func (s *Site) begin(w http.ResponseWriter, r *http.Request) {
	if s.tooMany(w, r) {
		return
	}
	of, err := s.Provider.discover(r.Context())
	if err != nil {
		s.Log.Error("the provider of OpenID Connect was not reached", "issuer", s.Provider.Issuer, "error", err)
		s.notSignedIn(w, r, http.StatusBadGateway, "The provider of sign-ins does not answer. A token works without it.")
		return
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	http.SetCookie(w, s.pending(strings.Join([]string{state, nonce, verifier, escaped(local(r.URL.Query().Get("to")))}, "|"), signInTime))
	http.Redirect(w, r, s.oauth(of).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
}

// tooMany refuses who tries too often: each attempt asks the provider something.
func (s *Site) tooMany(w http.ResponseWriter, r *http.Request) bool {
	if s.attempts.allow(s.client(r)) {
		return false
	}
	w.Header().Set("Retry-After", "60")
	s.notSignedIn(w, r, http.StatusTooManyRequests, "Too many attempts. Try again in a minute.")
	return true
}

func (s *Site) notSignedIn(w http.ResponseWriter, r *http.Request, status int, why string) {
	w.WriteHeader(status)
	s.show(w, r, "sign-in", signInData{To: "/", Problem: why, Provider: s.Provider != nil})
}

// callback is where the provider leads back to.
func (s *Site) callback(w http.ResponseWriter, r *http.Request) {
	if s.tooMany(w, r) {
		return
	}
	http.SetCookie(w, s.pending("", -time.Second))
	c, err := r.Cookie(pendingCookie)
	parts := []string{}
	if err == nil {
		parts = strings.Split(c.Value, "|")
	}
	if len(parts) != 4 || r.URL.Query().Get("state") != parts[0] {
		s.notSignedIn(w, r, http.StatusForbidden, "This sign-in did not begin here, or it took too long. Sign in again.")
		return
	}
	email, err := s.identify(r.Context(), r.URL.Query().Get("code"), parts[1], parts[2])
	if err != nil {
		s.Log.Error("the provider's answer is not valid", "error", err, "answer", r.URL.Query().Get("error"))
		s.notSignedIn(w, r, http.StatusForbidden, "The answer of the provider is not valid. Sign in again.")
		return
	}
	session, err := s.Store.SignInAs(r.Context(), email, s.Now())
	switch {
	case err != nil:
		s.troubled(w, r, err)
	case session == "":
		s.notSignedIn(w, r, http.StatusForbidden, fmt.Sprintf("No person is named %s. An admin can add one on the page People.", email))
	default:
		http.SetCookie(w, s.session(session, int(store.SessionLife.Seconds())))
		// The session's cookie is strict: it is not sent on a way that began on another site. So this page leads on, not a redirect.
		s.show(w, r, "signed-in", local(unescaped(parts[3])))
	}
}

// identify exchanges a code for who it is: an e-mail address that the provider has verified.
func (s *Site) identify(ctx context.Context, code, nonce, verifier string) (email string, err error) {
	of, err := s.Provider.discover(ctx)
	if err != nil {
		return "", err
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: askTime})
	token, err := s.oauth(of).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", fmt.Errorf("exchange the code: %w", err)
	}
	text, _ := token.Extra("id_token").(string) // without one it can't be verified
	id, err := of.Verifier(&oidc.Config{ClientID: s.Provider.Client, Now: s.Now}).Verify(ctx, text)
	if err != nil {
		return "", fmt.Errorf("verify the token: %w", err)
	}
	if id.Nonce != nonce {
		return "", errors.New("the token is of another sign-in")
	}
	return address(ctx, of, id, oauth2.StaticTokenSource(token))
}

// address is the e-mail address that the provider has verified. Many providers have it in no token: they are asked for it.
func address(ctx context.Context, of *oidc.Provider, id *oidc.IDToken, access oauth2.TokenSource) (email string, err error) {
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := id.Claims(&claims); err != nil {
		return "", err
	}
	if claims.Email == "" {
		info, err := of.UserInfo(ctx, access)
		if err != nil {
			return "", fmt.Errorf("ask for the e-mail address: %w", err)
		}
		if info.Subject != id.Subject {
			return "", errors.New("the e-mail address is that of somebody else")
		}
		claims.Email, claims.Verified = info.Email, info.EmailVerified
	}
	if !claims.Verified {
		return "", fmt.Errorf("the e-mail address %s is not verified", cmp.Or(claims.Email, "of nobody"))
	}
	return strings.ToLower(claims.Email), nil
}
