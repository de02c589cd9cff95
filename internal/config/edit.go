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
