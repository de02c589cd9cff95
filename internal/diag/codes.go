package diag

import (
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Code explains a stable code, at length.
type Code struct {
	Code  string `json:"code" yaml:"-"`
	Title string `json:"title" yaml:"title"`
	Why   string `json:"why" yaml:"why"`
	Do    string `json:"do" yaml:"do"`
}

// Each range of codes is in one file, codes/11.yaml for BERTH11xx: a new code is one entry, a new range one file.
//
//go:embed codes/*.yaml
var codeFiles embed.FS

// ranges names what codes are about, by their first two digits.
var ranges = []struct{ Prefix, About string }{
	{"11", "The config, sourcegraph.yaml"},
	{"12", "Releases and their images"},
	{"13", "The config's settings for Kubernetes"},
	{"21", "The host"},
	{"22", "Rights in a cluster"},
	{"31", "Plans"},
	{"32", "Runs"},
	{"33", "The engine, and services that don't start"},
	{"34", "The cluster, and workloads that don't become ready"},
	{"35", "Changes that a cluster refuses"},
	{"36", "Rendering for other tools"},
	{"37", "Upgrades and rollbacks"},
	{"38", "Automatic upgrades: the policy and the agent"},
	{"39", "Rehearsals of upgrades"},
}

// Codes are all registered codes, in order.
func Codes() ([]Code, error) {
	files, err := codeFiles.ReadDir("codes")
	if err != nil {
		return nil, err
	}
	var codes []Code
	for _, f := range files {
		data, err := codeFiles.ReadFile(path.Join("codes", f.Name()))
		if err != nil {
			return nil, err
		}
		byCode := map[string]Code{}
		if err := yaml.Load(data, &byCode, yaml.WithKnownFields()); err != nil {
			return nil, fmt.Errorf("read codes/%s: %w", f.Name(), err)
		}
		for code, c := range byCode {
			c.Code = code
			codes = append(codes, c)
		}
	}
	slices.SortFunc(codes, func(a, b Code) int { return strings.Compare(a.Code, b.Code) })
	return codes, nil
}

// Explain finds a code; "1102" is short for BERTH1102.
func Explain(code string) (Code, bool) {
	codes, err := Codes()
	if err != nil {
		panic(err) // the files are embedded, and a test reads them
	}
	want := "BERTH" + strings.TrimPrefix(strings.ToUpper(code), "BERTH")
	i := slices.IndexFunc(codes, func(c Code) bool { return c.Code == want })
	if i < 0 {
		return Code{}, false
	}
	return codes[i], true
}

// WriteText writes the explanation for people.
func (c Code) WriteText(w io.Writer) {
	fmt.Fprintf(w, "%s  %s\n\n%s\n\nWhat to do: %s\n", c.Code, c.Title, strings.TrimSpace(c.Why), strings.TrimSpace(c.Do))
}

const codesHead = `# Codes

<!-- Generated from internal/diag/codes. Regenerate with: go test ./internal/config/reference -update -->

Every problem that berth reports has a stable code. ` + "`berth explain BERTH1102`" + ` prints the text below.
`

// Markdown is docs/codes.md.
func Markdown() ([]byte, error) {
	codes, err := Codes()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(codesHead)
	for _, r := range ranges {
		first := true
		for _, c := range codes {
			if !strings.HasPrefix(c.Code, "BERTH"+r.Prefix) {
				continue
			}
			if first {
				fmt.Fprintf(&b, "\n## BERTH%sxx: %s\n", r.Prefix, r.About)
				first = false
			}
			fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n\nWhat to do: %s\n", c.Code, c.Title, strings.TrimSpace(c.Why), strings.TrimSpace(c.Do))
		}
	}
	return []byte(b.String()), nil
}
