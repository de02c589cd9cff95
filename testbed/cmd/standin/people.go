package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"
)

func hash(password string, salt []byte) (string, error) {
	key, err := pbkdf2.Key(sha256.New, password, salt, 50_000, 32)
	return hex.EncodeToString(salt) + "$" + hex.EncodeToString(key), err
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// form reads a request's fields from JSON or from a browser's form. What it is shows in the text: curl calls everything a form.
func form(r *http.Request, names ...string) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return out, json.Unmarshal(text, &out)
	}
	fields, err := url.ParseQuery(string(text))
	for _, n := range names {
		out[n] = fields.Get(n)
	}
	return out, err
}

func (f *frontend) siteInit(w http.ResponseWriter, r *http.Request) {
	in, err := form(r, "username", "email", "password")
	if err != nil || in["username"] == "" || in["email"] == "" || in["password"] == "" {
		refuse(w, http.StatusBadRequest, errors.New("site-init needs email, username and password"))
		return
	}
	passwd, err := hash(in["password"], random(16))
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	tag, err := f.db.frontend().Exec(r.Context(), `WITH first AS (INSERT INTO users (username, passwd, site_admin)
			SELECT $1, $3, true WHERE NOT EXISTS (SELECT FROM users) RETURNING id, username),
		name AS (INSERT INTO names (name, user_id) SELECT username, id FROM first)
		INSERT INTO user_emails (user_id, email, verified_at, is_primary) SELECT id, $2, now(), true FROM first`,
		in["username"], in["email"], passwd)
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	case tag.RowsAffected() == 0:
		refuse(w, http.StatusConflict, errors.New("the site is initialized already"))
	default:
		f.session(w, r, in["username"])
	}
}

func (f *frontend) signIn(w http.ResponseWriter, r *http.Request) {
	in, err := form(r, "username", "password")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	var passwd string
	err = f.db.frontend().QueryRow(r.Context(), "SELECT passwd FROM users WHERE username = $1 AND deleted_at IS NULL", in["username"]).Scan(&passwd)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	salt, _, _ := strings.Cut(passwd, "$")
	raw, saltErr := hex.DecodeString(salt)
	given, hashErr := hash(in["password"], raw)
	if err != nil || saltErr != nil || hashErr != nil || given != passwd {
		refuse(w, http.StatusUnauthorized, errors.New("wrong username or password"))
		return
	}
	f.session(w, r, in["username"])
}

// session signs somebody in. Sessions are in redis-store, so that they outlive every frontend.
func (f *frontend) session(w http.ResponseWriter, r *http.Request, user string) {
	id := hex.EncodeToString(random(16))
	if _, err := redisDo(r.Context(), f.store, "SET", "session_"+id, user, "EX", 90*24*3600); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "sgs", Value: id, Path: "/", HttpOnly: true, MaxAge: 90 * 24 * 3600})
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	reply(w, map[string]any{"username": user, "siteAdmin": true})
}

func (f *frontend) me(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("sgs")
	if err != nil {
		refuse(w, http.StatusUnauthorized, errors.New("not signed in"))
		return
	}
	user, err := redis.String(redisDo(r.Context(), f.store, "GET", "session_"+c.Value))
	if err != nil {
		refuse(w, http.StatusUnauthorized, errors.New("no such session"))
		return
	}
	reply(w, map[string]string{"username": user})
}
