package reference

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/size"
)

const sizesHead = `# How large it has to be

<!-- Generated from catalogue/sizes.yaml and catalogue/scaling.yaml. Regenerate with: go test ./internal/config/reference -update -->

    berth size --users 3000 --repositories 40000 --largest-repo 20GB --total 800GB

shows what each service needs, the machine or the nodes by name, the disks, the lines for sourcegraph.yaml, and how much the answer depends on each
number. ` + "`--target kubernetes`" + ` does it for a cluster, ` + "`--release`" + ` for another release, ` + "`--json`" + ` for programs.

## When nobody knows the numbers

Give a range, or leave a number out:

    %s

The estimate is for the largest value of each range, and one line shows the needs of the smallest. berth names each number that it assumes because you gave none. The table shows what is needed in addition at the second value:

%s
![How much depends on each number](pictures/sizes.svg)

A bar goes from what is needed at the first value to what is needed at the second one; the broken line is the estimate. Find out more about numbers
with a long bar. A number that you give exactly is compared with its double, so its bar begins at the estimate. ` + "`--plot`" + ` draws the picture for your numbers.

## In the config

    size: m

in sourcegraph.yaml says all of it for the most that a size is for, in one line: limits, in a cluster also what services request, their instances and volumes. It is the same
function as ` + "`berth size`" + `. A value of a service in the file wins over it, and ` + "`berth plan`" + ` says which do. ` + "`size: demo`" + ` is for a laptop: no limits.

## What runs already

<!-- play: by internal/cli TestMeasured -->

    berth size --measured

asks the installation of your config: its database for people and repositories, its Prometheus for the most that services and disks used in the last 14 days, and
its instances for what they use now. It says

- the size that its people and repositories ask for;
- which limit is reached first, and when, at the pace of the last days: a disk that fills, people or repositories that outgrow the size;
- memory limits that are too small (more than nine tenths were used), or larger than needed (less than a third in a week, and above what the release ships), with the edit;
- what it could not measure, and why: it does not query an external database, and needs two days of history for a pace.

Nothing of the installation is changed. berth status shows the result in a line, berth doctor warns about a disk that will be full in less than 30 days (BERTH5013).
berth finds a disk in Prometheus by its size, because containers and the host have different names for it; in a cluster, volumes that the node exporter does not see
have no pace.

The tables are those of Sourcegraph's [resource estimator](%s), read %s. They are its experience, not a measurement of ours.

## Sizes

The larger of the two numbers decides. Up to XL one machine is enough; above it use a cluster.

| size | people up to | repositories up to | cores | memory | AWS | GCP | Azure |
|---|---|---|---|---|---|---|---|
`

// The example of docs/sizes.md for numbers that nobody knows; TestScripts types the command.
const unknownCommand = "berth size --users 1000-12000 --repositories 20000 --total 300GB-2TB --largest-repo 5-50GB --index 0-3GB --plot sizes.svg"

func unknownNumbers(t *testing.T) size.Estimate {
	c := catalogue.Embedded()
	release, err := c.Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	least := size.Load{People: 1000, Repositories: 20000, Total: 300, LargestRepository: 5, Insights: true}
	most := size.Load{People: 12000, Repositories: 20000, Total: 2000, LargestRepository: 50, LargestIndex: 3, Insights: true}
	return size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}.Between(least, most, release, catalogue.Compose)
}

func dependsTable(e size.Estimate) string {
	var b strings.Builder
	b.WriteString("| number | from | to | cores | memory of the machine | memory limits of services | disks |\n|---|---|---|---|---|---|---|\n")
	for _, d := range e.Depends {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d GB | %.0f GB | %.0f GB |\n", d.Input, d.Amount(d.From), d.Amount(d.To), d.Cores, d.Memory, d.Limits, d.Disk)
	}
	return b.String()
}

// sizesPage is docs/sizes.md.
func sizesPage(t *testing.T) []byte {
	c := catalogue.Embedded()
	tables := size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}
	var b strings.Builder
	fmt.Fprintf(&b, sizesHead, unknownCommand, dependsTable(unknownNumbers(t)), tables.Scaling.Source, tables.Scaling.Read)
	for i, s := range slices.Concat(tables.Sizing.Sizes, tables.Scaling.Larger) {
		m := catalogue.Machine{AWS: "several", GCP: "several", Azure: "several"}
		if i < len(tables.Scaling.Machines) {
			m = tables.Scaling.Machines[i]
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d GB | %s | %s | %s |\n", s.Name, upTo(s.People), upTo(s.Repositories), s.Cores, s.Memory, m.AWS, m.GCP, m.Azure)
	}
	n := tables.Scaling.Node
	fmt.Fprintf(&b, "\nNodes of a cluster: %d cores and %d GB each, such as %s (AWS), %s (GCP), %s (Azure).\n", n.Cores, n.Memory, n.AWS, n.GCP, n.Azure)
	b.WriteString("\n## Where one machine ends\n\nWith more people or repositories than XL has, Sourcegraph names no machine. `berth size` then says so. The way on is `berth move --to FILE`, see [Move](move.md):\n\n" +
		"| databases | downtime | with `--short-downtime` | measured |\n|---|---|---|---|\n")
	for _, m := range tables.Scaling.Moves {
		fmt.Fprintf(&b, "| %g GB | %d s | %d s | %s, on a machine with %s |\n", m.Databases, m.Down, m.Short, m.When, m.Machine)
	}
	b.WriteString("\nThe downtime grows with the databases, and with `--short-downtime` with what people write meanwhile. A move needs room for a dump of the databases on both sides, and at the destination the disks of its size.\n" +
		"Repositories are cloned and indexed again there. `berth move --to FILE --plan` says the time for your databases before anything is changed.\n")
	b.WriteString("\n## What differs from the estimator, and why\n\n- The size is the larger of the two that people and repositories ask for. The estimator takes the one of the repositories.\n")
	for _, service := range slices.Sorted(maps.Keys(tables.Scaling.Fixes)) {
		fmt.Fprintf(&b, "- %s: %s\n", service, tables.Scaling.Fixes[service])
	}
	b.WriteString(`- Services that a release does not have are left out, and sunset deployment options are not recommended.

Everything else is equal: 14 loads that the estimator itself computed are a test (` + "`go test ./internal/size`" + `).

## Services at the upper end of each size

With 33 MB for each repository, a largest repository of 5 GB, and a largest index of 1 GB. Memory and disk are GB, for one instance.
`)
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		servicesAt(t, &b, tables, target)
	}
	return []byte(b.String())
}

func upTo(n int) string {
	if n == 0 {
		return "more"
	}
	return strconv.Itoa(n)
}

// servicesAt writes what each service needs at the upper end of each size.
func servicesAt(t *testing.T, b *strings.Builder, tables size.Tables, target catalogue.Target) {
	release, err := catalogue.Embedded().Release("7.5.4453", target)
	if err != nil {
		t.Fatal(err)
	}
	title := map[catalogue.Target]string{catalogue.Compose: "Docker Compose: one instance each", catalogue.Kubernetes: "Kubernetes"}[target]
	fmt.Fprintf(b, "\n### %s\n\n| service |", title)
	rows := map[string][]string{}
	for _, s := range tables.Sizing.Sizes {
		fmt.Fprintf(b, " %s |", s.Name)
		e := tables.For(size.Load{People: s.People, Repositories: s.Repositories, Total: float64(s.Repositories) / 30, LargestRepository: 5, LargestIndex: 1, Insights: true}, release, target)
		for _, v := range e.Services {
			cell := fmt.Sprintf("%g cores, %g GB", v.CPU, v.Memory)
			if v.Replicas > 1 {
				cell = fmt.Sprintf("%g × %s", v.Replicas, cell)
			}
			if v.Disk > 0 {
				cell += fmt.Sprintf(", disk %g", v.Disk)
			}
			rows[v.Name] = append(rows[v.Name], cell)
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(tables.Sizing.Sizes)) + "\n")
	for _, service := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(b, "| %s | %s |\n", service, strings.Join(rows[service], " | "))
	}
}
