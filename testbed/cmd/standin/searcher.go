package main

import (
	"context"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"regexp"

	"berth/testbed/internal/index"
)

// searcher searches repositories without an index. It keeps the files of a commit in its cache folder.
type searcher struct {
	*service
	dir string
}

func newSearcher(s *service, folder string) (*searcher, error) {
	dir := s.env("CACHE_DIR")
	if dir == "" {
		dir = "/mnt/cache"
	}
	x := &searcher{s, filepath.Join(dir, folder)}
	return x, os.MkdirAll(x.dir, 0o755)
}

func runSearcher(ctx context.Context, s *service) error {
	x, err := newSearcher(s, "searcher-archives")
	if err != nil {
		return err
	}
	m := s.mux(always)
	m.HandleFunc("POST /search", x.search)
	m.HandleFunc("POST /symbols", x.symbols) // from release 6.4 on; before, a service of its own
	return s.serve(ctx, map[string]http.Handler{":3181": m, ":6060": s.debug(always)})
}

func runSymbols(ctx context.Context, s *service) error {
	x, err := newSearcher(s, "symbols")
	if err != nil {
		return err
	}
	m := s.mux(always)
	m.HandleFunc("POST /symbols", x.symbols)
	return s.serve(ctx, map[string]http.Handler{":3184": m, ":6060": s.debug(always)})
}

// files gives the files of each repository that is asked for, from the cache or from gitserver.
func (x *searcher) files(ctx context.Context, names []string, each func(repoInfo, []index.File)) error {
	var repos []repoInfo
	if err := get(ctx, frontendURL(x.env)+"/internal/repos", &repos); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	for _, r := range repos {
		if !wanted[r.Name] || r.Commit == "" {
			continue
		}
		files, err := x.cached(ctx, r)
		if err != nil {
			return err
		}
		each(r, files)
	}
	return nil
}

func (x *searcher) cached(ctx context.Context, r repoInfo) (files []index.File, err error) {
	h := fnv.New128a()
	fmt.Fprint(h, r.Name, "@", r.Commit)
	path := filepath.Join(x.dir, hex.EncodeToString(h.Sum(nil)))
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		if gob.NewDecoder(f).Decode(&files) == nil {
			return files, nil
		}
	}
	if files, err = archive(ctx, r); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(x.dir, "new-")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(files), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	return files, os.Rename(f.Name(), path)
}

func (x *searcher) search(w http.ResponseWriter, r *http.Request) {
	var a ask
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	t := told{Indexed: map[string]string{}}
	err := x.files(r.Context(), a.Repos, func(i repoInfo, files []index.File) {
		t.Indexed[i.Name] = i.Commit
		t.Matches = append(t.Matches, index.Scan(i.Name, i.Commit, files, a.Query)...)
	})
	if err != nil {
		refuse(w, http.StatusBadGateway, err)
		return
	}
	reply(w, t)
}

var definition = regexp.MustCompile(`(?m)^\s*(?:func(?: \([^)]*\))?|type|class|def|fn|struct|interface) ([A-Za-z_]\w*)`)

func (x *searcher) symbols(w http.ResponseWriter, r *http.Request) {
	var a ask
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	out := map[string][]string{}
	err := x.files(r.Context(), a.Repos, func(_ repoInfo, files []index.File) {
		for _, f := range files {
			for _, d := range definition.FindAllStringSubmatch(f.Content, -1) {
				out[f.Path] = append(out[f.Path], d[1])
			}
		}
	})
	if err != nil {
		refuse(w, http.StatusBadGateway, err)
		return
	}
	reply(w, out)
}
