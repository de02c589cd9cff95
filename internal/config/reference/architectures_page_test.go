package reference

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/size"
	"go.yaml.in/yaml/v4"
)

//go:embed architectures.yaml
var architecturesFile []byte

// loadsFile is what make load found.
//
//go:embed loads.yaml
var loadsFile []byte

// architectures is what the pages say beside the catalogue's tables.
type architectures struct {
	Changes []string `yaml:"changes"`
	Beside  []string `yaml:"beside"`
	Tested  []struct {
		Size     string           `yaml:"size"`
		Target   catalogue.Target `yaml:"target"`
		When     string           `yaml:"when"`
		What     string           `yaml:"what"`
		Evidence string           `yaml:"evidence"`
	} `yaml:"tested"`
	Lines []struct {
		Size   string           `yaml:"size"`
		Target catalogue.Target `yaml:"target"`
		Lines  string           `yaml:"lines"`
	} `yaml:"lines"`
	History []struct {
		Date string `yaml:"date"`
		What string `yaml:"what"`
	} `yaml:"history"`
}

// loaded is what came of the load of a size; e2e/load_test.go writes it.
type loaded struct {
	Size    string           `yaml:"size"`
	Target  catalogue.Target `yaml:"target"`
	When    string           `yaml:"when"`
	Release string           `yaml:"release"`
	Machine string           `yaml:"machine"`
	Seconds int              `yaml:"seconds"` // that people worked
	Did     []struct {
		What    string  `yaml:"what"`
		Of      int     `yaml:"of"`
		Done    int     `yaml:"done"`
		Failed  int     `yaml:"failed"`
		Median  float64 `yaml:"median"`
		Slowest float64 `yaml:"slowest"`
	} `yaml:"did"`
	Nodes string `yaml:"nodes"` // simulated ones
	Pods  int    `yaml:"pods"`  // that found a node
}

func loads(t *testing.T) (all []loaded) {
	t.Helper()
	if err := yaml.Load(loadsFile, &all, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	return all
}

// write says what a load showed, and what it can't show.
func (l loaded) write(b *strings.Builder) {
	if l.Nodes != "" {
		fmt.Fprintf(b, "%s, by `make load SIZE=%s` on a machine with %s: berth deployed the config above to simulated nodes, %s. Kubernetes' own scheduler found a node for each of the %d pods. "+
			"**No container ran, so nobody's load was on it.**\n", l.When, l.Size, l.Machine, l.Nodes, l.Pods)
		return
	}
	fmt.Fprintf(b, "%s, by `make load SIZE=%s` on a machine with %s: berth deployed the config above without its limits of cores, of Sourcegraph %s, and people worked with it for %d seconds.\n\n", l.When, l.Size, l.Machine, l.Release, l.Seconds)
	b.WriteString("| what | done | as the size asks | failed | median | slowest |\n|---|---|---|---|---|---|\n")
	for _, d := range l.Did {
		fmt.Fprintf(b, "| %s | %d | %d | %d | %g s | %g s |\n", d.What, d.Done, d.Of, d.Failed, d.Median, d.Slowest)
	}
	b.WriteString("\n**The images stand in for Sourcegraph's.** So this shows that the parts work together under many requests, and nothing of Sourcegraph's speed. " +
		"Each person searches once in ten minutes, which is a choice of our own; repositories are small, and as many as there was time for.\n")
}

// architecture is a size on a target.
type architecture struct {
	size   catalogue.Size
	target catalogue.Target
	size.Estimate
	config string // the sourcegraph.yaml for it
}

const architectureFolder = "docs/reference-architectures/"

func (a architecture) file() string {
	return string(a.target) + "-" + strings.ToLower(a.size.Name) + ".md"
}

// allArchitectures are those of one machine, and those of a cluster.
func allArchitectures(t *testing.T) (out []architecture) {
	c := catalogue.Embedded()
	tables := size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		release, err := c.Release("7.5.4453", target)
		if err != nil {
			t.Fatal(err)
		}
		sizes := tables.Sizing.Sizes
		if target == catalogue.Kubernetes {
			sizes = slices.Concat(sizes, tables.Scaling.Larger)
		}
		for _, s := range sizes {
			e, ok := tables.Named(s.Name, release, target)
			if !ok {
				t.Fatalf("there is no size %s", s.Name)
			}
			a := architecture{size: s, target: target, Estimate: e}
			a.config = fmt.Sprintf("target: %s\nrelease: %s\nurl: https://sourcegraph.example.com\ntls: {external: true}      # a load balancer in front has the certificate\n", target, release.Version)
			if lacking := config.Lacking(release, a.Needs(), target); len(lacking) > 0 {
				a.config += "services:\n"
				for _, v := range a.Services {
					if need, ok := lacking[v.Name]; ok {
						a.config += "  " + v.Name + ": " + config.NeedText(need) + "\n"
					}
				}
			}
			out = append(out, a)
		}
	}
	return out
}

// architecturePages are the pages, by their files.
func architecturePages(t *testing.T) map[string][]byte {
	var says architectures
	if err := yaml.Load(architecturesFile, &says, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	pages := map[string][]byte{}
	var index strings.Builder
	index.WriteString(`# Reference architectures

<!-- Generated from catalogue/ and internal/config/reference/architectures.yaml. Regenerate with: make gen -->

One page for each size and target: the load that it is for, what it consists of, what it asks for, what may be changed and what not, and how it was tested.
The numbers are those of Sourcegraph's resource estimator, with [its faults fixed](../sizes.md); what is supported is quoted from [the support record](../support.md).
**None of them ran under the load of people with Sourcegraph's own images yet**: each page says what was tried, where and when, and a size that never ran says so. For other numbers than these, ask ` + "`berth size`" + `.

| size | people up to | repositories up to | on one machine | in a cluster |
|---|---|---|---|---|
`)
	all := allArchitectures(t)
	for _, a := range all {
		pages[architectureFolder+a.file()] = says.page(t, a)
		if a.target == catalogue.Kubernetes {
			machine := "one machine ends before"
			if slices.ContainsFunc(all, func(b architecture) bool { return b.size.Name == a.size.Name && b.target == catalogue.Compose }) {
				machine = fmt.Sprintf("[Docker Compose](compose-%s.md)", strings.ToLower(a.size.Name))
			}
			fmt.Fprintf(&index, "| %s | %s | %s | %s | [Kubernetes](%s) |\n", a.size.Name, upTo(a.size.People), upTo(a.size.Repositories), machine, a.file())
		}
	}
	pages[architectureFolder+"README.md"] = []byte(index.String())
	return pages
}

// page is one page.
func (says architectures) page(t *testing.T, a architecture) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Size %s on %s\n\n<!-- Generated from catalogue/ and internal/config/reference/architectures.yaml. Regenerate with: make gen -->\n\n", a.size.Name, config.Title(a.target))
	fmt.Fprintf(&b, "For up to %s people and %s repositories; the larger of the two decides. [All sizes](README.md).\n\n## Load\n\n", upTo(a.size.People), upTo(a.size.Repositories))
	fmt.Fprintf(&b, "| people | repositories | all repositories | largest repository | largest index of precise code navigation |\n|---|---|---|---|---|\n| %d | %d | %.0f GB | %g GB | %g GB |\n\n",
		a.Load.People, a.Load.Repositories, a.Load.Total, a.Load.LargestRepository, a.Load.LargestIndex)
	b.WriteString("How much each number decides: `berth size` shows what is needed in addition if it is twice as large.\n\n## What it consists of\n\nFor Sourcegraph " + a.Release + "; cores, memory and disk of one instance, in GB.\n\n")
	b.WriteString("| service | instances | cores | memory | disk |\n|---|---|---|---|---|\n")
	for _, v := range a.Services {
		disk := "-"
		if v.Disk > 0 {
			disk = fmt.Sprintf("%g", v.Disk)
		}
		if v.Ephemeral > 0 {
			disk = fmt.Sprintf("%g, a cache", v.Ephemeral)
		}
		fmt.Fprintf(&b, "| %s | %g | %g | %g | %s |\n", v.Name, v.Replicas, v.CPU, v.Memory, disk)
	}
	b.WriteString("\n```\n" + a.diagram() + "```\n\n## What it asks for\n\n")
	a.asks(t, &b)
	text, of := a.config, ""
	for _, l := range says.Lines {
		if l.Size == a.size.Name && l.Target == a.target {
			text, of = text+l.Lines, " for services"
		}
	}
	fmt.Fprintf(&b, "\nThe config, with what the release does not ship. `size: %s` says the same%s in one line, and single values beside it win:\n\n```yaml\n%s```\n\n## What may be changed\n\n",
		strings.ToLower(a.size.Name), of, text)
	for _, c := range says.Changes {
		fmt.Fprintf(&b, "- %s\n", c)
	}
	b.WriteString("\n## What is no part of it\n\n")
	for _, id := range says.Beside {
		s, st := statement(t, id)
		fmt.Fprintf(&b, "- %s: **%s**. %s ([source](%s), read %s)\n", s.Title, st.Status, st.Says, st.Source, st.Read)
	}
	fmt.Fprintf(&b, "- Changes by patches, containers and objects of your own need [an exception](../exceptions.md).\n\n## How it was tested\n\n")
	tested := false
	for _, x := range says.Tested {
		if x.Size == a.size.Name && x.Target == a.target {
			tested = true
			fmt.Fprintf(&b, "%s: %s (%s).\n", x.When, x.What, x.Evidence)
		}
	}
	for _, l := range loads(t) {
		if l.Size == a.size.Name && l.Target == a.target {
			b.WriteString(map[bool]string{true: "\n"}[tested])
			tested = true
			l.write(&b)
		}
	}
	if !tested {
		b.WriteString("**It never ran, and never under load.** A test proves that berth accepts the config above. The numbers are those of Sourcegraph's estimator.\n")
	} else {
		b.WriteString("\n**It never ran under the load of people with Sourcegraph's own images.** The numbers are those of Sourcegraph's estimator.\n")
	}
	b.WriteString("\n## History\n\n")
	for _, h := range says.History {
		fmt.Fprintf(&b, "- %s: %s\n", h.Date, h.What)
	}
	return []byte(b.String())
}

// sameAsItsLines is the services part of a config with a size, and of one with the lines of the size's page.
func sameAsItsLines(t *testing.T, a architecture) (says, want string) {
	t.Helper()
	release, err := catalogue.Embedded().Release(a.Release, a.target)
	if err != nil {
		t.Fatal(err)
	}
	services := func(text string) string {
		doc, problems := config.Load(a.file(), []byte(text))
		if problems.Failed() {
			t.Fatal(problems)
		}
		sized, _ := config.WithSize(doc.Config, release)
		out, err := json.MarshalIndent(sized.Services, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return services(fmt.Sprintf("target: %s\nrelease: %s\nurl: https://sourcegraph.example.com\nsize: %s\n", a.target, a.Release, strings.ToLower(a.size.Name))), services(a.config)
}

// statement is what the record says of a subject in the newest release.
func statement(t *testing.T, id string) (catalogue.SupportSubject, catalogue.SupportStatement) {
	record := catalogue.Embedded().SupportRecord()
	i := slices.IndexFunc(record.Subjects, func(s catalogue.SupportSubject) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("the support record has no subject %s", id)
	}
	s := record.Subjects[i]
	return s, s.Statements[len(s.Statements)-1]
}

// asks writes the machines, the disks, and what the support record asks for.
func (a architecture) asks(t *testing.T, b *strings.Builder) {
	m, what := a.Machine, "One machine"
	if a.target == catalogue.Kubernetes {
		what = fmt.Sprintf("%d nodes", a.Nodes)
	}
	fmt.Fprintf(b, "- %s with %d cores and %d GB of memory: %s (AWS), %s (GCP), %s (Azure), or bare metal of that size; read %s.\n", what, m.Cores, m.Memory, m.AWS, m.GCP, m.Azure,
		catalogue.Embedded().Scaling().Read)
	for _, note := range a.Notes {
		fmt.Fprintf(b, "- Mind: %s.\n", note)
	}
	if a.target == catalogue.Kubernetes && len(a.Notes) > 0 {
		b.WriteString("- Keep such nodes free for that service before you deploy, or others fill them first: `kubectl taint node NODE reserved=true:PreferNoSchedule`.\n")
	}
	fmt.Fprintf(b, "- %.0f GB of SSD for volumes, and %.0f GB for caches, which can be lost.\n", a.Disk, a.Ephemeral)
	for _, id := range map[catalogue.Target][]string{catalogue.Compose: {"docker", "ssd", "ingress"}, catalogue.Kubernetes: {"kubernetes", "ssd", "ingress"}}[a.target] {
		s, st := statement(t, id)
		fmt.Fprintf(b, "- %s: %s ([source](%s), read %s)\n", s.Title, st.Says, st.Source, st.Read)
	}
}

// diagram is the architecture as text.
func (a architecture) diagram() string {
	by := map[string]size.Service{}
	for _, v := range a.Services {
		by[v.Name] = v
	}
	of := func(name string) string {
		if v, ok := by[name]; ok && v.Replicas > 1 {
			return fmt.Sprintf("%s x %g", name, v.Replicas)
		}
		return name
	}
	front := "caddy"
	if a.target == catalogue.Kubernetes {
		front = "Ingress or load balancer"
	}
	return fmt.Sprintf(`people
  |  https
  v
%s
  |
  v
%s
  |-- searches ---> %s (indexes: %g GB each), %s (cache)
  |-- code -------> %s (repositories: %g GB each) <--- code hosts
  '-- data -------> pgsql, codeintel-db, codeinsights-db, redis-cache, redis-store, blobstore
                      ^
worker, precise-code-intel-worker  (in the background)
`, front, of("sourcegraph-frontend"), of("zoekt-webserver"), by["zoekt-indexserver"].Disk, of("searcher"), of("gitserver"), by["gitserver"].Disk)
}

// TestArchitectureConfigs: berth accepts the config of each page, and what it says of tests and of the support record is true to them.
func TestArchitectureConfigs(t *testing.T) {
	all := allArchitectures(t)
	for _, a := range all {
		doc, problems := config.Load(a.file(), []byte(a.config))
		if problems.Failed() {
			t.Errorf("%s: %v\n%s", a.file(), problems, a.config)
			continue
		}
		for _, v := range a.Services {
			if need := doc.Config.Services[v.Name]; need.Memory != "" {
				if got, err := config.Bytes(need.Memory); err != nil || float64(got) < v.Memory*1e9 {
					t.Errorf("%s: %s gets %s, and needs %g GB", a.file(), v.Name, need.Memory, v.Memory)
				}
			}
		}
	}
	for _, a := range all {
		if says, want := sameAsItsLines(t, a); says != want {
			t.Errorf("%s: size says\n%s\nand its lines\n%s", a.file(), says, want)
		}
	}
	if !strings.Contains(all[len(all)-1].config, "storage: ") {
		t.Error("the largest cluster's config asks for no larger volumes")
	}
	var says architectures
	if err := yaml.Load(architecturesFile, &says, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	for _, x := range says.Tested {
		if !slices.ContainsFunc(all, func(a architecture) bool { return a.size.Name == x.Size && a.target == x.Target }) {
			t.Errorf("there is no size %s on %s to have been tested", x.Size, x.Target)
		}
	}
	for _, l := range loads(t) {
		if !slices.ContainsFunc(all, func(a architecture) bool { return a.size.Name == l.Size && a.target == l.Target }) || l.When == "" || l.Machine == "" || (l.Nodes == "") == (len(l.Did) == 0) {
			t.Errorf("loads.yaml has what is no load of a size: %+v", l)
		}
	}
}
