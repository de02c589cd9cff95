package proposal

import (
	"fmt"
	"strings"

	"berth/catalogue"
	"berth/internal/support"
)

// Page is the page for the customer, as Markdown.
func (p *Proposal) Page() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Sourcegraph for %s: a proposal\n", p.in.Name)
	say("Written by berth %s for Sourcegraph %s, from a list of %s. Each statement about support has its source, read by %s.\n", p.in.Berth, p.Release,
		counted(len(p.in.Answers), "requirement", "requirements"), p.in.Read)
	say("%s. It runs on %s: %s. %s, %s.\n", p.verdicts(), map[catalogue.Target]string{catalogue.Compose: "one machine, with Docker Compose", catalogue.Kubernetes: "Kubernetes"}[p.Target], cell(p.Why),
		p.exceptions(), counted(len(p.Open), "point is open", "points are open"))
	p.size(say)
	p.diagram(say)
	say("## Requirement by requirement\n")
	say("| requirement | answer | what the record says |\n|---|---|---|")
	for _, a := range p.in.Answers {
		say("| %s | %s | %s |", cell(a.Question), a.Verdict, cited(a))
	}
	say("\n## Exceptions\n")
	if len(p.Needs) == 0 {
		say("The config needs none.")
	}
	ask := func(f support.Finding) {
		say("- **%s**: %s Ask for it: `berth exception new %s --subject %s`.", f.Name(), f.Says, f.Subject, f.Subject)
	}
	for _, f := range p.Needs {
		ask(f)
	}
	if len(p.Refused) > 0 {
		say("\nThe config leaves out what is not supported. Who needs it anyway asks for an exception:\n")
	}
	for _, f := range p.Refused {
		ask(f)
	}
	say("\n## Open points\n")
	for _, o := range p.Open {
		say("- %s", o)
	}
	say("\n## The config\n")
	say("It is in `sourcegraph.yaml` beside this page. `berth check --offline` checks it, `berth up` deploys it.\n\n```yaml\n%s```", p.Config)
	return b.String()
}

// exceptions says how many are needed, and whether lines ask for more than the config does.
func (p *Proposal) exceptions() string {
	text := "The config needs no exception"
	if n := len(p.Needs); n > 0 {
		text = counted(n, "exception is needed", "exceptions are needed")
	}
	if n := len(p.Refused); n > 0 {
		text += ", " + counted(n, "thing that a line asks for is not supported", "things that lines ask for are not supported")
	}
	return text
}

// verdicts counts the answers.
func (p *Proposal) verdicts() string {
	each := map[support.Verdict]int{}
	for _, a := range p.in.Answers {
		each[a.Verdict]++
	}
	var parts []string
	for _, v := range support.Verdicts() {
		if each[v] > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", v, each[v]))
		}
	}
	return "Answers: " + strings.Join(parts, "; ")
}

func (p *Proposal) size(say func(string, ...any)) {
	e := p.Estimate
	say("## Size\n")
	say("| people | repositories | all repositories | largest repository | largest index |\n|---|---|---|---|---|")
	say("| %d | %d | %s GB | %s GB | %s GB |\n", e.Load.People, e.Load.Repositories, gb(e.Load.Total), gb(e.Load.LargestRepository), gb(e.Load.LargestIndex))
	what := "one machine with"
	if p.Target == catalogue.Kubernetes {
		what = counted(e.Nodes, "node", "nodes") + ", each with"
	}
	say("Size %s: %s %d cores and %d GB of memory: %s (AWS), %s (GCP), %s (Azure), or bare metal of that size; %s GB of SSD for volumes, and %s GB for caches.\n",
		e.Size, what, e.Machine.Cores, e.Machine.Memory, e.Machine.AWS, e.Machine.GCP, e.Machine.Azure, gb(e.Disk), gb(e.Ephemeral))
	if e.Beyond {
		say("That is more than Sourcegraph has figures for: ask it for advice.\n")
	}
	for _, n := range e.Notes {
		say("- %s", n)
	}
	say("\nNeeded in addition if a number is twice as large:\n\n| number | cores | memory | disk |\n|---|---|---|---|")
	for _, d := range e.Depends {
		say("| %s | %d | %s GB | %s GB |", d.Input, d.Cores, gb(max(float64(d.Memory), d.Limits)), gb(d.Disk))
	}
	say("")
}

// diagram shows who speaks with whom, and what is the customer's own.
func (p *Proposal) diagram(say func(string, ...any)) {
	config := string(p.Config)
	place := func(key, own, bundled string) string {
		if strings.Contains(config, "\n"+key+":") {
			return own
		}
		return bundled
	}
	front := "caddy"
	if p.Target == catalogue.Kubernetes {
		front = "Ingress"
		if strings.Contains(config, "openshift: true") {
			front = "Route"
		}
	}
	say("## Diagram\n\n```")
	say("people\n  |  https\n  v\n%s\n  |\n  v\nsourcegraph-frontend", front)
	say("  |-- searches ---> zoekt-webserver, searcher")
	say("  |-- code -------> gitserver <--- %s", place("proxy", "your proxy <--- code hosts", "code hosts"))
	say("  |-- data -------> %s", place("databases", "your PostgreSQL: sourcegraph, codeintel, codeinsights", "pgsql, codeintel-db, codeinsights-db"))
	say("  |-- sessions ---> %s", place("redis", "your Redis, two stores", "redis-cache, redis-store"))
	say("  '-- uploads ----> %s", place("objectStorage", "your bucket", "blobstore"))
	say("                      ^\nworker, precise-code-intel-worker  (in the background)")
	say("```\n")
}

// cited are the findings of an answer with their sources.
func cited(a support.Answer) string {
	var parts []string
	for _, f := range a.Findings {
		parts = append(parts, fmt.Sprintf("%s: %s ([source](%s), read %s)", f.Name(), cell(f.Says), f.Source, f.Read))
	}
	if len(a.Ignored) > 0 {
		parts = append(parts, "Not understood: "+cell(strings.Join(a.Ignored, ", ")))
	}
	return strings.Join(parts, " ")
}

// cell is a text in a cell of a table: it ends no cell, and makes no link.
func cell(text string) string {
	return strings.NewReplacer("|", "/", "](", "] (").Replace(oneLine(text))
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// gb is an amount without needless decimals.
func gb(n float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") }
