package redact

import (
	"bytes"
	"encoding/binary"
)

// span is a part of a text to mask.
type span struct {
	from, to int
	value    int32 // of the set; below 0, a pattern: -1-index; see byName, byForm
}

// What else is masked.
const (
	byName   = int32(-1 << 20) // the name before it suggests a secret
	byForm   = byName - 1      // it is a generated word
	unlooked = byName - 2      // it is compressed, and too large to look into
	hasNames = byName - 3      // it is compressed, and has names
)

// deepest is how many forms within forms are decoded.
const deepest = 8

// finder searches texts for a set's values. It keeps buffers, so each goroutine has its own.
type finder struct {
	*Set
	levels [deepest + 1]level
	hits   []hit // of patterns, in the text itself
	joins  bool  // spaces of a value may be gone with line breaks
}

// hit is a place where a pattern may match.
type hit struct {
	pattern int32
	at      int
}

// level has the buffers of one depth.
type level struct {
	decoded []byte
	small   []byte  // the text in small letters
	places  []int32 // where in the text each decoded byte begins; one more is its end
	run     []byte
	at      []int32
}

// find gives the parts of a text that have values of the set.
func (f *finder) find(text []byte, depth int, out []span) []span {
	out = f.plain(&f.index, text, depth, out)
	out = f.broken(&f.index, text, out)
	if f.names != nil {
		out = f.search(text, depth, out)
	}
	if depth < deepest {
		out = f.runs(text, depth, out)
		out = f.escapes(text, depth, out)
		out = f.unwrap(text, depth, out)
	}
	return out
}

// plain searches a text as it is.
func (f *finder) plain(x *index, text []byte, depth int, out []span) []span {
	if len(x.grams) == 0 {
		return out
	}
	filter, shift := x.filter, x.shift
	i := 0
	for ; i+2*gram <= len(text); i += gram { // four grams at once
		eight := binary.LittleEndian.Uint64(text[i:])
		a, b, c, d := hash(uint32(eight), shift), hash(uint32(eight>>8), shift), hash(uint32(eight>>16), shift), hash(uint32(eight>>24), shift)
		if (filter[a>>6]>>(a&63)|filter[b>>6]>>(b&63)|filter[c>>6]>>(c&63)|filter[d>>6]>>(d&63))&1 == 0 {
			continue
		}
		for k := range gram {
			out = f.at(x, text, i+k, depth, out)
		}
	}
	for ; i+gram <= len(text); i++ {
		out = f.at(x, text, i, depth, out)
	}
	return out
}

// at searches for pieces whose gram is at a place.
func (f *finder) at(x *index, text []byte, place, depth int, out []span) []span {
	g := binary.LittleEndian.Uint32(text[place:])
	if !x.may(g) {
		return out
	}
	for _, k := range x.grams[g] {
		switch {
		case k >= 0:
			out = f.compared(&x.pieces[k], text, place, 0, out)
		case depth == 0:
			f.hits = append(f.hits, hit{-1 - k, place})
		}
	}
	return out
}

// compared adds a piece whose gram is at a place, if all of it is there. past is how much of the gram is before the place.
func (f *finder) compared(p *piece, text []byte, place, past int, out []span) []span {
	from, to, ok := compare(text, place, p.text, int(p.at)+past, f.joins)
	if !ok || p.word && (from > 0 && wordSigns[text[from-1]] || to < len(text) && wordSigns[text[to]]) {
		return out
	}
	switch {
	case p.below:
		return f.host(p, text, from, to, out)
	case p.path:
		return f.repository(p, text, from, to, out)
	}
	return append(out, span{from, to, p.value})
}

var wordSigns = signs("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

// broken searches for grams that a line break separates.
func (f *finder) broken(x *index, text []byte, out []span) []span {
	if len(x.grams) == 0 {
		return out
	}
	for i := 0; i < len(text); i++ {
		n := bytes.IndexByte(text[i:], '\n')
		if n < 0 {
			break
		}
		i += n
		left, right := [3]int{i, i, i}, [3]int{i + 1, i + 1, i + 1}
		for k, gap := range gaps {
			for left[k] > 0 && i-left[k] < longestGap && gap[text[left[k]-1]] {
				left[k]--
			}
			for right[k] < len(text) && right[k]-i < longestGap && gap[text[right[k]]] {
				right[k]++
			}
		}
		right[1] = wrap(text, i)
		for k, l := range left {
			for n, r := range right {
				if (k == 0 || l != left[k-1]) && (n == 0 || r != right[n-1]) {
					out = f.joined(x, text, l, r, out)
				}
			}
		}
	}
	return out
}

// gaps are signs that programs write before and after a line break that they add, from few to all.
var gaps = [3][256]bool{lineBreak, signs(" \t\r\n\\"), gapSigns}

// joined searches for grams of which some bytes end at left, and the rest begins at right; a space may have been between them.
func (f *finder) joined(x *index, text []byte, left, right int, out []span) []span {
	var both [2 * gram]byte
	for _, space := range []int{0, 1} {
		for n := 1 - space; n < gram; n++ {
			rest := gram - n - space
			if left < n || right+rest > len(text) {
				continue
			}
			copy(both[:], text[left-n:left])
			both[n] = ' '
			copy(both[n+space:], text[right:right+rest])
			g := binary.LittleEndian.Uint32(both[:])
			if !x.may(g) {
				continue
			}
			for _, k := range x.grams[g] {
				switch {
				case k < 0:
				case n > 0:
					out = f.compared(&x.pieces[k], text, left-n, 0, out)
				default: // the gram begins with the space that is gone
					out = f.compared(&x.pieces[k], text, right, 1, out)
				}
			}
		}
	}
	return out
}

// in searches what a part of a text decodes to, and gives what is found in places of the text.
func (f *finder) in(decoded []byte, places []int32, depth int, out []span) []span {
	first := len(out)
	for at := bytes.Index(decoded, gzipMagic); at >= 0 && depth+1 < deepest; {
		if value, found := f.inflated(decoded[at:], depth+1); found {
			if v := f.value(value); v != nil && v.kind != "" {
				value = hasNames
			}
			out = append(out, span{at, len(decoded), value})
			break
		}
		next := bytes.Index(decoded[at+1:], gzipMagic)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	out = f.find(decoded, depth+1, out)
	for i := first; i < len(out); i++ {
		out[i].from, out[i].to = int(places[out[i].from]), int(places[out[i].to])
	}
	return out
}
