package kubernetes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"berth/internal/diag"
)

// request is one request to the API server.
type request struct {
	method string
	path   string
	query  url.Values
	kind   string // of the body; "" is application/json
	body   any
	accept string // what the answer should be; "" is application/json
	once   bool   // doing it twice is not the same as doing it once
}

// call sends a request, and reads its answer into out if that is not nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	text, err := c.send(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if tree, ok := out.(*map[string]any); ok {
		*tree, err = decode(text)
	} else {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return fmt.Errorf("read the API server's answer: %w", err)
	}
	return nil
}

// send sends a request until it is answered or the client's patience is at its end.
func (c *Client) send(ctx context.Context, r request) ([]byte, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("encode a request: %w", err)
		}
	}
	end := time.Now().Add(c.patience)
	away := false
	for try := 0; ; try++ {
		text, err := c.try(ctx, r, body)
		if err == nil {
			return text, nil
		}
		wait, again := r.again(err, try, away)
		if !again || ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return nil, err
		}
		away = away || absent(err)
		select {
		case <-ctx.Done():
			return nil, err // tells more than that the time is over
		case <-time.After(wait):
		}
	}
}

// try sends a request once, and gives its answer.
func (c *Client) try(ctx context.Context, r request, body []byte) ([]byte, error) {
	address := c.host + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", cmp.Or(r.accept, "application/json"))
	req.Header.Set("User-Agent", "berth")
	if body != nil {
		req.Header.Set("Content-Type", cmp.Or(r.kind, "application/json"))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c.warned(resp.Header.Values("Warning"))
	if resp.StatusCode >= 300 {
		return nil, refusal(resp)
	}
	return io.ReadAll(resp.Body)
}

// The pauses between tries.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 3 * time.Second
)

// mishaps is how often an internal error is tried again: a webhook that is being replaced gives them for a moment, a broken one always.
const mishaps = 3

// again reports whether a request that failed is worth another try, and after what pause. away is that the API server was gone before in
// the same request: one that comes back knows nobody's rights for a moment.
func (r request) again(err error, try int, away bool) (time.Duration, bool) {
	pause := min(firstPause<<min(try, 10), mostPause)
	pause += time.Duration(rand.Int64N(int64(pause / 4))) // so that parallel requests do not all come back at once
	var refused *Refusal
	if !errors.As(err, &refused) {
		// A connection that was refused took nothing with it.
		return pause, absent(err) && (!r.once || errors.Is(err, syscall.ECONNREFUSED))
	}
	switch refused.Status {
	case http.StatusTooManyRequests:
		return max(pause, min(refused.after, time.Minute)), true
	case http.StatusServiceUnavailable:
		return max(pause, min(refused.after, time.Minute)), true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return pause, !r.once
	case http.StatusInternalServerError:
		return pause, !r.once && try < mishaps && !refused.misshapen()
	case http.StatusUnauthorized, http.StatusForbidden:
		return pause, away && try < 10
	}
	return 0, false
}

// absent reports whether an error tells that the API server, or the way to it, is gone.
func absent(err error) bool {
	var told diag.List
	if errors.As(err, &told) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var op *net.OpError
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		return refused.Status == http.StatusServiceUnavailable || refused.Status == http.StatusBadGateway
	case certificate(err):
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ECONNREFUSED):
		return true
	}
	text := err.Error() // net/http has no names for these
	return errors.As(err, &op) || strings.Contains(text, "server closed idle connection") || strings.Contains(text, "awaiting response headers") ||
		strings.Contains(text, "TLS handshake timeout")
}

// warned notes warnings, each once. They come as  299 - "text".
func (c *Client) warned(headers []string) {
	for _, h := range headers {
		_, text, ok := strings.Cut(h, `"`)
		end := strings.LastIndexByte(text, '"')
		if !ok || end < 0 {
			continue
		}
		text = strings.ReplaceAll(text[:end], `\"`, `"`)
		c.mu.Lock()
		if !slices.Contains(c.warnings, text) {
			c.warnings = append(c.warnings, text)
		}
		c.mu.Unlock()
	}
}

// after is how long an answer asks to wait.
func after(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// decode reads an object. Whole numbers become int64, so that they compare with those that a renderer wrote.
func decode(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	numbers(tree)
	return tree, nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case float64:
		if n := int64(v); float64(n) == v {
			return n
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // the decoder has seen that it is a number
		return f
	}
	return v
}
