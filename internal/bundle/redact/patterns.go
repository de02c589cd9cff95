package redact

import (
	"bytes"
	"math/bits"
	"strings"

	"berth/internal/secret"
)

// beside is how far a pattern is looked for around one of its words.
const beside = 4 << 10

// matches adds what patterns find around their words.
func (r *Redactor) matches(text []byte) {
	done := make([]int, len(r.patterns)) // how far each pattern was looked for
	for _, h := range r.hits {
		if h.at >= done[h.pattern] {
			done[h.pattern] = r.match(text, h.pattern, h.at)
		}
	}
	for i, p := range r.patterns {
		if len(p.Words) != 1 || len(p.Words[0]) != 1 {
			continue
		}
		for at := 0; at < len(text); at++ {
			n := bytes.IndexByte(text[at:], p.Words[0][0])
			if n < 0 {
				break
			}
			if at += n; at >= done[i] && signedIn(text, at) {
				done[i] = r.match(text, int32(i), at)
			}
		}
	}
}

// signedIn reports whether what is before an at sign may be a name and a password.
func signedIn(text []byte, at int) bool {
	for i := at - 1; i >= 0 && at-i < beside; i-- {
		switch text[i] {
		case ':':
			return true
		case ' ', '\t', '\n', '"', '<', '>':
			return false
		}
	}
	return false
}

// keyBegin begins a pattern that goes over lines.
var keyBegin = []byte("-----BEGIN ")

// match looks for a pattern around a place, and reports how far it looked. Only keys go over lines.
func (r *Redactor) match(text []byte, pattern int32, at int) (looked int) {
	from, to := max(0, at-beside), min(len(text), at+beside)
	if n := bytes.LastIndexByte(text[from:at], '\n'); n >= 0 {
		from += n + 1
	}
	if n := bytes.Index(text[max(from, at-len(keyBegin)):to], keyBegin); n >= 0 && bytes.Contains(text[at:min(len(text), at+64)], []byte("PRIVATE")) {
		to = min(len(text), at+mostKept/2)
	} else if n := bytes.IndexByte(text[at:to], '\n'); n >= 0 {
		to = at + n
	}
	for _, m := range r.patterns[pattern].Find(string(text[from:to])) {
		end := from + m[1]
		for end > from+m[0] && text[end-1] == '\\' {
			end-- // it belongs to the quote behind it
		}
		r.spans = append(r.spans, span{from + m[0], end, -1 - pattern})
		to = max(at+1, from+m[1])
	}
	return to
}

// wordParts are the signs of generated words.
var wordParts = signs("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_-")

// words adds generated words.
func (r *Redactor) words(text []byte) {
	const least = secret.RandomLength
	for i := least - 1; i < len(text); {
		if !wordParts[text[i]] {
			i += least
			continue
		}
		from, to := i, i+1
		for from > 0 && wordParts[text[from-1]] && i-from < least {
			from--
		}
		for to < len(text) && wordParts[text[to]] {
			to++
		}
		if from > 0 && text[from-1] == '\\' {
			from = afterEscape(text, from)
		}
		if to-from >= least && mixed(text[from:to]) && secret.Random(string(text[from:to])) {
			r.spans = append(r.spans, span{from, to, byForm})
		}
		i = to + least
	}
}

// mixed reports whether a word has small and capital letters and digits: most have not.
func mixed(word []byte) bool {
	var kinds uint
	for _, c := range word {
		switch {
		case c >= 'a' && c <= 'z':
			kinds |= 1
		case c >= 'A' && c <= 'Z':
			kinds |= 2
		case c >= '0' && c <= '9':
			kinds |= 4
		}
	}
	return bits.OnesCount(kinds) == 3
}

var (
	nameParts = signs("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
	between   = signs(" \t\"'\\") // a name and the sign after it
)

const longestKey = 128

// named adds the values after names that suggest secrets: `name: value`, `name=value`, `"name": "value"`, and of `name: PASSWORD, value: text`.
func (r *Redactor) named(text []byte) {
	for i := 1; i < len(text); i++ {
		c := text[i]
		if c != ':' && c != '=' {
			continue
		}
		end := i
		for end > 0 && between[text[end-1]] {
			end--
		}
		begin := end
		for begin > 0 && end-begin < longestKey && nameParts[text[begin-1]] {
			begin--
		}
		if begin == end || bytes.HasPrefix(text[i:], []byte("://")) {
			continue
		}
		name := text[begin:end]
		isSecret := r.suggests(name) || string(name) == "value" && r.entry(text[:begin])
		kind := r.keyed(name)
		if !isSecret && kind == "" {
			continue
		}
		value := i + 1
		for value < len(text) && (text[value] == ' ' || text[value] == '\t') {
			value++
		}
		rest := text[value:min(len(text), value+beside)]
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			rest = rest[:n]
		}
		if closes(rest) {
			continue
		}
		if n := secret.Extent(string(rest)); n > 0 {
			from, to := inQuotes(text, value, value+n)
			switch {
			case to <= from:
			case !isSecret:
				r.spans = r.byKey(kind, text, from, to, r.spans)
			case !few(text[from:to]):
				for from > value && text[from-1] == '\\' {
					from-- // it begins with an escape
				}
				r.spans = append(r.spans, span{from, to, byName})
			}
			i = value + n - 1
		}
	}
}

// closes reports whether what follows a name only ends the text that the name is in, as in {"message": "no token:"}.
func closes(rest []byte) bool {
	rest = bytes.TrimLeft(rest, `\`)
	if len(rest) == 0 || rest[0] != '"' {
		return false
	}
	const after = ",}]"
	return len(rest) == 1 || strings.IndexByte(after, rest[1]) >= 0 && (len(rest) == 2 || strings.IndexByte(after+"{[\" \\\t\r", rest[2]) >= 0)
}

// inQuotes is the part of a value that is in quotes, so that JSON stays JSON.
func inQuotes(text []byte, from, to int) (int, int) {
	for from < to && between[text[from]] {
		from++
	}
	for to > from && between[text[to-1]] {
		to--
	}
	return from, to
}

// few reports a number that is too small to be a secret.
func few(text []byte) bool {
	return len(text) < Least && strings.Trim(string(text), "0123456789.-") == ""
}

// suggests is secret.Name, asked once for each name.
func (r *Redactor) suggests(name []byte) bool {
	known, ok := r.asked[string(name)]
	if !ok {
		if len(r.asked) > 1<<14 {
			clear(r.asked)
		}
		known = secret.Name(string(name))
		r.asked[string(name)] = known
	}
	return known
}

// entry reports whether a text ends in the name of a variable that suggests a secret: Kubernetes and others write {name: PASSWORD, value: TEXT}.
func (r *Redactor) entry(before []byte) bool {
	before = before[max(0, len(before)-longestKey*2):]
	if n := bytes.LastIndex(before, []byte("name")); n >= 0 {
		before = before[n+len("name"):]
	} else {
		return false
	}
	word := strings.Trim(string(before), " \t\r\n\"'\\:=,-{}[]")
	name, _, _ := strings.Cut(word, `"`)
	return r.suggests([]byte(strings.TrimRight(name, `\, `)))
}
