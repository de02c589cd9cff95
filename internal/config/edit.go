package config

import (
	"bytes"
	"maps"
	"reflect"

	"berth/internal/diag"
)

// WithRelease returns the text of a config with another release. Every other byte stays: comments, spaces, order, line breaks. A config
// without the key gets it as its first line. An edit that would mean anything else returns a problem.
func WithRelease(file string, text []byte, release string) ([]byte, error) {
	doc, problems := Load(file, text)
	if problems.Failed() {
		return nil, problems
	}
	var edited []byte
	if doc.Has("release") {
		edited = replaced(text, doc.At("release"), doc.Config.Release, release)
	} else {
		edited = append([]byte("release: "+release+"\n"), text...)
	}
	meant := *doc.Config
	meant.Release = release
	return meaning(file, edited, meant, diag.Diagnostic{Range: doc.At("release"), Subject: "release", Summary: "berth can't change the release in this form",
		Hint: "write it on a line of its own:  release: " + release})
}

// WithoutService returns the text of a config without the settings of a service, or, with into, with these settings for another service.
// Every other byte stays. An edit that would mean anything else returns a problem.
func WithoutService(file string, text []byte, service, into string) ([]byte, error) {
	doc, problems := Load(file, text)
	if problems.Failed() {
		return nil, problems
	}
	key := doc.KeyAt("services." + service)
	meant := *doc.Config
	meant.Services = maps.Clone(meant.Services)
	var edited []byte
	if into != "" {
		meant.Services[into] = meant.Services[service]
		edited = replaced(text, key, service, into)
	} else if len(meant.Services) == 1 {
		edited = withoutBlock(text, doc.KeyAt("services")) // an empty mapping would leave a key without a value
	} else {
		edited = withoutBlock(text, key)
	}
	delete(meant.Services, service)
	return meaning(file, edited, meant, diag.Diagnostic{Range: key, Subject: "services." + service,
		Summary: "services." + service + " can't be removed in this form",
		Hint:    "write each service on lines of its own, or remove it by hand when the upgrade has reached that release"})
}

// meaning returns an edited text if it means what was meant, and else the problem: YAML has more forms than an edit can know.
func meaning(file string, edited []byte, meant Config, otherwise diag.Diagnostic) ([]byte, error) {
	if doc, problems := Load(file, edited); edited != nil && !problems.Failed() && same(*doc.Config, meant) {
		return edited, nil
	}
	otherwise.Code, otherwise.Severity = "BERTH3757", diag.Error
	return nil, diag.List{otherwise}
}

// same compares configs; no services and an empty mapping of services are the same.
func same(a, b Config) bool {
	if len(a.Services)+len(b.Services) == 0 {
		a.Services, b.Services = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// replaced replaces the word at a place, quoted or not; nil: another word is there.
func replaced(text []byte, at diag.Range, old, new string) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) || old == "" {
		return nil
	}
	line := lines[at.Line-1]
	begin := min(at.Column-1, len(line))
	if rest := line[begin:]; len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		begin++
	}
	rest, found := bytes.CutPrefix(line[begin:], []byte(old))
	if !found {
		return nil
	}
	lines[at.Line-1] = bytes.Join([][]byte{line[:begin], []byte(new), rest}, nil)
	return bytes.Join(lines, nil)
}

// withoutBlock removes a key at the beginning of a line with the lines that belong to it: those indented further, and the comments and
// empty lines between them. nil: the key is inside a line.
func withoutBlock(text []byte, key diag.Range) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if key.Line < 1 || key.Line > len(lines) || len(bytes.TrimLeft(lines[key.Line-1][:key.Column-1], " ")) > 0 {
		return nil
	}
	end := key.Line
	for i := end; i < len(lines); i++ {
		content := bytes.TrimLeft(lines[i], " ")
		if empty := len(bytes.TrimSpace(content)) == 0; empty || content[0] == '#' {
			continue
		}
		if len(lines[i])-len(content) < key.Column {
			break
		}
		end = i + 1
	}
	return bytes.Join(append(lines[:key.Line-1:key.Line-1], lines[end:]...), nil)
}
