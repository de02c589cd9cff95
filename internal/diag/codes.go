package diag

import (
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"berth/internal/fold"
	"go.yaml.in/yaml/v4"
)

// Code explains a stable code, at length.
type Code struct {
	Code  string `json:"code" yaml:"-"`
	Title string `json:"title" yaml:"title"`
	Since string `json:"since" yaml:"since"` // the day on which berth had it first: issues before it count differently from those after it
	Why   string `json:"why" yaml:"why"`
	Do    string `json:"do" yaml:"do"`
}

// Each range of codes is in one file, codes/11.yaml for BERTH11xx: a new code is one entry, a new range one file.
//
//go:embed codes/*.yaml
var codeFiles embed.FS

// Codes are all registered codes, in order. They are read once: who counts thousands of issues asks for as many.
var Codes = sync.OnceValues(readCodes)

func readCodes() ([]Code, error) {
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
	i, ok := slices.BinarySearchFunc(codes, want, func(c Code, want string) int { return strings.Compare(c.Code, want) })
	if !ok {
		return Code{}, false
	}
	return codes[i], true
}

// WriteText writes the explanation for people.
func (c Code) WriteText(w io.Writer, on Paper) {
	text := fmt.Sprintf("%s  %s\n\n%s\n\nWhat to do: %s\n\nIn berth since %s.", c.Code, c.Title, strings.TrimSpace(c.Why), strings.TrimSpace(c.Do), c.Since)
	fmt.Fprintln(w, fold.Prose(on.Columns, text))
}
