package redact

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"

	"berth/internal/secret"
)

const (
	block = 1 << 20 // bytes that are read at once
	// margin is how much of a block is searched again with the next one: more than any form of a piece needs.
	margin = 16 << 10
	// mostKept is how much is kept back for what has no end yet, such as a private key.
	mostKept = 4 << 20
)

// Masked is how often something was masked, by what it was.
type Masked map[string]int

// Redactor removes what a set knows from streams. Each goroutine has its own.
type Redactor struct {
	finder
	asked  map[string]bool // what was said of names before
	buffer []byte
	spans  []span
	masked Masked
	used   map[int32]int // how often each name was replaced
	inside bool          // a text that is dropped to its end
}

// New is a redactor for a set.
func New(s *Set) *Redactor {
	return &Redactor{finder: finder{Set: s}, asked: map[string]bool{}, used: map[int32]int{}}
}

// Copy copies a text without what must not be in it. Compressed data is masked inside, and compressed again.
func (r *Redactor) Copy(w io.Writer, from io.Reader) (Masked, error) {
	b := bufio.NewReaderSize(from, 4<<10)
	if magic, _ := b.Peek(3); bytes.Equal(magic, []byte{0x1f, 0x8b, 8}) {
		unpacked, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		packed := gzip.NewWriter(w)
		masked, err := r.Copy(packed, unpacked)
		return masked, errors.Join(err, packed.Close())
	}
	r.masked, r.inside = Masked{}, false
	err := r.each(b, func(text []byte) error {
		_, err := w.Write(text)
		return err
	}, r.spansOf)
	return r.masked, err
}

// Text is Copy for a text in memory.
func (r *Redactor) Text(text string) string {
	var b bytes.Buffer
	_, _ = r.Copy(&b, bytes.NewReader([]byte(text))) // a buffer takes everything
	return b.String()
}

// Has reports what of a set's values and names a text has: none, if it is clean. Patterns of secrets do not count.
func (r *Redactor) Has(from io.Reader) (has []Value, err error) {
	b := bufio.NewReaderSize(from, 4<<10)
	var in io.Reader = b
	if magic, _ := b.Peek(3); bytes.Equal(magic, []byte{0x1f, 0x8b, 8}) {
		if in, err = gzip.NewReader(b); err != nil {
			return nil, err
		}
	}
	r.masked, r.inside = Masked{}, false
	err = r.each(in, func([]byte) error { return nil }, func(text []byte) []span {
		r.spans = r.find(text, 0, r.spans[:0])
		r.hits = r.hits[:0]
		for _, s := range r.spans {
			v := r.value(s.value)
			if s.value == hasNames {
				v = &Value{What: r.what(hasNames)}
			}
			if v != nil && !slices.Contains(has, *v) {
				has = append(has, *v)
			}
		}
		return r.spans
	})
	return has, err
}

// each gives a stream in parts, masked. spans says what is to mask in a block.
func (r *Redactor) each(from io.Reader, give func([]byte) error, spans func([]byte) []span) error {
	kept := 0
	for {
		if cap(r.buffer) < kept+block {
			r.buffer = append(make([]byte, 0, kept+block), r.buffer[:kept]...)
		}
		n, err := io.ReadFull(from, r.buffer[kept:kept+block])
		last := err != nil // what came before an error is given, too
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = nil
		}
		text := r.buffer[:kept+n]
		found := r.merged(spans(text))
		end := len(text)
		if !last {
			end = cut(text, found)
		}
		if failed := r.write(text, found, end, give); failed != nil || last {
			return errors.Join(failed, err)
		}
		kept = copy(r.buffer[:cap(r.buffer)], text[end:])
	}
}

// merged are spans in their order, those together that touch.
func (f *finder) merged(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out) - 1; n >= 0 && s.from <= out[n].to {
			if f.over(s, out[n]) {
				out[n].value = s.value
			}
			out[n].to = max(out[n].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// over reports whether the first of two spans that touch says more than the second: a secret more than a name, what is known more than a pattern, a
// longer name more than a shorter one. What follows a repository's name in a URL belongs to no other one.
func (f *finder) over(a, b span) bool {
	rank := func(s span) int {
		switch v := f.value(s.value); {
		case v == nil:
			return 2
		case v.kind == "":
			return 3
		case v.kind == Repositories && s.value < firstFound:
			return 1
		}
		return 0
	}
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra > rb
	}
	return rank(a) < 2 && a.to-a.from > b.to-b.from
}

// cut is where a block ends for now: at a line's end, and through nothing that is masked or that may go on in the next block.
func cut(text []byte, found []span) int {
	end := max(0, len(text)-margin)
	if n := bytes.LastIndexByte(text[:end], '\n'); n >= end/2 {
		end = n + 1
	}
	run := end
	for run > 0 && run < len(text) && end-run < mostRun && sextets[text[run-1]] != 0xff && sextets[text[run]] != 0xff {
		run--
	}
	if end-run < mostRun && run > 0 {
		end = run
	}
	for _, s := range slices.Backward(found) {
		if s.from < end && end < s.to {
			if end = s.from; len(text)-end > mostKept || end == 0 {
				end = s.to
			}
		}
	}
	return end
}

// write gives a part of a text, with stars for what is masked.
func (r *Redactor) write(text []byte, found []span, end int, give func([]byte) error) error {
	last := 0
	for _, s := range found {
		if s.from >= end {
			break
		}
		as := secret.Stars
		if v := r.value(s.value); v != nil && v.kind != "" {
			as = v.as
			r.used[s.value]++
		}
		r.masked[r.what(s.value)]++
		if err := give(text[last:s.from]); err != nil {
			return err
		}
		if err := give([]byte(as)); err != nil {
			return err
		}
		last = s.to
	}
	if last >= end {
		return nil
	}
	return give(text[last:end])
}

// what is a word for what was masked.
func (r *Redactor) what(value int32) string {
	switch {
	case value >= 0:
		return r.value(value).What
	case value == byName:
		return "by its name"
	case value == byForm:
		return "a random key"
	case value == unlooked:
		return "compressed data that is too large to look into"
	case value == hasNames:
		return "compressed data with names"
	}
	return r.patterns[-1-value].What
}

// spansOf are the parts of a block to mask: known values, then patterns, then what names suggest.
func (r *Redactor) spansOf(text []byte) []span {
	r.hits = r.hits[:0]
	r.spans = r.find(text, 0, r.spans[:0])
	if r.patterns == nil {
		return r.spans
	}
	r.matches(text)
	r.words(text)
	r.named(text)
	return r.spans
}
