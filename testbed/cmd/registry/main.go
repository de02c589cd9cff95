// Command registry is a container registry on a loopback address whose images survive a restart.
//
// The registry package of go-containerregistry keeps blobs on disk and manifests in memory. This program writes each accepted
// manifest to disk as well, and on start puts them all again, images before the indexes that refer to them.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:5010", "address to listen on")
	dir := flag.String("dir", "", "folder for blobs and manifests")
	flag.Parse()
	if err := run(*addr, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func run(addr, dir string) error {
	if dir == "" {
		return errors.New("-dir is not given")
	}
	blobs, manifests := filepath.Join(dir, "blobs"), filepath.Join(dir, "manifests")
	for _, d := range []string{blobs, manifests} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	quiet := log.New(io.Discard, "", 0)
	inner := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(quiet))
	n, err := replay(manifests, inner)
	if err != nil {
		return fmt.Errorf("load manifests: %w", err)
	}
	srv := &http.Server{Addr: addr, Handler: &keeper{next: inner, dir: manifests}}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(drain) // an upload that takes longer is cut off and the client starts it again
	}()
	fmt.Fprintf(os.Stderr, "registry: %d manifests, listening on %s\n", n, addr)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// kept is a manifest as it was put.
type kept struct {
	Path        string
	ContentType string
	Body        []byte
}

func (k kept) isIndex() bool {
	return strings.Contains(k.ContentType, "manifest.list") || strings.Contains(k.ContentType, "image.index")
}

// keeper writes accepted manifests to dir and takes deleted ones away.
type keeper struct {
	next http.Handler
	dir  string
	mu   sync.Mutex
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/manifests/") || (r.Method != http.MethodPut && r.Method != http.MethodDelete) {
		k.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	k.mu.Lock()
	defer k.mu.Unlock()
	answer := httptest.NewRecorder()
	k.next.ServeHTTP(answer, r)
	if answer.Code < 300 {
		if r.Method == http.MethodPut {
			// Under its digest as well: who pinned an image still finds it when its tag has moved on.
			digest := fmt.Sprintf("sha256:%x", sha256.Sum256(body))
			for _, p := range []string{path.Join(path.Dir(r.URL.Path), digest), r.URL.Path} {
				err = errors.Join(err, write(k.file(p), kept{Path: p, ContentType: r.Header.Get("Content-Type"), Body: body}))
			}
		} else {
			err = os.Remove(k.file(r.URL.Path))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // a client that went away needs no answer
}

func (k *keeper) file(urlPath string) string { return filepath.Join(k.dir, url.PathEscape(urlPath)) }

// write puts the file in place in one move, so that a crash leaves no half a manifest.
func write(file string, k kept) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func replay(dir string, h http.Handler) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var all []kept
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".new") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return 0, err
		}
		var k kept
		if err := json.Unmarshal(text, &k); err != nil {
			return 0, fmt.Errorf("%s: %w", e.Name(), err)
		}
		all = append(all, k)
	}
	sort.SliceStable(all, func(i, j int) bool { return !all[i].isIndex() && all[j].isIndex() })
	for _, k := range all {
		r := httptest.NewRequest(http.MethodPut, k.Path, bytes.NewReader(k.Body))
		r.Header.Set("Content-Type", k.ContentType)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code >= 300 {
			return 0, fmt.Errorf("%s: %s", k.Path, strings.TrimSpace(answer.Body.String()))
		}
	}
	return len(all), nil
}
