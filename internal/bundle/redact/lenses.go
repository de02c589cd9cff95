package redact

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

// sextets are the values of base64's signs, of both alphabets; 0xff: it is none.
var sextets, digits = values("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "-_"), values("0123456789abcdef", "ABCDEF")

func values(all, also string) (out [256]byte) {
	for i := range out {
		out[i] = 0xff
	}
	for i := range len(all) {
		out[all[i]] = byte(i)
	}
	for i := range len(also) {
		out[also[i]] = byte(len(all) - len(also) + i)
	}
	return out
}

const (
	leastRun  = 12 // signs of base64 that are decoded: four bytes in base64 twice
	leastHex  = 16
	leastText = 8       // bytes of text in what was decoded, so that a form may be in it
	mostRun   = 1 << 20 // signs that are kept at once
	// mostInflated is how much compressed data is looked into.
	mostInflated = 64 << 20
)

// runs decodes base64 and hexadecimal.
func (f *finder) runs(text []byte, depth int, out []span) []span {
	for i := leastRun - 1; i < len(text); {
		if sextets[text[i]] == 0xff {
			i += leastRun
			continue
		}
		from := i
		for from > 0 && sextets[text[from-1]] != 0xff && i-from < leastRun {
			from--
		}
		to := i + 1
		for to < len(text) && sextets[text[to]] != 0xff {
			to++
		}
		if to-from >= leastRun && (hides(text[from:to]) || hexHides(text[from:to])) {
			to, out = f.run(text, from, to, depth, out)
		}
		i = to + leastRun
	}
	return out
}

// first are the signs with which three bytes of text begin in base64.
var first = signs("CDIJKLMNOPQRSTUVWXYZabcdef")

// hides reports whether a run may decode to two groups of three bytes of text, or to compressed data, wherever it begins. Most runs are words and paths,
// and don't.
func hides(run []byte) bool {
	for i := 0; i+leastText <= len(run); i++ {
		switch c := run[i]; {
		case first[c] && first[run[i+4]] && textual(run[i:]) && textual(run[i+4:]):
			return true
		case c == 'H' && bytes.HasPrefix(run[i:], []byte("H4sI")), c == 'f' && run[i+1] == 'i' && run[i+2] == 'w',
			(c == '+' || c == '-') && run[i+1] == 'L' && run[i+2] == 'C': // gzip's first bytes, by where they begin
			return true
		}
	}
	return false
}

// textual reports whether the first group decodes to text.
func textual(group []byte) bool {
	a, b, c, d := sextets[group[0]], sextets[group[1]], sextets[group[2]], sextets[group[3]]
	return isText[a<<2|b>>4] && isText[b<<4|c>>2] && isText[c<<6|d]
}

// isText are the bytes of ASCII text.
var isText = func() (out [256]bool) {
	for c := range out {
		out[c] = c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r'
	}
	return out
}()

// high are the first digits of bytes of text in hexadecimal.
var high = signs("234567")

// hexHides is hides for hexadecimal. It looks at the last digit first that rules a place out, so most are never looked at.
func hexHides(run []byte) bool {
	for phase := range 2 {
	places:
		for i := phase; i+2*leastText <= len(run); {
			for k := i + 2*leastText - 2; k >= i; k -= 2 {
				if !high[run[k]] || digits[run[k+1]] > 15 {
					i = k + 2
					continue places
				}
			}
			return true
		}
	}
	return len(run) >= leastHex && (bytes.Contains(run, []byte("1f8b08")) || bytes.Contains(run, []byte("1F8B08")))
}

// run decodes a run of signs, which may go on after line breaks.
func (f *finder) run(text []byte, from, to, depth int, out []span) (end int, _ []span) {
	l := &f.levels[depth]
	l.run, l.at = l.run[:0], l.at[:0]
	for {
		for i := from; i < to; i++ {
			l.run, l.at = append(l.run, sextets[text[i]]), append(l.at, int32(i))
		}
		next := wrap(text, to)
		if next == to || next == len(text) || sextets[text[next]] == 0xff || len(l.run) > mostRun {
			break
		}
		from, to = next, next
		for to < len(text) && sextets[text[to]] != 0xff {
			to++
		}
	}
	l.at = append(l.at, int32(to))
	for phase := range 4 {
		if f.base64(l, phase) {
			out = f.in(l.decoded, l.places, depth, out)
		}
	}
	return to, f.hex(text, l, depth, out)
}

// base64 decodes a run that begins at a phase, and reports whether there is text in it.
func (f *finder) base64(l *level, phase int) (texts bool) {
	run, at := l.run, l.at
	l.decoded, l.places = l.decoded[:0], l.places[:0]
	stretch := 0
	take := func(b byte, place int32) {
		l.decoded, l.places = append(l.decoded, b), append(l.places, place)
		if isText[b] {
			if stretch++; stretch >= leastText {
				texts = true
			}
		} else {
			stretch = 0
		}
	}
	i := phase
	for ; i+4 <= len(run); i += 4 {
		take(run[i]<<2|run[i+1]>>4, at[i])
		take(run[i+1]<<4|run[i+2]>>2, at[i+1])
		take(run[i+2]<<6|run[i+3], at[i+2])
	}
	if i+2 <= len(run) {
		take(run[i]<<2|run[i+1]>>4, at[i])
	}
	if i+3 <= len(run) {
		take(run[i+1]<<4|run[i+2]>>2, at[i+1])
	}
	l.places = append(l.places, at[len(run)])
	return texts || bytes.Contains(l.decoded, gzipMagic)
}

// hex decodes the parts of a run that are hexadecimal.
func (f *finder) hex(text []byte, l *level, depth int, out []span) []span {
	at := l.at[:len(l.at)-1]
	for i := 0; i < len(at); i++ {
		from := i
		for i < len(at) && digits[text[at[i]]] != 0xff {
			i++
		}
		for phase := 0; phase < 2 && i-from >= leastHex; phase++ {
			l.decoded, l.places = l.decoded[:0], l.places[:0]
			stretch, texts := 0, false
			for k := from + phase; k+2 <= i; k += 2 {
				b := digits[text[at[k]]]<<4 | digits[text[at[k+1]]]
				if stretch++; !isText[b] {
					stretch = 0
				}
				texts = texts || stretch >= leastText
				l.decoded, l.places = append(l.decoded, b), append(l.places, at[k])
			}
			if l.places = append(l.places, l.at[i]); texts || bytes.Contains(l.decoded, gzipMagic) {
				out = f.in(l.decoded, l.places, depth, out)
			}
		}
	}
	return out
}

var gzipMagic = []byte{0x1f, 0x8b, 8}

// inflated searches compressed data. What is too large to look into counts as found.
func (f *finder) inflated(packed []byte, depth int) (value int32, found bool) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0, false
	}
	r.Multistream(false)                                   // what is behind it is none
	text, _ := io.ReadAll(io.LimitReader(r, mostInflated)) // as far as it goes
	if len(text) == mostInflated {
		return unlooked, true
	}
	inner := &finder{Set: f.Set}
	if spans := inner.find(text, depth+1, nil); len(spans) > 0 {
		return spans[0].value, true
	}
	return 0, false
}

// mostPacked is how much of a run of base64 is decoded with an escape in it: what is compressed can't be read in parts.
const mostPacked = 64 << 10

// escape is a way to write signs as several.
type escape struct {
	sign   byte // that it begins with
	decode func(text []byte) (decoded [utf8.UTFMax]byte, n, used int)
	plus   bool // a plus is a space
}

var escaping = []escape{{'\\', backslash, false}, {'%', percent, false}, {'%', percent, true}, {'&', entity, false}}

// doubling are quotes within quotes: they matter only where a value has some.
var doubling = []escape{{'\'', doubled, false}, {'"', doubled, false}}

// escapes decodes the parts of a text that have escapes.
func (f *finder) escapes(text []byte, depth int, out []span) []span {
	for _, e := range escaping {
		out = f.unescape(text, e, depth, out)
	}
	for _, e := range doubling {
		if strings.IndexByte(f.quotes, e.sign) >= 0 {
			out = f.unescape(text, e, depth, out)
		}
	}
	return out
}

// unescape decodes the parts of a text that have one kind of escapes.
func (f *finder) unescape(text []byte, e escape, depth int, out []span) []span {
	for at := 0; ; {
		n := bytes.IndexByte(text[at:], e.sign)
		if n < 0 {
			return out
		}
		n += at
		if _, _, used := e.decode(text[n:]); used == 0 {
			at = n + 1
			continue
		}
		differs := false
		at, differs = f.decodeFrom(text, e, n, depth)
		if differs {
			out = f.in(f.levels[depth].decoded, f.levels[depth].places, depth, out)
		}
	}
}

// decodeFrom decodes the part of a text around an escape, as long as there are more of them nearby, and reports where it ends. differs is false where a
// plus would make no difference.
func (f *finder) decodeFrom(text []byte, e escape, at, depth int) (end int, differs bool) {
	l := &f.levels[depth]
	l.decoded, l.places = l.decoded[:0], l.places[:0]
	differs = !e.plus
	plain := func(from, to int) {
		first := len(l.decoded)
		l.decoded = append(l.decoded, text[from:to]...)
		for e.plus {
			n := bytes.IndexByte(l.decoded[first:], '+')
			if n < 0 {
				break
			}
			l.decoded[first+n], differs = ' ', true
		}
		for i := from; i < to; i++ {
			l.places = append(l.places, int32(i))
		}
	}
	around := 6*f.longest + leastLine // a piece in base64 twice or in hexadecimal, and one whose signs have escapes of a shell within those of a URL
	begin := max(0, at-around)
	for begin > 0 && at-begin < mostPacked && sextets[text[begin-1]] != 0xff {
		begin--
	}
	begin = min(at, afterEscape(text, begin)) // half an escape is no text
	plain(begin, at)
	for {
		if decoded, n, used := e.decode(text[at:]); used > 0 {
			for k := range n {
				l.decoded, l.places = append(l.decoded, decoded[k]), append(l.places, int32(at))
			}
			at += used
		} else {
			plain(at, at+1)
			at++
		}
		end = min(len(text), at+around)
		for end < len(text) && end-at < mostPacked && (sextets[text[end]] != 0xff || text[end] == e.sign) {
			end++
		}
		next := bytes.IndexByte(text[at:end], e.sign)
		if next < 0 {
			plain(at, end)
			l.places = append(l.places, int32(end))
			return end, differs
		}
		plain(at, at+next)
		at += next
	}
}

// backslash decodes the escapes of JSON, of Go, Python and C, of YAML in double quotes, and of shells.
func backslash(text []byte) (out [utf8.UTFMax]byte, n, used int) {
	if len(text) < 2 {
		return out, 0, 0
	}
	sign := text[1]
	for _, kind := range []struct {
		sign   byte
		length int
	}{{'u', 4}, {'U', 8}, {'x', 2}} {
		if sign != kind.sign {
			continue
		}
		if r, ok := number(text[2:], kind.length, 16); ok {
			if kind.sign == 'x' {
				out[0] = byte(r)
				return out, 1, 4
			}
			return out, utf8.EncodeRune(out[:], r), 2 + kind.length
		}
	}
	if r, ok := number(text[1:], 3, 8); ok && r < 256 {
		out[0] = byte(r)
		return out, 1, 4
	}
	switch sign {
	case '\n':
		return out, 0, 2
	case 'n':
		out[0] = '\n'
	case 'r':
		out[0] = '\r'
	case 't':
		out[0] = '\t'
	default:
		out[0] = sign
	}
	return out, 1, 2
}

// number reads digits of a base, all of them.
func number(text []byte, length int, base rune) (r rune, ok bool) {
	if len(text) < length {
		return 0, false
	}
	for _, c := range text[:length] {
		d := digits[c]
		if rune(d) >= base {
			return 0, false
		}
		r = r*base + rune(d)
	}
	return r, true
}

// percent decodes the escapes of URLs.
func percent(text []byte) (out [utf8.UTFMax]byte, n, used int) {
	if len(text) < 3 {
		return out, 0, 0
	}
	r, ok := number(text[1:], 2, 16)
	if !ok {
		return out, 0, 0
	}
	out[0] = byte(r)
	return out, 1, 3
}

// entities are names of signs in HTML.
var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// entity decodes the escapes of HTML.
func entity(text []byte) (out [utf8.UTFMax]byte, n, used int) {
	end := bytes.IndexByte(text[:min(len(text), 10)], ';')
	if end < 2 {
		return out, 0, 0
	}
	name := string(text[1:end])
	if sign, ok := entities[name]; ok {
		out[0] = sign
		return out, 1, end + 1
	}
	if name[0] != '#' || len(name) < 2 {
		return out, 0, 0
	}
	from, base := 2, rune(10)
	if name[1] == 'x' || name[1] == 'X' {
		from, base = 3, 16
	}
	r, ok := number(text[from:], end-from, base)
	if !ok || end == from {
		return out, 0, 0
	}
	return out, utf8.EncodeRune(out[:], r), end + 1
}

// quotations are a quote within quotes of its own kind, in shells, YAML and tables.
var quotations = []struct {
	text []byte
	is   byte
}{{[]byte(`'\''`), '\''}, {[]byte(`'"'"'`), '\''}, {[]byte(`"'"'"`), '"'}, {[]byte(`''`), '\''}, {[]byte(`""`), '"'}}

func doubled(text []byte) (out [utf8.UTFMax]byte, n, used int) {
	if len(text) < 2 || text[1] != '\'' && text[1] != '"' && text[1] != '\\' {
		return out, 0, 0 // most quotes
	}
	if empty(text) {
		return out, 0, 0
	}
	for _, q := range quotations {
		if bytes.HasPrefix(text, q.text) {
			out[0] = q.is
			return out, 1, len(q.text)
		}
	}
	return out, 0, 0
}

// empty reports two quotes that are a text without signs, as JSON has them: "",
func empty(text []byte) bool {
	if text[0] != '"' || text[1] != '"' {
		return false
	}
	if len(text) == 2 {
		return true
	}
	switch text[2] {
	case ',', '}', ']', '\n':
		return true
	}
	return false
}
