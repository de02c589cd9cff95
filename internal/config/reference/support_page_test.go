package reference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/support"
)

const supportHead = `# What is officially supported

<!-- Generated from catalogue/support.yaml. Regenerate with: go test ./internal/config/reference -update -->

Each statement has its source, and the day on which the source was read. Ask it in your own words:

<!-- play: file sourcegraph.yaml target: compose\nrelease: 7.5.4453\nurl: http://localhost -->
<!-- play: file requirements.txt Postgres 16 of our own\nSAML -->

    $ berth support ask "postgres 15 external on 7.4"
    No (Sourcegraph 7.4)
    ...

Or ask for a list, a config, all ways to deploy, or another release:

    berth support check requirements.txt      # a list of requirements, one a line, as people write them; YAML with lines such as "users: 3500" is one, too
    berth support check requirements.txt --propose bank      # and of it a config, and a page for the customer
    berth support check sourcegraph.yaml      # what a config needs
    berth support options                     # ways to deploy, and which are deprecated
    berth support diff 5.11 7.5               # how support differs in another release

berth understands the words of this record and versions. It lists words of a question that it does not understand, and does not answer them.
It uses no model and no network.

| answer | means |
|---|---|
| yes | a source says so |
| yes, with guidance | supported, with what the statement adds |
| yes, as far as the record understands it | the same, but the record does not understand some words |
| yes, but deprecated | deprecated |
| needs an exception | ask Sourcegraph before |
| the record does not know | no source says; ask Sourcegraph |
| no | a source says so |

With --propose FOLDER it writes a sourcegraph.yaml that meets the list as far as possible, with the line that asks for each part above it, and a page as Markdown and as HTML:
the answer to each line with its source, the size with the machine by name, a diagram, the exceptions that are needed with the command that asks for each, and the
open points. The config passes berth check --offline as it is. Names such as postgres.example.com and values of variables are for the customer to fill in; the open
points ask for each. It assumes numbers that no line has, such as the size of all repositories, and names them. It does not replace existing files.

*Shown by* names a test of berth that runs it on a real engine or cluster. Without it, no test did.
`

// supportPage is docs/support.md.
func supportPage(r *catalogue.SupportRecord) []byte {
	var b strings.Builder
	b.WriteString(supportHead)
	optionsTable(&b, r)
	changesTable(&b, r)
	for _, s := range r.Subjects {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		for _, st := range s.Statements {
			var bounds []string
			if st.Versions != "" {
				bounds = append(bounds, "version `"+st.Versions+"`")
			}
			if st.Releases != "" {
				bounds = append(bounds, "Sourcegraph `"+st.Releases+"`")
			}
			where := strings.Join(bounds, ", ")
			if where != "" {
				where += ": "
			}
			fmt.Fprintf(&b, "- %s**%s**. %s ([source](%s), read %s%s)\n", where, st.Status, strings.ReplaceAll(st.Says, "|", "\\|"), st.Source, st.Read, shownBy(st.Evidence))
		}
		for _, st := range s.Life {
			dated := ""
			if st.Dated != "" {
				dated = fmt.Sprintf(", [day](%s)", st.Dated)
			}
			fmt.Fprintf(&b, "- %s: **%s**. %s ([source](%s)%s, read %s%s)\n", st.When(), st.Stage, st.Says, st.Source, dated, st.Read, shownBy(st.Evidence))
		}
		if off := s.WayOff; off != nil {
			fmt.Fprintf(&b, "- The way off: %s Begin with `%s`.\n", off.Says, off.Command)
		}
		if s.ID == "release" {
			endOfSupport(&b)
		}
	}
	return []byte(b.String())
}

// optionsTable writes the ways to deploy with their life.
func optionsTable(b *strings.Builder, r *catalogue.SupportRecord) {
	b.WriteString("\n## Ways to deploy\n\n| way | its life | the way off |\n|---|---|---|\n")
	for _, s := range r.Subjects {
		if s.Is != "option" {
			continue
		}
		off := "-"
		if s.WayOff != nil {
			off = fmt.Sprintf("%s, `%s`", s.WayOff.To, s.WayOff.Command)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", s.Title, s.Life, off)
	}
	b.WriteString("\nA stage begins on its day, or with the release of Sourcegraph that it names. A candidate, or one in proof, needs an exception. From the end of life on berth refuses new\n" +
		"installations (BERTH4825); those that are there keep running, and their plans say the way off.\n")
}

// changesTable writes what is supported otherwise in a minor release than in the one before.
func changesTable(b *strings.Builder, r *catalogue.SupportRecord) {
	var minors []string // newest first
	for _, v := range catalogue.Embedded().Versions("") {
		if minor := catalogue.Minor(v.Version); !slices.Contains(minors, minor) {
			minors = append(minors, minor)
		}
	}
	day := ""
	for _, s := range r.Subjects {
		for _, st := range s.Statements {
			day = max(day, st.Read)
		}
	}
	reader := support.New(r, catalogue.Embedded().Sizing(), catalogue.Embedded().Versions("")[0].Version, minors, day)
	b.WriteString("\n## What changes with a release\n\nWith every other release, support is as with the one before. Over several releases: `berth support diff 5.11 7.5`.\n\n" +
		"| release | subject | before | now | why |\n|---|---|---|---|---|\n")
	for i, minor := range minors[:len(minors)-1] {
		for _, c := range reader.Difference(minors[i+1], minor) {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s ([source](%s)) |\n", minor, c.After.Name(), c.Before.Status, c.After.Status, strings.ReplaceAll(c.After.Says, "|", "\\|"), c.After.Source)
		}
	}
}

func shownBy(evidence string) string {
	if evidence == "" {
		return ""
	}
	return "; shown by " + evidence
}

// endOfSupport writes when the support of each major release began and ended.
func endOfSupport(b *strings.Builder) {
	b.WriteString("\n| releases | first one | support ended |\n|---|---|---|\n")
	versions := catalogue.Embedded().Versions("")
	for i, v := range versions {
		major, _, _ := strings.Cut(v.Version, ".")
		if i+1 < len(versions) && strings.HasPrefix(versions[i+1].Version, major+".") {
			continue
		}
		first := ""
		for _, date := range v.Dates {
			if first == "" || date < first {
				first = date
			}
		}
		ended := v.Support.Ended
		if n, _ := strconv.Atoi(major); ended == "" {
			ended = fmt.Sprintf("not yet: with the first release of %d", n+2)
		}
		fmt.Fprintf(b, "| %s | %s, %s | %s |\n", major, v.Version, first, ended)
	}
}
