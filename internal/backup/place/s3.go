package place

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bucket is a bucket of an S3-compatible store.
type Bucket struct {
	Name     string
	Prefix   string // of all names; "": none
	Endpoint string // of stores other than AWS: "https://minio.example.com"
	Region   string
	Keys     Keys
	Client   *http.Client // nil: the usual one
	Now      func() time.Time
	Wait     func(context.Context, time.Duration) error // between tries; nil: really
}

// Keys are who signs in.
type Keys struct {
	ID, Secret string
	Session    string // "" of keys that last
}

const (
	// piece is how much of a file is sent at once. It is kept until the store has it, so that it can be sent again.
	piece = 16 << 20
	// tries is how often a request is made before it is given up: the last one comes after about a minute.
	tries = 7
)

// Refused is what a store answers that refuses a request.
type Refused struct {
	Status  int
	Code    string // "ExpiredToken"
	Message string
}

func (r *Refused) Error() string {
	return strings.TrimSuffix(strings.TrimSpace(fmt.Sprintf("the store answers %d %s: %s", r.Status, r.Code, r.Message)), ":")
}

// again reports whether the same request may succeed later.
func again(err error) bool {
	var refused *Refused
	if errors.As(err, &refused) {
		return refused.Status >= 500 || refused.Status == http.StatusTooManyRequests || refused.Code == "RequestTimeout" || refused.Code == "SlowDown"
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return false
	}
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// Place is the bucket as a place.
func (b *Bucket) Place() Place { return Place{b, b, b.At} }

// At is the address as berth takes it.
func (b *Bucket) At(name string) string { return "s3://" + path.Join(b.Name, b.Prefix, name) }

// url is the address of a file; "" is the bucket.
func (b *Bucket) url(key string, query url.Values) *url.URL {
	u, err := url.Parse(b.Endpoint)
	if b.Endpoint == "" || err != nil {
		u = &url.URL{Scheme: "https", Host: "s3." + b.Region + ".amazonaws.com"}
	}
	u = u.JoinPath("/", b.Name, key)
	if key == "" {
		u.Path = strings.TrimSuffix(u.Path, "/")
	}
	u.RawPath = escaped(u.Path, true)
	u.RawQuery = canonical(query)
	return u
}

// call makes a request, again where that may help, and gives its answer, whose body is open.
func (b *Bucket) call(ctx context.Context, method, key string, query url.Values, header http.Header, body []byte) (*http.Response, error) {
	for n := 1; ; n++ {
		resp, err := b.once(ctx, method, key, query, header, body)
		if err == nil || n == tries || !again(err) || ctx.Err() != nil {
			return resp, err
		}
		if err := b.pause(ctx, n); err != nil {
			return nil, err
		}
	}
}

// pause waits longer from try to try, and not for the same time as others do.
func (b *Bucket) pause(ctx context.Context, n int) error {
	wait := min(time.Second<<(n-1), 30*time.Second)
	wait = wait/2 + rand.N(wait/2+1)
	if b.Wait != nil {
		return b.Wait(ctx, wait)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

func (b *Bucket) once(ctx context.Context, method, key string, query url.Values, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.url(key, query).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	b.sign(req, body)
	client := b.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil || resp.StatusCode < 300 {
		return resp, err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // without it, the status is all that is known
	refused := &Refused{Status: resp.StatusCode}
	var said struct{ Code, Message string }
	if xml.Unmarshal(text, &said) == nil {
		refused.Code, refused.Message = said.Code, said.Message
	}
	if resp.StatusCode == http.StatusNotFound && refused.Code != "NoSuchBucket" {
		return nil, fmt.Errorf("s3://%s/%s: %w", b.Name, key, fs.ErrNotExist)
	}
	return nil, refused
}

// do makes a request of whose answer only that it is good counts.
func (b *Bucket) do(ctx context.Context, method, key string, query url.Values, body []byte) (http.Header, error) {
	resp, err := b.call(ctx, method, key, query, nil, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header, err
}

// Put writes a file: a small one at once, a large one in pieces, which the store puts together at the end. What is not whole is not there.
func (b *Bucket) Put(ctx context.Context, name string, in io.Reader) error {
	key := path.Join(b.Prefix, name)
	buffer := make([]byte, piece)
	n, err := io.ReadFull(in, buffer)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		_, err = b.do(ctx, http.MethodPut, key, nil, buffer[:n])
	case err == nil:
		err = b.pieces(ctx, key, buffer, in)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", b.At(name), err)
	}
	return nil
}

// begun is the answer to the begin of a file in pieces.
type begun struct {
	UploadID string `xml:"UploadId"`
}

// whole asks the store to put pieces together.
type whole struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Parts   []part   `xml:"Part"`
}

type part struct {
	PartNumber int
	ETag       string
}

// pieces writes a file in pieces, of which buffer is the first. There are at most 10,000, so they grow.
func (b *Bucket) pieces(ctx context.Context, key string, buffer []byte, in io.Reader) (err error) {
	var start begun
	if err := b.read(ctx, http.MethodPost, key, url.Values{"uploads": {""}}, nil, &start); err != nil {
		return err
	}
	id := url.Values{"uploadId": {start.UploadID}}
	defer func() {
		if err != nil { // else the store keeps the pieces, and lets them be paid for
			_, _ = b.do(context.WithoutCancel(ctx), http.MethodDelete, key, id, nil)
		}
	}()
	var all whole
	for n, last := 1, false; ; n++ {
		query := url.Values{"uploadId": id["uploadId"], "partNumber": {strconv.Itoa(n)}}
		header, err := b.do(ctx, http.MethodPut, key, query, buffer)
		if err != nil {
			return err
		}
		all.Parts = append(all.Parts, part{n, header.Get("ETag")})
		if last {
			break
		}
		if n%1000 == 0 {
			buffer = make([]byte, 2*cap(buffer))
		}
		buffer = buffer[:cap(buffer)]
		got, err := io.ReadFull(in, buffer)
		if errors.Is(err, io.EOF) {
			break
		}
		if last = errors.Is(err, io.ErrUnexpectedEOF); err != nil && !last {
			return err
		}
		buffer = buffer[:got]
	}
	text, err := xml.Marshal(all)
	if err != nil {
		return err
	}
	// The answer may be an error although its status is good.
	var done struct {
		XMLName       xml.Name
		Code, Message string
	}
	if err := b.read(ctx, http.MethodPost, key, id, text, &done); err != nil {
		return err
	}
	if done.XMLName.Local == "Error" {
		return &Refused{Status: http.StatusOK, Code: done.Code, Message: done.Message}
	}
	return nil
}

// read makes a request whose answer is XML.
func (b *Bucket) read(ctx context.Context, method, key string, query url.Values, body []byte, out any) error {
	resp, err := b.call(ctx, method, key, query, nil, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := xml.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer of the store: %w", err)
	}
	return nil
}

// Get opens a file. A connection that breaks is made again where it broke.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r := &resuming{b: b, ctx: ctx, key: path.Join(b.Prefix, name)}
	return r, r.open()
}

// resuming reads a file that it asks for again from where the connection broke.
type resuming struct {
	b    *Bucket
	ctx  context.Context
	key  string
	at   int64
	left int64 // -1: not known
	etag string
	body io.ReadCloser
	lost int // connections in a row that gave nothing
}

func (r *resuming) open() error {
	header := http.Header{}
	if r.at > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", r.at))
		header.Set("If-Match", r.etag) // another file must not end this one
	}
	resp, err := r.b.call(r.ctx, http.MethodGet, r.key, nil, header, nil)
	if err != nil {
		return err
	}
	if r.at > 0 && resp.StatusCode != http.StatusPartialContent {
		resp.Body.Close()
		return fmt.Errorf("the store gives no part of %s", r.key)
	}
	r.body, r.left, r.etag = resp.Body, resp.ContentLength, resp.Header.Get("ETag")
	return nil
}

func (r *resuming) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.at += int64(n)
	if r.left >= 0 {
		r.left -= int64(n)
	}
	if n > 0 {
		r.lost = 0
	}
	broken := err != nil && (err != io.EOF || r.left > 0)
	if !broken {
		return n, err
	}
	if r.lost++; r.lost >= tries || r.ctx.Err() != nil {
		return n, err
	}
	r.body.Close()
	if err := r.b.pause(r.ctx, r.lost); err != nil {
		return n, err
	}
	return n, r.open()
}

func (r *resuming) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// List asks for the names below a folder, a thousand at a time.
func (b *Bucket) List(ctx context.Context, dir string) ([]File, error) {
	prefix := path.Join(b.Prefix, dir)
	if prefix != "" {
		prefix += "/"
	}
	var out []File
	query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
	for {
		var answer struct {
			Contents []struct {
				Key          string
				Size         int64
				LastModified time.Time
			}
			IsTruncated           bool
			NextContinuationToken string
		}
		if err := b.read(ctx, http.MethodGet, "", query, nil, &answer); err != nil {
			return nil, fmt.Errorf("list %s: %w", b.At(dir), err)
		}
		for _, c := range answer.Contents {
			name := strings.TrimPrefix(strings.TrimPrefix(c.Key, b.Prefix), "/")
			out = append(out, File{Name: name, Size: c.Size, Modified: c.LastModified})
		}
		if !answer.IsTruncated {
			break
		}
		query.Set("continuation-token", answer.NextContinuationToken)
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Delete deletes files one by one.
func (b *Bucket) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		if _, err := b.do(ctx, http.MethodDelete, path.Join(b.Prefix, name), nil, nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete %s: %w", b.At(name), err)
		}
	}
	return nil
}

// upload is a file that is written in pieces, and not whole yet.
type upload struct {
	Key       string
	UploadID  string `xml:"UploadId"`
	Initiated time.Time
}

// uploads asks which files are not whole. A store keeps the pieces of those whose writer was killed, and lets them be paid for. Whoever may write may
// not always ask that; then nobody knows of any.
func (b *Bucket) uploads(ctx context.Context, dir string) (all []upload, err error) {
	query := url.Values{"uploads": {""}, "prefix": {path.Join(b.Prefix, dir) + "/"}}
	for {
		var answer struct {
			Upload      []upload
			IsTruncated bool
		}
		err := b.read(ctx, http.MethodGet, "", query, nil, &answer)
		var refused *Refused
		if errors.As(err, &refused) && refused.Status < 500 {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list what is not whole of %s: %w", b.At(dir), err)
		}
		all = append(all, answer.Upload...)
		if !answer.IsTruncated || len(answer.Upload) == 0 {
			return all, nil
		}
		last := answer.Upload[len(answer.Upload)-1]
		query.Set("key-marker", last.Key)
		query.Set("upload-id-marker", last.UploadID)
	}
}

// Unfinished asks which files are not whole. Nobody says how large their pieces are.
func (b *Bucket) Unfinished(ctx context.Context, dir string) (out []File, err error) {
	all, err := b.uploads(ctx, dir)
	for _, u := range all {
		out = append(out, File{Name: strings.TrimPrefix(strings.TrimPrefix(u.Key, b.Prefix), "/"), Modified: u.Initiated})
	}
	return out, err
}

// Discard deletes the pieces of files that are not whole.
func (b *Bucket) Discard(ctx context.Context, dir string) error {
	all, err := b.uploads(ctx, dir)
	for _, u := range all {
		if _, err := b.do(ctx, http.MethodDelete, u.Key, url.Values{"uploadId": {u.UploadID}}, nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete what is not whole of %s: %w", b.At(u.Key), err)
		}
	}
	return err
}
