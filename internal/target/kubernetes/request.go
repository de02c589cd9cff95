package kubernetes

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilnet "k8s.io/apimachinery/pkg/util/net"
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
	switch out.(type) {
	case *map[string]any, *listOf[map[string]any]:
		err = utiljson.Unmarshal(text, out) // whole numbers become int64, so that they compare with those that a renderer wrote
	default:
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
		text, err := c.try(ctx, r, body, retries)
		if err == nil {
			return text, nil
		}
		wait, again := c.again(r, err, try, away)
		if !again || ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return nil, err
		}
		away = away || absent(err)
		select {
		case <-ctx.Done():
			return nil, err // tells more than that the time is up
		case <-time.After(wait):
		}
	}
}

const (
	// answering is how long an API server may take for one try: a webhook may take 30 s, and there may be two of them.
	answering = 75 * time.Second
	// retries is how often client-go sends a request again of itself: when the answer says after how many seconds, or a read was cut off.
	retries = 10
)

// try sends a request once, but for what client-go does of itself, and gives its answer.
func (c *Client) try(ctx context.Context, r request, body []byte, retries int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	if c.patience == 0 {
		retries = 0
	}
	req := c.rest.Verb(r.method).AbsPath(r.path).MaxRetries(retries).SetHeader("Accept", cmp.Or(r.accept, "application/json"))
	for name, values := range r.query {
		for _, v := range values {
			req.Param(name, v)
		}
	}
	if body != nil {
		req.SetHeader("Content-Type", cmp.Or(r.kind, "application/json")).Body(body)
	}
	text, err := req.Do(ctx).Raw()
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		return nil, refusal(status.ErrStatus, text)
	}
	if err != nil {
		if told, ok := c.access.notSignedIn(err); ok {
			return nil, told
		}
	}
	return text, err
}

// The pauses between tries.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 3 * time.Second
)

// mishaps is how often an internal error is tried again: a webhook that is being replaced gives them for a moment, a broken one always.
const mishaps = 3

// recovering is how often a request is tried while an API server comes back: about 15 s.
const recovering = 10

// again reports whether a request that failed is worth another try, and after what pause. away is that the API server was gone before in
// the same request: one that restarts denies everything for a moment, and has no addresses for Services.
func (c *Client) again(r request, err error, try int, away bool) (time.Duration, bool) {
	pause := min(firstPause<<min(try, 10), mostPause)
	pause += time.Duration(rand.Int64N(int64(pause / 4))) // so that parallel requests do not all come back at once
	var refused *Refusal
	if !errors.As(err, &refused) {
		// A connection that was refused took nothing with it.
		return pause, absent(err) && (!r.once || utilnet.IsConnectionRefused(err))
	}
	comingBack := away && try < recovering
	switch refused.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return pause, true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return pause, !r.once
	case http.StatusInternalServerError:
		return pause, !r.once && !refused.misshapen() && (try < mishaps || comingBack)
	case http.StatusUnauthorized:
		// client-go has run the program that signs in again, but did not send the request again.
		return pause, comingBack || try == 0 && c.access.config.ExecProvider != nil
	case http.StatusForbidden:
		return pause, comingBack
	}
	return 0, false
}

// absent reports whether an error tells that the API server, or the way to it, is gone.
func absent(err error) bool {
	var told diag.List
	var refused *Refusal
	var untrusted *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.As(err, &told), errors.As(err, &untrusted), errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &refused):
		return refused.Status == http.StatusServiceUnavailable || refused.Status == http.StatusBadGateway
	}
	cutOff := slices.ContainsFunc(cutOffs, func(words string) bool { return strings.Contains(err.Error(), words) })
	return cutOff || errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || utilnet.IsProbableEOF(err) || utilnet.IsTimeout(err)
}

// cutOffs are words of net/http and client-go for connections that ended early, for which they have no names.
var cutOffs = []string{"server closed idle connection", "client connection lost", "GOAWAY", "stream error", "after Request.Body was written", "reading response body"}
