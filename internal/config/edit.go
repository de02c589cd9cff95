package config

import (
	"bytes"
	"fmt"

	"berth/internal/diag"
)

// WithRelease gives the text of a config with another release. Every other byte stays: comments, spaces, order, line breaks. A config
// without the key gets it as its first line.
func WithRelease(file string, text []byte, release string) ([]byte, error) {
	doc, problems := Load(file, text)
	if problems.Failed() {
		return nil, problems
	}
	if !doc.Has("release") {
		return append([]byte("release: "+release+"\n"), text...), nil
	}
	at := doc.At("release")
	lines := bytes.SplitAfter(text, []byte("\n"))
	line := lines[at.Line-1]
	old := doc.Config.Release
	begin := at.Column - 1
	if i := bytes.Index(line[min(begin, len(line)):], []byte(old)); old == "" || i < 0 {
		return nil, diag.List{{Code: "BERTH3757", Severity: diag.Error, Range: at, Subject: "release", Summary: "the release can't be changed where it stands",
			Hint: fmt.Sprintf("write it on a line of its own:  release: %s", release)}}
	} else {
		begin += i
	}
	var out bytes.Buffer
	for i, l := range lines {
		if i == at.Line-1 {
			l = bytes.Join([][]byte{l[:begin], []byte(release), l[begin+len(old):]}, nil)
		}
		out.Write(l)
	}
	return out.Bytes(), nil
}

// WithoutService gives the text of a config that says nothing of a service any more, or, with into, the same of another one. Every other byte
// stays. What can't be edited without touching more is a problem.
func WithoutService(file string, text []byte, service, into string) ([]byte, error) {
	doc, problems := Load(file, text)
	if problems.Failed() {
		return nil, problems
	}
	key := doc.KeyAt("services." + service)
	lines := bytes.SplitAfter(text, []byte("\n"))
	line := lines[key.Line-1]
	begin := bytes.Index(line, []byte(service))
	if into != "" && begin >= 0 {
		lines[key.Line-1] = bytes.Join([][]byte{line[:begin], []byte(into), line[begin+len(service):]}, nil)
		return bytes.Join(lines, nil), nil
	}
	if begin < 0 || len(bytes.TrimLeft(line[:begin], " ")) > 0 {
		return nil, diag.List{{Code: "BERTH3757", Severity: diag.Error, Range: key, Subject: "services." + service,
			Summary: "services." + service + " can't be taken out where it stands", Hint: "write each service on a line of its own, or take it out by hand when the upgrade has arrived before it"}}
	}
	end := key.Line
	for end < len(lines) && deeper(lines[end], begin) {
		end++
	}
	if only := len(doc.Config.Services) == 1; only {
		// A mapping of nothing left would be an empty key.
		at := doc.KeyAt("services").Line - 1
		return bytes.Join(append(lines[:at:at], lines[end:]...), nil), nil
	}
	return bytes.Join(append(lines[:key.Line-1:key.Line-1], lines[end:]...), nil), nil
}

// deeper reports whether a line belongs to the key that is indented by some spaces: it is indented further.
func deeper(line []byte, indent int) bool {
	trimmed := bytes.TrimLeft(line, " ")
	return len(bytes.TrimSpace(line)) > 0 && len(line)-len(trimmed) > indent
}
