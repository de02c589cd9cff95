//go:build forks

package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"
	theirs "berth/internal/adopt/kubernetes"
	"berth/internal/installation"
	"berth/internal/tree"
)

// The tables are between these lines of the pages.
const (
	understoodBegin = "<!-- measured: written by make adopt-numbers -->\n\n"
	understoodEnd   = "<!-- End of what was measured. -->"
)

// understoodPages are the pages with a table, by the target of its forks.
var understoodPages = map[catalogue.Target]string{catalogue.Compose: "../../docs/adopt-compose.md", catalogue.Kubernetes: "../../docs/adopt-kustomize.md"}

// TestUnderstood reads each folder of FORKS as berth adopt DIR does, and writes into the pages how many of its lines berth understands. The folder's name is what the
// table calls it. Manifests count as if the cluster had them as they are. Nothing of the folders gets into the repository but these numbers.
func TestUnderstood(t *testing.T) {
	forks := os.Getenv("FORKS")
	folders, err := os.ReadDir(forks)
	if err != nil {
		t.Fatalf("FORKS names the folder with a folder for each fork: %v", err)
	}
	rows := map[catalogue.Target][]string{}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		began := time.Now()
		read, err := readFork(t, filepath.Join(forks, folder.Name()))
		if err != nil {
			t.Errorf("%s: %v", folder.Name(), err)
			continue
		}
		rows[read.target] = append(rows[read.target], understoodRow(folder.Name(), read.result.Report, time.Since(began)))
	}
	for target, page := range understoodPages {
		if len(rows[target]) == 0 {
			continue
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, begins := strings.Cut(string(text), understoodBegin)
		_, after, ends := strings.Cut(rest, understoodEnd)
		if !begins || !ends {
			t.Fatalf("%s has no table between its two lines", page)
		}
		table := "Measured on " + time.Now().Format(time.DateOnly) + ".\n\n" +
			"| what | release | lines | as shipped, or by a key | as a secret | by a patch | left alone | recreated as the release has it | not kept, and asked about | understood | took |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
		if err := os.WriteFile(page, []byte(before+understoodBegin+table+strings.Join(rows[target], "")+"\n"+understoodEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readFork reads one folder: a project of Compose, or manifests.
func readFork(t *testing.T, dir string) (taking, error) {
	t.Helper()
	e := &Env{Environment: installation.Environment{Dir: t.TempDir(), Getenv: func(string) string { return "" }, Now: time.Now}}
	f := &adoptFlags{out: DefaultConfig}
	if inside := filepath.Join(dir, "docker-compose"); isFolder(inside) {
		dir = inside
	}
	objects, err := e.objects(context.Background(), dir, f)
	if err != nil {
		return taking{}, err
	}
	if objects == nil {
		return e.fork(context.Background(), dir, f)
	}
	live := map[string]map[string]any{}
	for _, body := range objects {
		live[tree.Text(body, "kind")+"/"+tree.Text(body, "metadata", "name")] = body
	}
	return e.inCluster(theirs.Read(theirs.OfFiles(dir, ""), objects, live, "", "default"), f)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// understoodRow is a row of the table. What they lack is no line of theirs.
func understoodRow(name string, r adopt.Report, took time.Duration) string {
	count, lines := map[adopt.Fate]int{}, 0
	for _, i := range r.Items {
		if i.Theirs != "" {
			count[i.Fate]++
			lines++
		}
	}
	kept := count[adopt.Default] + count[adopt.Key]
	row := fmt.Sprintf("| %s | %s | %d |", name, r.Base.Release, lines)
	for _, n := range []int{kept, count[adopt.Secret], count[adopt.Patch], count[adopt.Alone], count[adopt.Again], count[adopt.Lost]} {
		cell := ""
		if n > 0 {
			cell = fmt.Sprintf(" %d", n)
		}
		row += cell + " |"
	}
	return row + fmt.Sprintf(" %.1f %% | %.1f s |\n", 100*float64(kept+count[adopt.Secret])/float64(lines), took.Seconds())
}
