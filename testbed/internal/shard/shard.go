// Package shard knows the address lists of sharded services and which shard has which repository.
package shard

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// forms are the names that a list given as a count stands for, by variable: under Compose, and on Kubernetes.
var forms = map[string][2]string{
	"SRC_GIT_SERVERS":        {"gitserver-%d:3178", "gitserver-%d.gitserver:3178"},
	"INDEXED_SEARCH_SERVERS": {"zoekt-webserver-%d:6070", "indexed-search-%d.indexed-search:6070"},
	"SEARCHER_URL":           {"http://searcher-%d:3181", "http://searcher-%d.searcher:3181"},
	"SYMBOLS_URL":            {"http://symbols-%d:3184", "http://symbols-%d.symbols:3184"},
}

// List expands the value of an address variable: addresses with spaces between them, or how many there are.
func List(variable, value, deployType string) ([]string, error) {
	value = strings.TrimSpace(value)
	n, err := strconv.Atoi(value)
	if err != nil {
		return strings.Fields(value), nil
	}
	form, ok := forms[variable]
	if !ok {
		return nil, fmt.Errorf("%s=%s: a count is not known for this variable, list the addresses", variable, value)
	}
	pattern := form[1]
	switch deployType {
	case "docker-compose":
		pattern = form[0]
	case "kubernetes", "helm", "kustomize":
	default:
		return nil, fmt.Errorf("%s=%s is a count, and DEPLOY_TYPE=%s is none that a count is known for", variable, value, deployType)
	}
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(pattern, i))
	}
	return out, nil
}

// Owner is the address that has a repository. With one address more or less, only the repositories of that one move.
func Owner(repo string, addresses []string) string {
	var owner string
	var best uint64
	for _, a := range addresses {
		h := fnv.New64a()
		fmt.Fprintf(h, "%s\x00%s", a, repo)
		// FNV of strings that differ only at their start is close together; this mixes the bits.
		s := h.Sum64()
		s ^= s >> 33
		s *= 0xff51afd7ed558ccd
		s ^= s >> 33
		if owner == "" || s > best {
			owner, best = a, s
		}
	}
	return owner
}

// Host is an address without scheme and port.
func Host(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = address
	}
	host, _, _ := strings.Cut(rest, ":")
	return host
}
