package kubeconfig

import (
	"io"
	"maps"
	"net/http"
)

// signed adds to each request what proves who we are.
type signed struct {
	next   *http.Transport
	access *Access
}

// RoundTrip sends a request. It is sent a second time when the API server does not believe a credential that can be renewed.
func (s *signed) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, shown, err := s.send(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || s.access.credential == nil {
		return resp, err
	}
	again := req.Clone(req.Context())
	if req.Body != nil {
		if req.GetBody == nil {
			return resp, nil
		}
		if again.Body, err = req.GetBody(); err != nil {
			return resp, nil
		}
	}
	if !s.access.credential.renew(shown) {
		return resp, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection can be used again
	resp.Body.Close()
	s.next.CloseIdleConnections() // those that a certificate opened are as little believed
	resp, _, err = s.send(again)
	return resp, err
}

func (s *signed) send(req *http.Request) (*http.Response, proof, error) {
	var shown proof
	if c := s.access.credential; c != nil {
		var err error
		if shown, err = c.prove(req.Context()); err != nil {
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, proof{}, err
		}
	}
	req = req.Clone(req.Context())
	maps.Copy(req.Header, s.access.impersonate)
	if shown.header != "" {
		req.Header.Set("Authorization", shown.header)
	}
	resp, err := s.next.RoundTrip(req)
	return resp, shown, err
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (s *signed) CloseIdleConnections() { s.next.CloseIdleConnections() }
