package kubernetes

import (
	"errors"
	"net/http"
	"strings"
)

// Guess says where the objects of a kind most likely are, without asking a cluster: right for all kinds that Sourcegraph has, and by
// convention for others.
func Guess(apiVersion, kind string) Resource {
	if r, ok := known(apiVersion, kind); ok {
		return r
	}
	plural := strings.ToLower(kind) + "s"
	if strings.HasSuffix(plural, "ys") {
		plural = strings.TrimSuffix(plural, "ys") + "ies"
	}
	return Resource{APIVersion: apiVersion, Kind: kind, Plural: plural, Namespaced: true}
}

// Unavailable reports whether the API server could not do a request now, such as reach a pod.
func Unavailable(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && (r.Status == http.StatusServiceUnavailable || r.Status == http.StatusBadGateway || r.Status == http.StatusGatewayTimeout)
}
