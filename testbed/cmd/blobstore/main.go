// Command blobstore is an S3-compatible store on port 9000 with its objects in /data, in the place of Sourcegraph's blobstore.
// It keeps what it is sent and checks no signature, as the real one does when it has no credentials.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3bolt"
)

func main() {
	addr := flag.String("addr", ":9000", "address to listen on")
	data := flag.String("data", "/data", "folder for the objects")
	flag.Parse()
	if err := run(*addr, *data); err != nil {
		fmt.Fprintln(os.Stderr, "blobstore:", err)
		os.Exit(1)
	}
}

func run(addr, data string) error {
	store, err := s3bolt.NewFile(filepath.Join(data, "objects.bolt"))
	if err != nil {
		return fmt.Errorf("open %s: %w", data, err)
	}
	s3 := gofakes3.New(store, gofakes3.WithAutoBucket(true)).Server()
	srv := &http.Server{Addr: addr, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("STANDIN_FAIL") == "unhealthy" && r.URL.Path == "/" {
			http.Error(w, "STANDIN_FAIL=unhealthy", http.StatusServiceUnavailable)
			return
		}
		s3.ServeHTTP(w, r)
	})}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(drain) // what is still running after five seconds is cut off by the exit
	}()
	fmt.Fprintf(os.Stderr, "blobstore: S3 on %s, objects in %s\n", addr, data)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
