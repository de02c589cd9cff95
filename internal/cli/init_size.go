package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/installation"
	render "berth/internal/render/kubernetes"
	"berth/internal/view"
)

// howMany asks for the two numbers that decide about the size.
func (e *Env) howMany(d *draft, people bool) question {
	q := question{flag: "repositories", first: "100", why: "How many repositories will it have? A later change is one line.", needed: func() bool { return !d.given("size") }}
	to := &d.repositories
	if people {
		q.flag, q.first, to = "people", "10", &d.people
		q.why = "How many people will use it? The limits of the services follow from this and the number of repositories."
	}
	q.take = func(answer string) diag.List {
		n, err := strconv.Atoi(strings.NewReplacer(",", "", ".", "", "_", "", " ", "").Replace(answer))
		if err != nil || n < 1 {
			return diag.List{{Severity: diag.Error, Summary: fmt.Sprintf("%q is no number of %s", answer, q.flag), Hint: "write a number such as " + q.first}}
		}
		*to = n
		d.scale(e.Catalogue())
		return nil
	}
	return q
}

// scale makes limits of the number of people and repositories: none for a trial, and else only where the release gives a service less than it needs.
func (d *draft) scale(cat *catalogue.Catalogue) {
	d.Services, d.For = nil, ""
	if d.people == 0 && d.repositories == 0 {
		return
	}
	sizing := cat.Sizing()
	if d.people > 0 && d.repositories > 0 && sizing.IsTrial(d.people, d.repositories) {
		d.Size = "demo"
		return
	}
	d.Size = ""
	release, err := cat.Release(d.Release, d.On)
	if err != nil {
		return // the checks say so
	}
	size, _ := sizing.For(d.people, d.repositories)
	d.Services = config.Lacking(release, size, d.On)
	d.For = fmt.Sprintf("for up to %s people and %s repositories", grouped(size.People), grouped(size.Repositories))
}

// grouped is a number as people read it.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// summary says what was written, what it takes, and what comes next.
func (e *Env) summary(d *draft, text []byte) error {
	fmt.Fprintf(e.Stdout, "wrote %s\n\n", filepath.ToSlash(d.file))
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			fmt.Fprint(e.raw(), "  "+line)
		}
	}
	w, problems, err := e.LoadAlone(d.file)
	if err != nil || problems.Failed() {
		return cmp.Or(err, problems.Err())
	}
	fmt.Fprintln(e.Stdout)
	for _, line := range d.takes(e.Catalogue(), w) {
		view.Fit(e.Stdout, fmt.Sprintf("  %-9s ", line.name), line.means)
	}
	if d.DatabaseHost != "" {
		fmt.Fprintf(e.Stdout, "before that: set %s to the role's password\n", config.DatabasePassword)
	}
	fmt.Fprintln(e.Stdout, "next: berth check")
	return nil
}

// takes says what an installation takes of its machine or its cluster.
func (d *draft) takes(cat *catalogue.Catalogue, w *installation.Want) []option {
	sizing := cat.Sizing()
	size, beyond := sizing.For(max(d.people, 1), max(d.repositories, 1))
	machine := fmt.Sprintf("%d cores and %d GB, as Sourcegraph recommends for up to %s people and %s repositories", size.Cores, size.Memory, grouped(size.People), grouped(size.Repositories))
	switch {
	case d.Size == "demo":
		machine = "8 cores and 16 GB are enough for a trial with a few repositories; no limits"
	case beyond:
		machine += ". You have more: ask Sourcegraph for advice"
	}
	lines := []option{{"machine", machine}}
	if d.On == catalogue.Kubernetes {
		lines[0].means = "all nodes together: " + machine
		lines = append(lines, requests(w)...)
	} else {
		lines = append(lines, limits(w), option{"disk", fmt.Sprintf("%.1f GB for each GB of repositories, and some 6 GB of images", sizing.Disk["gitserver"]+sizing.Disk["zoekt"])})
	}
	databases := option{"databases", "bundled"}
	if d.DatabaseHost != "" {
		databases.means = "your own, at " + d.DatabaseHost
	}
	return append(lines, option{"images", fmt.Sprintf("%d, from %s", len(w.Stack.Images()), cmp.Or(w.Doc.Config.Images.Registry, "Docker Hub"))}, databases)
}

// requests says what the pods ask of a cluster.
func requests(w *installation.Want) []option {
	set, _ := render.Render(w.Stack, nil) // the checks have said what is wrong
	cores, memory, storage := set.Requests()
	asked := fmt.Sprintf("%.0f cores and %s of all pods together", cores, gib(memory))
	if cores == 0 {
		asked = "none: each pod may use all of its node"
	}
	return []option{{"requests", asked}, {"disk", gib(storage) + " of volumes"}}
}

// limits says what the services may use of a machine.
func limits(w *installation.Want) option {
	cores, memory := 0.0, int64(0)
	for _, inst := range w.Stack.Instances {
		cores, memory = cores+inst.CPUs, memory+inst.Memory
	}
	if memory == 0 {
		return option{"limits", "none: each service may use all of the machine"}
	}
	return option{"limits", fmt.Sprintf("the services may use up to %.0f cores and %s together", cores, gib(memory))}
}

func gib(bytes int64) string { return fmt.Sprintf("%d GiB", bytes>>30) }
