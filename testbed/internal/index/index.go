// Package index is a trigram index of the text files of one commit, and the search in it.
package index

import (
	"archive/tar"
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

const maxFile = 1 << 20 // larger files are not code

// File is a text file.
type File struct {
	Path    string
	Content string
}

// Match is a line that has what was searched for.
type Match struct {
	Repo       string `json:"repository"`
	Commit     string `json:"commit"`
	Path       string `json:"path"`
	LineNumber int    `json:"lineNumber"`
	Line       string `json:"line"`
}

// Query is what to look for: a text, upper and lower case alike, in files whose path has another text.
type Query struct {
	Text, Path string
	Limit      int
}

// Index has the files and, for each three letters, the files that have them.
type Index struct {
	Repo, Commit string
	Files        []File
	Trigrams     map[string][]int
}

// Files reads the text files of a tar archive.
func Files(r io.Reader) ([]File, error) {
	var out []File
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxFile {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, fmt.Errorf("read archive: %s: %w", h.Name, err)
		}
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) < 0 {
			out = append(out, File{h.Name, string(text)})
		}
	}
}

// Build makes the index of files.
func Build(repo, commit string, files []File) *Index {
	x := &Index{Repo: repo, Commit: commit, Files: files, Trigrams: map[string][]int{}}
	for n, f := range files {
		for t := range trigrams(f.Content) {
			x.Trigrams[t] = append(x.Trigrams[t], n)
		}
	}
	return x
}

func trigrams(text string) map[string]bool {
	out := map[string]bool{}
	text = strings.ToLower(text)
	for i := 0; i+3 <= len(text); i++ {
		out[text[i:i+3]] = true
	}
	return out
}

// candidates are the files that have all trigrams of the text; a text too short for one may be anywhere.
func (x *Index) candidates(text string) []int {
	var out []int
	need := trigrams(text)
	count := map[int]int{}
	for t := range need {
		for _, n := range x.Trigrams[t] {
			count[n]++
		}
	}
	for n := range x.Files {
		if count[n] == len(need) {
			out = append(out, n)
		}
	}
	return out
}

// Search gives the matches in the order of files and lines.
func (x *Index) Search(q Query) []Match {
	var files []File
	for _, n := range x.candidates(q.Text) {
		files = append(files, x.Files[n])
	}
	return Scan(x.Repo, x.Commit, files, q)
}

// Scan searches files without an index.
func Scan(repo, commit string, files []File, q Query) []Match {
	var out []Match
	want := strings.ToLower(q.Text)
	for _, f := range files {
		if q.Path != "" && !strings.Contains(f.Path, q.Path) || !strings.Contains(strings.ToLower(f.Content), want) {
			continue
		}
		for n, line := range strings.Split(f.Content, "\n") {
			if !strings.Contains(strings.ToLower(line), want) {
				continue
			}
			out = append(out, Match{repo, commit, f.Path, n + 1, strings.TrimSuffix(line, "\r")})
			if q.Limit > 0 && len(out) >= q.Limit {
				return out
			}
		}
	}
	return out
}

// name is the file of a repository's index.
func name(repo string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(repo) + ".index"
}

// Write puts the index into a folder in one move, so that a reader never sees half of it.
func (x *Index) Write(dir string) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(x); err != nil {
		return err
	}
	file := filepath.Join(dir, name(x.Repo))
	if err := os.WriteFile(file+".tmp", b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}

// Remove deletes the indexes of repositories that are not to be kept.
func Remove(dir string, keep map[string]bool) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.index"))
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for repo := range keep {
		wanted[name(repo)] = true
	}
	for _, f := range files {
		if !wanted[filepath.Base(f)] {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Load reads all indexes of a folder, in the order of their repositories.
func Load(dir string) ([]*Index, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.index"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var out []*Index
	for _, f := range files {
		text, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		x := &Index{}
		if err := gob.NewDecoder(bytes.NewReader(text)).Decode(x); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// Path is where the index of a repository is.
func Path(dir, repo string) string { return filepath.Join(dir, name(repo)) }
