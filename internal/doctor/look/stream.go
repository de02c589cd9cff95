package look

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"berth/internal/doctor"
	"berth/internal/installation"
)

// longSearch has nothing to find and everything to look through: the history of all repositories.
const longSearch = `type:commit count:all timeout:%ds patterntype:keyword "berth looks for what nobody wrote"`

// stream holds a search open, as people do: through the url, with all that is in front of Sourcegraph.
func (s *sight) stream(ctx context.Context) (take, error) {
	at := strings.TrimSuffix(s.Stack.URL, "/") + installation.SearchPath
	ctx, cancel := context.WithTimeout(ctx, s.Stream)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"?q="+url.QueryEscape(fmt.Sprintf(longSearch, int(s.Stream.Seconds()))), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	if token := s.Env.Getenv(installation.TokenVariable); token != "" {
		r.Header.Set("Authorization", "token "+token)
	}
	// That a certificate is not trusted here is a finding of its own. No token is sent to who shows one.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: r.Header.Get("Authorization") == ""}, Proxy: nil}
	defer transport.CloseIdleConnections()
	begun := time.Now()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, errors.New("a search needs a sign-in: put an access token into the variable " + installation.TokenVariable)
	default:
		return nil, errors.New("a search was answered with HTTP status " + answer.Status)
	}
	held := doctor.Stream{At: at}
	last := begun
	lines := bufio.NewReader(answer.Body)
	for err == nil && !held.Done {
		var line string
		if line, err = lines.ReadString('\n'); err == nil {
			held.Done, last = strings.TrimSpace(line) == "event: done", time.Now()
		}
	}
	held.Seconds, held.Silent = time.Since(begun).Seconds(), time.Since(last).Seconds()
	if !held.Done && ctx.Err() == nil {
		held.Said = cmp.Or(map[bool]string{true: "the connection was closed"}[errors.Is(err, io.EOF)], oneLine(err.Error()))
	}
	return func(e *doctor.Evidence) { e.Stream = &held }, nil
}
