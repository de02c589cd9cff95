package shard

import (
	"fmt"
	"slices"
	"testing"
)

func TestList(t *testing.T) {
	for _, c := range []struct {
		variable, value, deploy string
		want                    []string
		fails                   bool
	}{
		{"SRC_GIT_SERVERS", "a:1  b:2", "docker-compose", []string{"a:1", "b:2"}, false},
		{"SRC_GIT_SERVERS", "2", "docker-compose", []string{"gitserver-0:3178", "gitserver-1:3178"}, false},
		{"INDEXED_SEARCH_SERVERS", "1", "helm", []string{"indexed-search-0.indexed-search:6070"}, false},
		{"SEARCHER_URL", "1", "dev", nil, true},
		{"SRC_SYNTECT_SERVER", "1", "docker-compose", nil, true},
	} {
		got, err := List(c.variable, c.value, c.deploy)
		if !slices.Equal(got, c.want) || (err != nil) != c.fails {
			t.Errorf("%s=%s: got %v, %v; want %v", c.variable, c.value, got, err, c.want)
		}
	}
}

// One shard more takes repositories from all others and moves none between them.
func TestOwnerMovesLittle(t *testing.T) {
	two := []string{"gitserver-0:3178", "gitserver-1:3178"}
	three := append(slices.Clone(two), "gitserver-2:3178")
	count := map[string]int{}
	for i := range 3000 {
		repo := fmt.Sprintf("github.com/owner/repo-%d", i)
		before, after := Owner(repo, two), Owner(repo, three)
		count[after]++
		if before != after && after != three[2] {
			t.Fatalf("%s moved from %s to %s", repo, before, after)
		}
	}
	for a, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("%s has %d of 3000 repositories, want about 1000", a, n)
		}
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{"gitserver-0:3178": "gitserver-0", "http://searcher-0:3181": "searcher-0", "redis://r:6379": "r"} {
		if got := Host(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
