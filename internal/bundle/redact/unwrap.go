package redact

import "bytes"

var (
	lineBreak = signs(" \t\r\n")
	comments  = signs("#>|*")
)

// wrap is where a line goes on that a program broke: after the line break, what indents the next line, and what makes it a comment. Without a line
// break at the place it is the place itself.
func wrap(text []byte, at int) (next int) {
	next, broken := at, false
	for next < len(text) && next-at < longestGap && lineBreak[text[next]] {
		broken = broken || text[next] == '\n'
		next++
	}
	if !broken {
		return at
	}
	comment := next
	for comment < len(text) && comments[text[comment]] {
		comment++
	}
	if comment == next || comment == len(text) || text[comment] != ' ' && text[comment] != '\t' {
		return next
	}
	for comment < len(text) && (text[comment] == ' ' || text[comment] == '\t') {
		comment++
	}
	return comment
}

// longestEscape is how much of an escape may be before a line break.
const longestEscape = 9

// nearby is how much beside such a line break is looked at.
const nearby = 4 << 10

// unwrap joins lines that are broken within an escape, or so often that a gram goes over several of them.
func (f *finder) unwrap(text []byte, depth int, out []span) []span {
	for at := 0; ; {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			return out
		}
		at += n
		end := at
		for end > 0 && (text[end-1] == ' ' || text[end-1] == '\r') {
			end--
		}
		tail := text[max(0, end-longestEscape):end]
		sign := bytes.LastIndexAny(tail, `\%&`)
		cut := sign >= 0 && !bytes.ContainsFunc(tail[sign+1:], notIn(escapeSigns))
		// What was broken before it was written with escapes has shorter lines than anybody makes.
		short := depth > 0 && end-1-bytes.LastIndexByte(text[:end], '\n') < leastLine
		if !cut && !short {
			at++
			continue
		}
		from, to := max(0, at-nearby), min(len(text), at+2*nearby)
		out = f.joinedLines(text, from, to, false, depth, out)
		if bytes.HasSuffix(tail, []byte{'\\'}) {
			out = f.joinedLines(text, from, to, true, depth, out)
		}
		at = max(at+1, to-nearby)
	}
}

// escapeSigns are in escapes, after their first sign.
var escapeSigns = signs("0123456789abcdefABCDEFuUxX#lgtmpqos")

func notIn(set [256]bool) func(rune) bool {
	return func(r rune) bool { return r > 255 || !set[r] }
}

// joinedLines searches a part of a text without its line breaks. continued says that a backslash before one belongs to it.
func (f *finder) joinedLines(text []byte, from, to int, continued bool, depth int, out []span) []span {
	l := &f.levels[depth]
	l.decoded, l.places = l.decoded[:0], l.places[:0]
	for i := from; i < to; {
		next := i
		if lineBreak[text[i]] {
			next = min(wrap(text, i), to)
		}
		if next == i {
			l.decoded, l.places = append(l.decoded, text[i]), append(l.places, int32(i))
			next++
		} else if n := len(l.decoded); continued && n > 0 && l.decoded[n-1] == '\\' {
			l.decoded, l.places = l.decoded[:n-1], l.places[:n-1]
		}
		i = next
	}
	l.places = append(l.places, int32(to))
	before := f.joins
	f.joins = true
	out = f.in(l.decoded, l.places, depth, out)
	f.joins = before
	return out
}
