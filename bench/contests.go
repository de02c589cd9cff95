package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// release is the one that is measured; chartTag and baseTag are the same or the nearest of Sourcegraph's own repositories.
const (
	release  = "7.5.4453"
	chartTag = "v7.5.4453"
	baseTag  = "v7.2.1943" // the Kustomize repository ends there
)

const port = 7680 // of the front door of the measured installation

// bench is a scratch folder and the program that is measured.
type bench struct {
	dir, berth string
	namespaces []string // that were made in a cluster
	bounds     []bound
}

func newBench() (*bench, error) {
	program, err := filepath.Abs("bin/berth")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "berth-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, berth: program}, nil
}

// close takes away what was brought up.
func (b *bench) close() {
	site := filepath.Join(b.dir, "site")
	if _, err := os.Stat(site); err == nil {
		if err := shell(site, b.berth, "down", "--delete-data", "bench").do(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: left behind:", err)
		}
	}
	if len(b.namespaces) > 0 {
		if err := deleteNamespaces(b.namespaces...); err != nil {
			fmt.Fprintln(os.Stderr, "bench: left behind:", err)
		}
	}
	os.RemoveAll(b.dir)
}

// contests prepares the comparisons of some groups, or of all.
func (b *bench) contests(groups []string) ([]contest, error) {
	var list []contest
	for _, g := range []struct {
		name    string
		prepare func() ([]contest, error)
	}{{"start", b.start}, {"render", b.render}, {"engine", b.engine}, {"kubernetes", b.kubernetes}, {"upgrade", b.upgrade}, {"upgrade-kubernetes", b.upgradeCluster}} {
		if len(groups) > 0 && !slices.Contains(groups, g.name) {
			continue
		}
		more, err := g.prepare()
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", g.name, err)
		}
		list = append(list, more...)
	}
	return list, nil
}

func (b *bench) start() ([]contest, error) {
	b.bounds = append(b.bounds, bound{what: "the binary", unit: "MB", most: 45, measure: func() (float64, error) {
		info, err := os.Stat(b.berth)
		if err != nil {
			return 0, err
		}
		return float64(info.Size()) / 1e6, nil
	}}, bound{what: "the slowest command that asks no engine", unit: "ms", most: 60, measure: b.slowest})
	return []contest{{
		what: "`berth help`, a command that does nothing", rounds: 41, most: 30 * time.Millisecond,
		ours: shell(b.dir, b.berth, "help"), theirs: shell(b.dir, "docker", "--version"),
	}}, nil
}

// quick are commands that ask no engine, no cluster and no registry, one of each kind.
var quick = []string{"version", "schema", "explain", "explain services.gitserver", "explain BERTH1100", "catalogue list", "catalogue show " + release, "check --offline",
	"check --offline -c cluster.yaml", "history", "upgrade path --from 6.0", "render --out project", "render -c cluster.yaml --out objects",
	"init --people 3000 --repositories 20000 --out -", "__complete explain services.", "__complete plan --context= "}

// slowest is the median time in ms of the slowest of quick.
func (b *bench) slowest() (float64, error) {
	for file, on := range map[string]string{"sourcegraph.yaml": "compose", "cluster.yaml": "kubernetes"} {
		config := "target: " + on + "\nrelease: " + release + "\nurl: http://localhost\n"
		if err := os.WriteFile(filepath.Join(b.dir, file), []byte(config), 0o600); err != nil {
			return 0, err
		}
	}
	slowest := time.Duration(0)
	for _, line := range quick {
		c := shell(b.dir, b.berth, strings.Fields(line)...)
		took, _, err := race(contest{rounds: 11, ours: c, theirs: command{do: func() error { return nil }}})
		if err != nil {
			return 0, err
		}
		if took > slowest {
			fmt.Fprintf(os.Stderr, "bench: berth %s takes %s\n", line, show(took))
			slowest = took
		}
	}
	return float64(slowest) / 1e6, nil
}

// render compares rendering everything with what Sourcegraph's own chart and base take, where checkouts of them are given.
func (b *bench) render() ([]contest, error) {
	config := "target: compose\nrelease: " + release + "\nurl: http://localhost\n"
	if err := os.WriteFile(filepath.Join(b.dir, "sourcegraph.yaml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	return b.against("`berth render --as compose`", shell(b.dir, b.berth, "render", "--as", "compose", "--out", filepath.Join(b.dir, "project")))
}

// against compares a rendering with Sourcegraph's own ones.
func (b *bench) against(what string, ours command) ([]contest, error) {
	var list []contest
	for _, c := range []struct {
		variable, tag, folder, what string
		command                     []string
		goal                        float64
	}{
		{"BENCH_HELM", chartTag, "charts/sourcegraph", "chart", []string{"helm", "template", "sourcegraph"}, 7},
		{"BENCH_K8S", baseTag, "base", "base", []string{"kubectl", "kustomize"}, 10},
		{"BENCH_K8S", baseTag, "base", "base", []string{"kustomize", "build"}, 0},
	} {
		name := strings.Join(c.command[:2], " ")
		repository := os.Getenv(c.variable)
		if _, err := exec.LookPath(c.command[0]); repository == "" || err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is not set or there is no %s, so %s is NOT measured\n", c.variable, c.command[0], name)
			continue
		}
		tree := filepath.Join(b.dir, c.what)
		if _, err := os.Stat(tree); err == nil {
			// of another group
		} else if err := checkout(repository, c.tag, tree); err != nil {
			return nil, err
		}
		theirs := shell(b.dir, c.command[0], append(c.command[1:], filepath.Join(tree, c.folder))...)
		theirs.name = name + " of Sourcegraph's own " + c.what
		list = append(list, contest{what: what, ours: ours, theirs: theirs, rounds: 31, goal: c.goal})
	}
	return list, nil
}

// checkout writes a tag of a repository, bare or not, to a folder.
func checkout(repository, tag, dir string) error {
	out, err := exec.Command("git", "-C", repository, "archive", tag).Output()
	if err != nil {
		return fmt.Errorf("git archive %s: %w", tag, err)
	}
	r := tar.NewReader(bytes.NewReader(out))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
}

// engine compares on a real Docker Engine, with stand-in images: having nothing to do, and bringing everything up. The images are there
// already on both sides, and both use the same rendered project.
func (b *bench) engine() ([]contest, error) {
	site, plain := filepath.Join(b.dir, "site"), filepath.Join(b.dir, "plain")
	config, err := exec.Command("testbed/config", "bench", strconv.Itoa(port)).Output()
	if err != nil {
		return nil, fmt.Errorf("testbed/config: %w", err)
	}
	if err := os.MkdirAll(site, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(site, "sourcegraph.yaml"), config, 0o600); err != nil {
		return nil, err
	}
	up := shell(site, b.berth, "up")
	// Both sides' containers bear the same labels, so this takes away what either brought up.
	remove := shell(site, b.berth, "down", "--delete-data", "bench").do
	for _, prepare := range []command{shell(site, b.berth, "lock"), up, shell(site, b.berth, "render", "--as", "compose", "--out", plain)} {
		if err := prepare.do(); err != nil {
			return nil, err
		}
	}
	compose := func(dir string) command { return shell(dir, "docker", "compose", "up", "-d", "--pull", "never") }
	return []contest{
		{what: "`berth plan` with nothing to do, 26 containers", rounds: 15, goal: 2, most: 150 * time.Millisecond, ours: shell(site, b.berth, "plan"),
			theirs: command{name: "docker compose up -d", do: compose(filepath.Join(site, ".berth", "bench", "project")).do}},
		{what: "from nothing to healthy, 26 services", rounds: 5, goal: 1 / 1.05,
			ours: command{name: "berth up", before: remove, do: up.do},
			theirs: command{name: "docker compose up -d, then polling the same checks", before: remove, do: func() error {
				if err := compose(plain).do(); err != nil {
					return err
				}
				return healthy()
			}}},
	}, nil
}

// healthy waits until no container is starting or crashing any more and the front door answers.
func healthy() error {
	client := http.Client{Timeout: 2 * time.Second}
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		out, err := exec.Command("docker", "ps", "-a", "--filter", "label=com.docker.compose.project=bench", "--format", "{{.Status}}").Output()
		if err != nil {
			return err
		}
		status := string(out)
		if strings.Contains(status, "starting") || strings.Contains(status, "Restarting") || strings.Contains(status, "Created") {
			continue
		}
		resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("not healthy within five minutes")
}
