package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const reposDir = "/data/repos"

// cloned is what gitserver reports of a repository.
type cloned struct {
	Name, Shard, Commit, Error string
	Bytes                      int64
}

// gitserver keeps the clones of the repositories that the frontend gives to its address.
type gitserver struct {
	*service
	self   string               // address in SRC_GIT_SERVERS
	looked map[string]time.Time // when the code host was asked last
}

func runGitserver(ctx context.Context, s *service) error {
	g := &gitserver{service: s, looked: map[string]time.Time{}}
	if err := os.MkdirAll(filepath.Join(reposDir, ".tmp"), 0o755); err != nil {
		return err
	}
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		self, err := s.join(ctx, "SRC_GIT_SERVERS", hostname(), func(c internalConfig) []string { return c.Gitservers })
		if err != nil {
			failed <- err
			cancel()
			return
		}
		g.self = self
		s.logf("this is shard %s", self)
		s.every(ctx, 2*time.Second, g.sync)
	}()
	go s.echoes(ctx, echoPause)
	m := s.mux(always)
	m.HandleFunc("GET /file", g.file)
	m.HandleFunc("GET /archive", g.archive)
	m.HandleFunc("GET /repos", g.list)
	err := s.serve(ctx, map[string]http.Handler{":3178": m, ":6060": s.debug(always)})
	select {
	case err = <-failed: // the cause; what serve says is only that the context ended
	default:
	}
	return err
}

func folder(repo string) string { return filepath.Join(reposDir, filepath.FromSlash(repo), ".git") }

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// head is the commit that is searched: HEAD, or some branch when HEAD points to none.
func head(ctx context.Context, dir string) (string, error) {
	if c, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err == nil {
		return c, nil
	}
	c, err := git(ctx, dir, "for-each-ref", "--count=1", "--format=%(objectname)", "refs/heads")
	if err == nil && c == "" {
		err = errors.New("the repository has no commit")
	}
	return c, err
}

// sync clones what is missing or changed and removes what this shard no longer has.
func (g *gitserver) sync(ctx context.Context) error {
	var repos []repoInfo
	if err := get(ctx, frontendURL(g.env)+"/internal/repos?gitserver="+url.QueryEscape(g.self), &repos); err != nil {
		return err
	}
	mine := map[string]bool{}
	for _, r := range repos {
		mine[r.Name] = true
		report, err := g.one(ctx, r)
		if err != nil {
			g.logf("%s: %v", r.Name, err)
			report = &cloned{Name: r.Name, Shard: g.self, Error: err.Error()}
		}
		if report != nil {
			if err := send(ctx, "POST", frontendURL(g.env)+"/internal/cloned", report, nil); err != nil {
				return err
			}
		}
	}
	return g.removeOthers(mine)
}

// one brings a repository up to date; it reports when the frontend doesn't know the state.
func (g *gitserver) one(ctx context.Context, r repoInfo) (*cloned, error) {
	dir := folder(r.Name)
	revision, err := os.ReadFile(filepath.Join(dir, "standin-revision"))
	have := err == nil && string(revision) == strconv.Itoa(r.Revision)
	if have && r.URI != "bundle:" && time.Since(g.looked[r.Name]) > 30*time.Second {
		g.looked[r.Name] = time.Now()
		if out, err := git(ctx, dir, "ls-remote", r.URI, "HEAD"); err == nil {
			now, err := head(ctx, dir)
			have = err == nil && strings.HasPrefix(out, now)
		}
	}
	if have && r.Commit != "" {
		return nil, nil
	}
	if !have {
		if err := g.clone(ctx, r, dir); err != nil {
			return nil, err
		}
	}
	commit, err := head(ctx, dir)
	if err != nil {
		return nil, err
	}
	size, err := du(dir)
	if err != nil {
		return nil, err
	}
	g.logf("%s is at %s", r.Name, commit)
	return &cloned{Name: r.Name, Shard: g.self, Commit: commit, Bytes: size}, nil
}

// clone makes the clone beside its place and moves it there, so that a half one is never served.
func (g *gitserver) clone(ctx context.Context, r repoInfo, dir string) error {
	tmp, err := os.MkdirTemp(filepath.Join(reposDir, ".tmp"), "clone-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	from := r.URI
	if from == "bundle:" {
		from = filepath.Join(tmp, "bundle")
		if err := download(ctx, frontendURL(g.env)+"/internal/bundle?repo="+url.QueryEscape(r.Name), from); err != nil {
			return err
		}
	}
	fresh := filepath.Join(tmp, "git")
	if _, err := git(ctx, tmp, "clone", "--quiet", "--mirror", from, fresh); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, "standin-revision"), []byte(strconv.Itoa(r.Revision)), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Rename(dir, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(fresh, dir)
}

func download(ctx context.Context, url, to string) error {
	b, err := call(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	defer b.Close()
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, b)
	return errors.Join(err, f.Close())
}

func du(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err == nil {
			n += i.Size()
		}
		return err
	})
	return n, err
}

// clones lists the repositories on disk.
func clones() (names []string, err error) {
	err = filepath.WalkDir(reposDir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch d.Name() {
		case ".tmp", "lost+found":
			return filepath.SkipDir
		case ".git":
			name, err := filepath.Rel(reposDir, filepath.Dir(p))
			names = append(names, filepath.ToSlash(name))
			return errors.Join(err, filepath.SkipDir)
		}
		return nil
	})
	return names, err
}

func (g *gitserver) removeOthers(mine map[string]bool) error {
	names, err := clones()
	if err != nil {
		return err
	}
	for _, n := range names {
		if !mine[n] {
			g.logf("%s belongs to another shard or is gone: removed", n)
			if err := os.RemoveAll(folder(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gitserver) list(w http.ResponseWriter, r *http.Request) {
	names, err := clones()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	reply(w, names)
}

// stream runs git and sends what it prints.
func (g *gitserver) stream(w http.ResponseWriter, r *http.Request, args ...string) {
	repo, commit := r.FormValue("repo"), r.FormValue("commit")
	if !repoName.MatchString(repo) || strings.Contains(repo, "..") || strings.HasPrefix(commit, "-") {
		refuse(w, http.StatusBadRequest, fmt.Errorf("repo=%s commit=%s: no such thing", repo, commit))
		return
	}
	cmd := exec.CommandContext(r.Context(), "git", args...)
	cmd.Dir = folder(repo)
	out, err := cmd.Output()
	if err != nil {
		refuse(w, http.StatusNotFound, fmt.Errorf("%s at %s: %w", repo, commit, err))
		return
	}
	_, _ = w.Write(out) // a client that went away needs no answer
}

func (g *gitserver) file(w http.ResponseWriter, r *http.Request) {
	g.stream(w, r, "cat-file", "blob", r.FormValue("commit")+":"+r.FormValue("path"))
}

func (g *gitserver) archive(w http.ResponseWriter, r *http.Request) {
	g.stream(w, r, "archive", "--format=tar", r.FormValue("commit"))
}
