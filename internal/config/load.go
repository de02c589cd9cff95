package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

const (
	// MaxSize is the most bytes of a config: it has a few lines, and a larger file is another one by mistake.
	MaxSize   = 1 << 20
	maxSyntax = 10 // berth stops after this many syntax errors
)

// ReadFile reads a config's text. Only a regular file is one: a pipe may never end, and a folder or a device is a mistake. The error says so in plain
// words; it wraps fs.ErrNotExist where there is nothing.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, errors.New("it is a link that leads back to itself")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("you may not read it")
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, errors.New("you may not read it")
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, MaxSize+1))
}

// Doc is a config as read, with the place of every key. Where there were problems, Config has what could be read.
type Doc struct {
	File   string
	Config *Config
	broken bool
	values map[string]diag.Range
	keys   map[string]diag.Range
	top    diag.Range
}

// At is the place of a key's value: "services.gitserver.replicas", "patches.0.compose". For a block that begins on a later line, show the
// key's place instead. A key that is not set has the zero Range.
func (d *Doc) At(path string) diag.Range { return d.values[path] }

// KeyAt is the place of a key. A list's items have no keys.
func (d *Doc) KeyAt(path string) diag.Range { return d.keys[path] }

// Has reports whether a key is set.
func (d *Doc) Has(path string) bool { _, ok := d.values[path]; return ok }

// Matching are the paths that are set and match a pattern, where * stands for a name or a number, in the order of the file.
func (d *Doc) Matching(pattern string) (paths []string) {
	for p := range d.values {
		if fits, err := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(p, ".", "/")); err == nil && fits {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		x, y := d.values[a], d.values[b]
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column), cmp.Compare(a, b))
	})
	return paths
}

// Broken reports whether the form has problems: a missing key may only be misspelt.
func (d *Doc) Broken() bool { return d.broken }

// Near is the place of a key, or of the closest key above it that is set: where a missing key belongs.
func (d *Doc) Near(path string) diag.Range {
	for path != "" {
		if r, ok := d.keys[path]; ok {
			return r
		}
		if r, ok := d.values[path]; ok {
			return r
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return d.top
}

// Load reads a config and reports all errors in its form. file is its name in messages.
func Load(file string, data []byte) (*Doc, diag.List) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	doc := &Doc{File: file, Config: &Config{}, values: map[string]diag.Range{}, keys: map[string]diag.Range{}}
	d := &decoder{src: newSource(file, strings.ToValidUTF8(string(data), "\uFFFD")), doc: doc, budget: maxValues}
	doc.top = d.src.at(1, 1, utf8.RuneCountInString(d.src.lines[0]))
	if doc.broken = len(data) > MaxSize; doc.broken {
		d.errorf("BERTH1114", diag.Range{File: file, Line: 1, Column: 1}, "name the config with: --config FILE", "the file has over %d bytes, too many for a config", MaxSize)
		return doc, d.problems
	}
	if doc.broken = !d.encoding(data); doc.broken {
		return doc, d.problems
	}
	lines := d.tabs()
	if n := d.parse(lines); n != nil {
		d.document(n)
	}
	d.problems.Sort()
	doc.broken = d.problems.Failed()
	return doc, d.problems
}

// encoding reports bytes that are no text.
func (d *decoder) encoding(data []byte) bool {
	before := data
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if broken := r == utf8.RuneError && size == 1; broken || r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0x7f {
			before = data[:i]
			what := fmt.Sprintf("the control character %U", r)
			if broken {
				what = fmt.Sprintf("the byte 0x%02x, which is not UTF-8", data[i])
			}
			text := lineBreaks.Replace(string(before))
			at := d.src.at(1+strings.Count(text, "\n"), 1+utf8.RuneCountInString(text[strings.LastIndexByte(text, '\n')+1:]), 1)
			d.errorf("BERTH1112", at, "save the file as plain UTF-8 text", "the file has %s", what)
			return false
		}
		i += size
	}
	return true
}

// tabs reports lines that are indented with tabs, which YAML forbids. It returns the lines with a space for each tab, so that reading
// continues and columns stay.
func (d *decoder) tabs() []string {
	lines := make([]string, len(d.src.lines))
	var tabbed []int
	for i, line := range d.src.lines {
		text := strings.TrimLeft(line, " \t")
		indent := line[:len(line)-len(text)]
		if strings.Contains(indent, "\t") && text != "" && text[0] != '#' {
			tabbed = append(tabbed, i+1)
		}
		lines[i] = strings.ReplaceAll(indent, "\t", " ") + text
	}
	if len(tabbed) > 0 {
		if yaml.Load([]byte(strings.Join(d.src.lines, "\n")), &yaml.Node{}) == nil {
			return slices.Clone(d.src.lines) // a text may have tabs
		}
		line := d.src.lines[tabbed[0]-1]
		more := ""
		if n := len(tabbed) - 1; n > 0 {
			more = fmt.Sprintf(", and %d more", n)
		}
		d.errorf("BERTH1111", d.src.at(tabbed[0], strings.IndexByte(line, '\t')+1, 1), "indent with spaces",
			"the line is indented with a tab%s", more)
	}
	return lines
}

// parse reads the first document. The reader stops at the first syntax error, so parse removes the block around it and reads again until no
// error is left: all errors are reported at once.
func (d *decoder) parse(lines []string) *yaml.Node {
	for range maxSyntax {
		text := strings.Join(lines, "\n")
		loader, err := yaml.NewLoader(strings.NewReader(text))
		var doc, second yaml.Node
		if err == nil {
			err = loader.Load(&doc)
		}
		if err == nil {
			if err = loader.Load(&second); err == nil {
				d.errorf("BERTH1110", d.src.at(second.Line, 1, 3), "one file describes one installation; put the second in its own file",
					"a second document begins here")
			}
		}
		if errors.Is(err, io.EOF) || err == nil {
			if len(d.problems) > 0 && (doc.Kind == 0 || doc.Content[0].Kind == yaml.ScalarNode) {
				return nil // after syntax errors the rest may be wrong only because of them
			}
			if doc.Kind == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].ShortTag() == "!!null" {
				d.errorf("BERTH1109", d.doc.top, "berth init writes one", "the file is empty")
				return nil
			}
			return doc.Content[0]
		}
		if !d.syntax(err, lines) {
			return nil
		}
	}
	return nil
}

// syntax reports a syntax error and blanks the block that it is in. It reports whether something is left to read.
func (d *decoder) syntax(err error, lines []string) bool {
	var e *yaml.LoadError
	if !errors.As(err, &e) || e.Mark.Line < 1 {
		d.errorf("BERTH1101", d.doc.top, "", "the file is not valid YAML: %v", err)
		return false
	}
	p := explainSyntax(e, lines)
	r := d.src.at(p.line, p.column, utf8.RuneCountInString(d.src.rest(p.line, p.column)))
	d.errorf("BERTH1101", r, p.hint, "%s", p.summary)
	first, last := r.Line-1, r.Line-1
	for first > 0 && !topLevel(lines[first]) {
		first--
	}
	for last+1 < len(lines) && !topLevel(lines[last+1]) {
		last++
	}
	clear(lines[first : last+1])
	return strings.TrimSpace(strings.Join(lines, "")) != ""
}

func topLevel(line string) bool { return line != "" && !strings.ContainsAny(line[:1], " #") }
