// Package redact removes secrets from streams of text, whatever their length. It knows secrets by their values, in whatever form a program may have
// written them, then by patterns, then by the names before them; the last two are package secret's. It replaces names of hosts, addresses, users and
// repositories by pseudonyms in the same way, where somebody asked for it. Pure.
//
// A value is found by four bytes of it: a filter of all these grams rules nearly every place of a text out, and what remains is compared. Forms in
// which a text hides a value are lenses: a part of the text is decoded (base64, hexadecimal, escapes of JSON, URLs, HTML, shells), and searched in the
// same way, so that forms within forms are found, too. What is found there is masked where it came from.
//
// One package because all lenses search with one finder and its buffers, within each other.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"slices"
	"strings"

	"berth/internal/secret"
)

// Value is something that must not be in a text.
type Value struct {
	Text string
	What string // a few words for reports, such as "a password of pgsql"; never the text
	as   string // what is written in its place; "": stars
	kind Kind   // of a name
}

const (
	gram = 4 // bytes
	// Least is the length from which values are searched for: any text has shorter ones by chance.
	Least = 4
	// leastLine is the length from which a line of a value of several lines counts by itself.
	leastLine = 16
	// most is the length of the longest text that is compared at once: longer values are searched for in parts.
	most, part = 96, 48
)

// piece is a text that is searched for.
type piece struct {
	text  string
	at    int32 // where its gram is
	value int32 // of the set
	word  bool  // it counts only where it stands by itself
	below bool  // it is a domain: what is before it belongs to the name
	path  bool  // it is a code host: what is after it is the name of a repository
}

// index finds pieces by one gram of each.
type index struct {
	pieces []piece
	grams  map[uint32][]int32 // indices of pieces; below 0, of patterns: -1-index
	filter []uint64
	shift  uint
}

// Set is what must not be in a text, ready for searching. It may be used by several goroutines, and only learns names by their form.
type Set struct {
	values  []Value
	index          // of secrets
	names   *index // in small letters; nil: nobody asked for pseudonyms
	quotes  string // that values have, so that doubled ones matter
	longest int    // of the pieces as they are

	patterns   []secret.Pattern
	pseudonyms *Pseudonyms
	found      *found
}

// Known is a set of values alone.
func Known(values []Value) *Set {
	s := &Set{values: values, index: index{grams: map[uint32][]int32{}}}
	seen := map[string]bool{}
	for i, v := range values {
		for _, text := range parts(v.Text) {
			if seen[text] {
				continue
			}
			seen[text] = true
			s.longest = max(s.longest, len(text))
			for _, quote := range []string{`'`, `"`} {
				if strings.Contains(text, quote) && !strings.Contains(s.quotes, quote) {
					s.quotes += quote
				}
			}
			s.add(piece{text: text, value: int32(i)})
			if plus := strings.ReplaceAll(text, " ", "+"); plus != text {
				s.add(piece{text: plus, value: int32(i)}) // in URLs
			}
			s.encoded(text, i)
		}
	}
	s.compile()
	return s
}

// WithPatterns is the same set with all patterns and names that suggest secrets.
func (s *Set) WithPatterns() *Set {
	out := s.copied()
	out.patterns = secret.Patterns()
	for i, p := range out.patterns {
		for _, word := range p.Words {
			for _, g := range wordGrams(word) {
				out.grams[g] = append(out.grams[g], int32(-1-i))
			}
		}
	}
	out.compile()
	return out
}

// copied is the same set, to add to.
func (s *Set) copied() *Set {
	out := *s
	out.values, out.pieces, out.grams = slices.Clone(s.values), slices.Clone(s.pieces), map[uint32][]int32{}
	for g, pieces := range s.grams {
		out.grams[g] = slices.Clone(pieces)
	}
	return &out
}

// parts are the texts by which a value is found: its lines, and parts of long ones, so that what is compared has a limited length.
func parts(value string) (out []string) {
	lines := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if len(line) < Least || len(lines) > 1 && len(line) < leastLine {
			continue
		}
		if len(line) <= most {
			out = append(out, line)
			continue
		}
		for i := 0; i+part <= len(line); i += part {
			out = append(out, line[i:i+part])
		}
		out = append(out, line[len(line)-part:])
	}
	return out
}

// add adds a piece to what is searched for, by its rarest gram, or by one that fewer others have.
func (x *index) add(p piece) {
	best, at := math.MinInt, 0
	for i := 0; i+gram <= len(p.text); i++ {
		others := x.grams[binary.LittleEndian.Uint32([]byte(p.text[i:i+gram]))]
		if r := rarity(p.text[i:i+gram]) - bits.Len(uint(len(others))); r > best {
			best, at = r, i
		}
	}
	g := binary.LittleEndian.Uint32([]byte(p.text[at : at+gram]))
	p.at = int32(at)
	x.grams[g] = append(x.grams[g], int32(len(x.pieces)))
	x.pieces = append(x.pieces, p)
}

// encoded adds what a text is in base64, wherever it begins in it, and in hexadecimal.
func (s *Set) encoded(text string, value int) {
	for before := range 3 {
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, before), text...))
		// Without the signs that have bits of what is before and after it.
		own := whole[(before*8+5)/6 : (before+len(text))*8/6]
		if len(own) < gram {
			continue
		}
		s.add(piece{text: own, value: int32(value)})
		if url := strings.NewReplacer("+", "-", "/", "_").Replace(own); url != own {
			s.add(piece{text: url, value: int32(value)})
		}
	}
	digits := hex.EncodeToString([]byte(text))
	s.add(piece{text: digits, value: int32(value)})
	s.add(piece{text: strings.ToUpper(digits), value: int32(value)})
}

// rarity is how rarely four bytes are in a text: what is frequent is compared in vain.
func rarity(text string) (n int) {
	kinds := [3]bool{}
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			n, kinds[0] = n+3, true
		case c >= 'A' && c <= 'Z':
			n, kinds[1] = n+4, true
		case strings.IndexByte("etaoinsrhldcu", c) >= 0:
			n, kinds[2] = n+2, true
		case c >= 'a' && c <= 'z':
			n, kinds[2] = n+4, true
		case c == ' ':
			n -= 20 // it becomes a plus, or goes with a line break
		case c == '\'' || c == '"' || c == '\\':
			n -= 2 // what is escaped most
		default:
			n++
		}
	}
	for _, k := range kinds {
		if k {
			n++
		}
	}
	return n
}

// wordGrams are grams of a word in small and capital letters. For a word of three letters, they are those with each sign of a token behind it; a
// single sign has none, and is searched for by itself.
func wordGrams(word string) (out []uint32) {
	const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var texts []string
	switch {
	case len(word) >= gram:
		at, best := 0, -1
		for i := 0; i+gram <= len(word); i++ {
			symbols := 0
			for _, c := range word[i : i+gram] {
				if c == '-' || c == '_' {
					symbols++
				}
			}
			if symbols > best && symbols < gram {
				at, best = i, symbols
			}
		}
		texts = []string{word[at : at+gram]}
	case len(word) == gram-1:
		for i := range len(signs) {
			texts = append(texts, word+signs[i:i+1])
		}
	}
	for _, t := range texts {
		for mask := range 1 << gram {
			b := []byte(t)
			for i := range b {
				if mask>>i&1 == 1 && b[i] >= 'a' && b[i] <= 'z' && (len(word) >= gram || i < len(word)) {
					b[i] -= 'a' - 'A'
				}
			}
			out = append(out, binary.LittleEndian.Uint32(b))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// compile makes the filter: one bit for each gram, among at least 64 times as many.
func (x *index) compile() {
	width := uint(18)
	for 1<<width < 64*len(x.grams) && width < 24 {
		width++
	}
	x.shift = 32 - width
	x.filter = make([]uint64, 1<<width/64)
	for g, found := range x.grams {
		h := hash(g, x.shift)
		x.filter[h>>6] |= 1 << (h & 63)
		slices.SortFunc(found, func(a, b int32) int { return cmp.Compare(a, b) })
	}
}

func hash(g uint32, shift uint) uint32 { return g * 2654435761 >> shift }

// may reports whether a gram may be one of the set's.
func (x *index) may(g uint32) bool {
	h := hash(g, x.shift)
	return x.filter[h>>6]&(1<<(h&63)) != 0
}
