//go:build engine

package verify

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/testbed/internal/contract"
)

// These tests run on a Docker Engine. They need testbed/images build 7.5.4453 5.9.1590.
const version = "7.5.4453"

var registry = cmp.Or(os.Getenv("BERTH_TESTBED_REGISTRY"), "127.0.0.1:5010")

func shipped(t *testing.T) *contract.Contract {
	text, err := os.ReadFile("../contract/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func service(t *testing.T, c *contract.Contract, name string) *contract.Service {
	i := slices.IndexFunc(c.Services, func(s contract.Service) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("the contract has no %s", name)
	}
	return &c.Services[i]
}

// look verifies, and fails when something is left behind.
func look(t *testing.T, o Options) Result {
	t.Helper()
	o.Release, o.Say = version, t.Logf
	got, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := docker(context.Background(), "ps", "-aq", "--filter", "label=berth.contract"); err != nil || left != "" {
		t.Errorf("containers are left: %s %v", left, err)
	}
	return got
}

// differs compares the differences with those that were planted, as "service kind what".
func differs(t *testing.T, got Result, want ...string) {
	t.Helper()
	for _, d := range got.Differences {
		line := d.Service + " " + d.Kind + " " + d.What
		i := slices.Index(want, line)
		if i < 0 {
			t.Errorf("not planted: %s", d)
			continue
		}
		want = slices.Delete(want, i, i+1)
	}
	for _, w := range want {
		t.Errorf("planted and not found: %s", w)
	}
}

func TestStandInsKeepTheContract(t *testing.T) {
	got := look(t, Options{Images: registry + "/sourcegraph", Contract: shipped(t), Patience: 30 * time.Second})
	differs(t, got)
	for _, n := range got.NotChecked {
		if !strings.Contains(n, "privileged") {
			t.Errorf("not checked: %s", n)
		}
	}
	if got.Checked < 100 {
		t.Errorf("%d promises were checked", got.Checked)
	}
}

// One difference of each kind is planted in the contract: each is found, and nothing else.
func TestPlantedInTheContract(t *testing.T) {
	c := shipped(t)
	five := 5
	service(t, c, "pgsql").ImageEnv = []contract.Variable{{Name: "PGDATA", Value: "/elsewhere"}}
	git := service(t, c, "gitserver-0")
	git.Needs = append(git.Needs, contract.Need{Name: "NOT_NEEDED"})
	git.Ports = append(git.Ports, 6061)
	redis := service(t, c, "redis-cache")
	redis.Folders = map[string]string{"/redis-data": "1:1", "/nowhere": "999:1000"}
	redis.Log = append(redis.Log, "words that it never says")
	redis.Stop = &five
	syntect := service(t, c, "syntect-server")
	syntect.UID, syntect.Health.Path = "1:1", "/nothing"
	for i := range c.Refusals {
		switch c.Refusals[i].Name {
		case "a step back passes":
			c.Refusals[i].Code = 1
		case "the migrator on one database for pgsql and codeintel-db":
			c.Refusals[i].Says = "words that it never says"
		}
	}
	got := look(t, Options{Images: registry + "/sourcegraph", Contract: c, Patience: 20 * time.Second,
		Only: []string{"gitserver-0", "syntect-server", "sourcegraph-frontend-internal", "pgsql-12"}})
	differs(t, got, "pgsql env PGDATA", "gitserver-0 need without NOT_NEEDED", "gitserver-0 port 6061", "redis-cache directory /redis-data",
		"redis-cache directory /nowhere", `redis-cache log "words that it never says"`, "redis-cache exit when it is stopped",
		"syntect-server uid of its processes", "syntect-server health port 9238, /nothing", "migrator refusal a step back passes",
		"migrator refusal the migrator on one database for pgsql and codeintel-db")
}

// An image that differs: another user, another port and so no health, another variable, another exit code, no folder.
func TestPlantedInAnImage(t *testing.T) {
	at := registry + "/planted"
	for name, file := range map[string]string{
		"syntax-highlighter":         "USER 65534:65534\n",
		"redis-cache":                "USER 0\nRUN rm -rf /redis-data\nUSER 999:1000\nENTRYPOINT [\"/bin/sh\", \"-c\", \"trap 'exit 9' TERM; while :; do sleep 0.1; done\"]\n",
		"migrator":                   "ENTRYPOINT [\"/bin/sh\", \"-c\", \"exit 4\"]\n",
		"postgresql-16":              "ENV POSTGRES_USER=other\n",
		"postgresql-16-codeinsights": "", "postgres-12-alpine": "",
	} {
		tag := cmp.Or(map[string]string{"postgres-12-alpine": "5.9.1590"}[name], version)
		build := exec.Command("docker", "build", "-q", "-t", at+"/"+name+":"+tag, "-")
		build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
		build.Stdin = strings.NewReader("FROM " + registry + "/sourcegraph/" + name + ":" + tag + "\n" + file)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		t.Cleanup(func() { _ = exec.Command("docker", "rmi", at+"/"+name+":"+tag).Run() })
		if out, err := exec.Command("docker", "push", "-q", at+"/"+name+":"+tag).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	got := look(t, Options{Images: at, Contract: shipped(t), Patience: 20 * time.Second, Only: []string{"syntect-server", "redis-cache", "migrator"}})
	differs(t, got, "syntect-server uid of its processes", "redis-cache directory /redis-data", "redis-cache port 6379", "redis-cache port 9121",
		`redis-cache log "Ready to accept connections"`, "redis-cache exit when it is stopped", "pgsql env POSTGRES_USER", "migrator exit at its end",
		`migrator log "Schema(s) are up-to-date!"`, "migrator need without PGHOST or PGDATASOURCE",
		"migrator need without CODEINTEL_PGHOST or CODEINTEL_PGDATASOURCE",
		"migrator need without CODEINSIGHTS_PGHOST or CODEINSIGHTS_PGDATASOURCE or DISABLE_CODE_INSIGHTS")
	if !slices.ContainsFunc(got.NotChecked, func(n string) bool { return strings.Contains(n, "refusal") }) {
		t.Error("refusals could not be looked at, and it does not say so")
	}
}
