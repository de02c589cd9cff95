package manual

import (
	"fmt"
	"strings"
	"unicode"
)

// Anchors gives the headings of one page their anchors, as GitHub does: small letters, hyphens in place of spaces, no other signs. A heading that is
// there twice gets a number.
type Anchors struct{ seen map[string]int }

// NewAnchors is for one page.
func NewAnchors() *Anchors { return &Anchors{seen: map[string]int{}} }

// Of is the anchor of the next heading of the page.
func (a *Anchors) Of(heading string) string {
	anchor := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
	n := a.seen[anchor]
	a.seen[anchor]++
	if n > 0 {
		return fmt.Sprintf("%s-%d", anchor, n)
	}
	return anchor
}
