package place

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// contract is what everybody relies on who keeps files at a place.
func contract(t *testing.T, p Place) {
	ctx := t.Context()
	large := make([]byte, 2*piece+12345)
	if _, err := rand.Read(large); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"sg/1/empty": {}, "sg/1/small": []byte("äöü"), "sg/1/exact": large[:piece], "sg/2/large": large, "sg/1/odd name+&=": []byte("x")}
	for name, content := range files {
		if err := p.Put(ctx, name, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		in, err := p.Get(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		in.Close()
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s has %d bytes, want %d: %v", name, len(got), len(content), err)
		}
	}
	if _, err := p.Get(ctx, "sg/1/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := p.Put(ctx, "sg/1/small", strings.NewReader("again")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the source is broken")
	for _, name := range []string{"sg/1/broken", "sg/2/large"} {
		if err := p.Put(ctx, name, io.MultiReader(bytes.NewReader(large[:piece+5]), &failing{broken})); !errors.Is(err, broken) {
			t.Errorf("a source that breaks: %v", err)
		}
	}
	all, err := p.List(ctx, "sg/1")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range all {
		names = append(names, fmt.Sprintf("%s %d", f.Name, f.Size))
	}
	if got, want := strings.Join(names, ", "), "sg/1/empty 0, sg/1/exact 16777216, sg/1/odd name+&= 1, sg/1/small 5"; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
	if all, err := p.List(ctx, "sg/2"); err != nil || len(all) != 1 || all[0].Size != int64(len(large)) {
		t.Errorf("what could not be replaced is another: %v %v", all, err)
	}
	if none, err := p.Unfinished(ctx, "sg"); err != nil || len(none) > 0 {
		t.Errorf("left of what broke: %v %v", none, err)
	}
	// One that is killed while it writes leaves what others can find and delete.
	writing, killed := io.Pipe()
	put := make(chan error, 1)
	go func() { put <- p.Put(ctx, "sg/3/killed", writing) }()
	if _, err := killed.Write(large[:piece]); err != nil {
		t.Fatal(err)
	}
	if _, err := killed.Write([]byte("x")); err != nil { // so the first piece is under way
		t.Fatal(err)
	}
	if left, err := p.Unfinished(ctx, "sg"); err != nil || len(left) != 1 || left[0].Name != "sg/3/killed" {
		t.Errorf("what is not whole: %v %v", left, err)
	}
	if all, err := p.List(ctx, "sg/3"); err != nil || len(all) > 0 {
		t.Errorf("what is not whole is listed: %v %v", all, err)
	}
	if err := p.Discard(ctx, "sg"); err != nil {
		t.Error(err)
	}
	if left, err := p.Unfinished(ctx, "sg"); err != nil || len(left) > 0 {
		t.Errorf("not deleted: %v %v", left, err)
	}
	killed.CloseWithError(broken)
	<-put
	if none, err := p.List(ctx, "nobody"); err != nil || len(none) > 0 {
		t.Errorf("%v %v", none, err)
	}
	if err := p.Delete(ctx, "sg/1/small", "sg/1/none"); err != nil {
		t.Error(err)
	}
	if _, err := p.Get(ctx, "sg/1/small"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was deleted: %v", err)
	}
}

// failing is a reader that can't be read.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestFolder(t *testing.T) { contract(t, In(t.TempDir())) }

// TestBucket runs the contract on a real S3 server, versitygw, where the test bed has built it.
func TestBucket(t *testing.T) {
	b := gateway(t)
	b.Wait = func(_ context.Context, d time.Duration) error {
		t.Errorf("a store that works is asked again, after %s", d)
		return nil
	}
	contract(t, b.Place())
	expired := *b
	expired.Keys.Secret = "another"
	var refused *Refused
	if err := expired.Put(t.Context(), "x", strings.NewReader("x")); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("with the wrong keys: %v", err)
	}
	absent := *b
	absent.Name = "nowhere"
	if _, err := absent.List(t.Context(), ""); !errors.As(err, &refused) || refused.Code != "NoSuchBucket" {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

// gateway starts versitygw on a folder.
func gateway(t *testing.T) *Bucket {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		program = "/var/tmp/berth-testbed/bin/versitygw"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("NOT CHECKED: versitygw is not there; the test bed builds it: testbed/up")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "backups"), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := exec.Command(program, "--access", "berth", "--secret", "berth-secret", "--port", address, "posix", root)
	c.Dir = root
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	b := &Bucket{Name: "backups", Prefix: "pre/fix", Endpoint: "http://" + address, Region: "us-east-1", Keys: Keys{ID: "berth", Secret: "berth-secret"}, Now: time.Now}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return b
		}
		if time.Now().After(end) {
			t.Fatal("versitygw does not answer")
		}
	}
}

// TestSigned: the example of Amazon's documents gives their signature.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func TestSigned(t *testing.T) {
	b := &Bucket{Region: "us-east-1", Keys: Keys{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
		Now: func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }}
	req, err := http.NewRequest(http.MethodGet, "https://examplebucket.s3.amazonaws.com/test.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=0-9")
	b.sign(req, nil)
	if got, want := req.Header.Get("Authorization"), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s at its end", got, want)
	}
}

// TestStoreThatFails: 503, a connection that breaks in the middle and a slow answer are tried again; a refusal is not.
func TestStoreThatFails(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100000)
	var asked atomic.Int32
	fault := func(w http.ResponseWriter, r *http.Request, n int32) bool { return false }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault(w, r, asked.Add(1)) {
			return
		}
		if r.Method == http.MethodGet {
			w.Header().Set("ETag", `"1"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // the test says how long it is
	}))
	defer server.Close()
	waited := 0
	b := &Bucket{Name: "b", Endpoint: server.URL, Region: "r", Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { waited++; return ctx.Err() }}
	refuse := func(w http.ResponseWriter, status int, code string) bool {
		w.WriteHeader(status)
		text, _ := xml.Marshal(struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}{Code: code, Message: "no"})
		_, _ = w.Write(text) // whoever reads it notices
		return true
	}
	reset := func() { asked.Store(0); waited = 0 }

	reset()
	fault = func(w http.ResponseWriter, _ *http.Request, n int32) bool {
		return n <= 3 && refuse(w, 503, "SlowDown")
	}
	if err := b.Put(t.Context(), "x", strings.NewReader("x")); err != nil || waited != 3 {
		t.Errorf("503: %v after %d waits", err, waited)
	}

	reset()
	fault = func(w http.ResponseWriter, _ *http.Request, n int32) bool { return refuse(w, 403, "ExpiredToken") }
	if err := b.Put(t.Context(), "x", strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "403 ExpiredToken") || waited != 0 {
		t.Errorf("expired: %v after %d waits", err, waited)
	}

	reset()
	fault = func(w http.ResponseWriter, _ *http.Request, n int32) bool { return refuse(w, 500, "InternalError") }
	if err := b.Put(t.Context(), "x", strings.NewReader("x")); err == nil || asked.Load() != tries {
		t.Errorf("always 500: %v after %d requests", err, asked.Load())
	}

	reset()
	fault = func(w http.ResponseWriter, r *http.Request, n int32) bool {
		if n > 3 {
			return false
		}
		w.Header().Set("ETag", `"1"`)
		rest := content
		if at := r.Header.Get("Range"); at != "" {
			var from int
			_, _ = fmt.Sscanf(at, "bytes=%d-", &from) // berth writes it
			rest = content[from:]
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
		if len(rest) != len(content) {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(rest[:100000])
		panic(http.ErrAbortHandler) // the connection breaks
	}
	in, err := b.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes of a connection that broke three times: %v", len(got), err)
	}
}
