package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"berth/testbed/internal/contract"
)

// objects is the object store: Sourcegraph's own, which wants no signatures, or an S3 server with keys.
type objects struct{ contract.Upload }

// partSize is how much of an object is sent at once. Larger ones go in parts, as those of Sourcegraph's do: S3's least size of a part.
const partSize = 5 << 20

// ready is true of a store that answers at all: a foreign one may well say 403 to who has no key.
func (o objects) ready(ctx context.Context) error {
	if o.Endpoint == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, "GET", o.Endpoint, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 {
		return errors.New(resp.Status)
	}
	return nil
}

func (o objects) put(ctx context.Context, key string, content []byte) error {
	if o.ManageBucket {
		if _, _, err := o.ask(ctx, "PUT", "", "", nil); err != nil && !strings.Contains(err.Error(), "409") { // 409: it is there already
			return err
		}
	}
	if len(content) <= partSize {
		_, _, err := o.ask(ctx, "PUT", key, "", content)
		return err
	}
	return o.putInParts(ctx, key, content)
}

func (o objects) putInParts(ctx context.Context, key string, content []byte) error {
	_, text, err := o.ask(ctx, "POST", key, "uploads=", nil)
	if err != nil {
		return err
	}
	var begun struct {
		UploadID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(text, &begun); err != nil {
		return fmt.Errorf("begin an upload in parts: %w", err)
	}
	id := "uploadId=" + url.QueryEscape(begun.UploadID)
	type part struct {
		PartNumber int
		ETag       string
	}
	all := struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []part
	}{}
	for n := 1; len(content) > 0; n++ {
		size := min(partSize, len(content))
		header, _, err := o.ask(ctx, "PUT", key, fmt.Sprintf("partNumber=%d&%s", n, id), content[:size])
		if err != nil {
			return err
		}
		all.Part = append(all.Part, part{n, header.Get("ETag")})
		content = content[size:]
	}
	if text, err = xml.Marshal(all); err != nil {
		return err
	}
	_, _, err = o.ask(ctx, "POST", key, id, text)
	return err
}

func (o objects) get(ctx context.Context, key string) ([]byte, error) {
	_, content, err := o.ask(ctx, "GET", key, "", nil)
	return content, err
}

// ask makes one request. Headers are pairs of a name and a value.
func (o objects) ask(ctx context.Context, method, key, query string, content []byte, headers ...string) (http.Header, []byte, error) {
	address := strings.TrimSuffix(o.Endpoint, "/") + "/" + o.Bucket
	if key != "" {
		address += "/" + key
	}
	if query != "" {
		address += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(content))
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if o.KeyID != "" {
		o.sign(req, content, time.Now().UTC())
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, bytes.TrimSpace(text[:min(len(text), 500)]))
	}
	return resp.Header, text, err
}

// sign signs a request as S3 wants it, in Signature Version 4. Its query has to be in the order of its names.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func (o objects) sign(req *http.Request, content []byte, now time.Time) {
	sum := sha256.Sum256(content)
	digest, stamp := hex.EncodeToString(sum[:]), now.Format("20060102T150405Z")
	req.Header.Set("X-Amz-Content-Sha256", digest)
	req.Header.Set("X-Amz-Date", stamp)
	const signed = "host;x-amz-content-sha256;x-amz-date"
	canonical := strings.Join([]string{req.Method, req.URL.EscapedPath(), req.URL.RawQuery,
		"host:" + req.URL.Host, "x-amz-content-sha256:" + digest, "x-amz-date:" + stamp, "", signed, digest}, "\n")
	sum = sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{stamp[:8], o.Region, "s3", "aws4_request"}, "/")
	key := []byte("AWS4" + o.Secret)
	for _, step := range append(strings.Split(scope, "/"), strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(sum[:])}, "\n")) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", o.KeyID, scope, signed, hex.EncodeToString(key)))
}
