// Package browser is what berth's pages in a browser have in common: what a page may load, and how it looks. Pages load nothing from elsewhere, and have no
// script in them.
package browser

import (
	_ "embed" // the style sheet
	"net/http"
)

// Policy is what a page may load, as a Content-Security-Policy.
type Policy string

// The policies: nothing but the style sheet, or also scripts that are files of the same server, which may ask it for data.
const (
	Plain    Policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	Scripted Policy = Plain + "; script-src 'self'; connect-src 'self'"
)

// Strict forbids pages all that their policy does not allow, and keeps them out of caches and frames.
func Strict(policy Policy, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", string(policy))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

//go:embed style.css
var style []byte

// Style serves the style sheet of all pages, and after it what some pages have of their own.
func Style(own []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(style) // the reader is gone, or has it
		_, _ = w.Write(own)
	}
}
