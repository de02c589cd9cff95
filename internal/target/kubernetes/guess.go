package kubernetes

import "strings"

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
