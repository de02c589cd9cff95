package reference

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
)

const rulesHead = `# Rules for upgrades between releases

<!-- Generated from catalogue/upgrades.yaml. Regenerate with: go test ./internal/config/reference -update -->

` + "`berth upgrade path --from 5.8.1579 --to 7.5 --target kubernetes`" + ` applies these rules to your upgrade. A rule applies to an upgrade step that starts below a
release and ends at it or above. How to add one: [The catalogue](catalogue.md#rules-of-upgrades).
`

// rulesPage is docs/upgrade-rules.md.
func rulesPage(u *catalogue.Upgrades) []byte {
	var b strings.Builder
	b.WriteString(rulesHead)
	fmt.Fprintf(&b, "\nThe oldest release to upgrade from is %s. The last minor releases of closed majors, each followed by the first minor of the next major:", u.Oldest)
	for _, major := range slices.Sorted(maps.Keys(u.LastMinors)) {
		fmt.Fprintf(&b, " %d.%d", major, u.LastMinors[major])
	}
	b.WriteString(".\n")
	pathRules(&b, u)
	section(&b, "What only a backup can undo", "crosses | for | what")
	for _, i := range u.Irreversible {
		row(&b, i.Crosses, concerns("", i.Database, 0), i.Text+cite(i.Source))
	}
	for _, m := range u.Background {
		if m.OneWay {
			row(&b, m.Deprecated, "all", fmt.Sprintf("%s (background migration %d)", m.What, m.ID))
		}
	}
	section(&b, "Indexes that are checked", "crosses | for | why")
	for _, r := range u.Reindexes {
		row(&b, r.Crosses, concerns("", r.Database, 0), r.Reason+cite(r.Source))
	}
	migrators(&b, u)
	section(&b, "Manual work", "crosses | for | what")
	advice(&b, u.ByHand)
	section(&b, "Changes that berth makes and that people notice", "crosses | for | what")
	advice(&b, u.Changes)
	section(&b, "Removed services", "service | its settings move to | why")
	for _, name := range slices.Sorted(maps.Keys(u.Gone)) {
		g := u.Gone[name]
		row(&b, name, cmp.Or(g.Into, "nothing"), g.Reason+cite(g.Source))
	}
	section(&b, "Background migrations", "id | came with | needed done by | can be undone | what")
	for _, m := range u.Background {
		undone := "yes"
		if m.OneWay {
			undone = "no"
		}
		row(&b, fmt.Sprint(m.ID), m.Introduced, cmp.Or(m.Deprecated, "none known"), undone, m.What)
	}
	return []byte(b.String())
}

// pathRules are the rules that decide at which releases an upgrade stops.
func pathRules(b *strings.Builder, u *catalogue.Upgrades) {
	section(b, "Stops", "crosses | from below | for | stop at | why")
	for _, s := range u.Stops {
		why := s.Reason
		if s.Then != "" {
			why += " " + s.Then
		}
		row(b, s.Crosses, s.Below, concerns(s.Target, s.Database, s.PostgresBelow), s.At, why+cite(s.Source))
	}
	section(b, "Upgrade steps that fail", "from | to | use instead | why")
	for _, t := range u.Traps {
		row(b, strings.Join(t.From, ", "), strings.Join(t.To, ", "), t.Instead, t.Reason+cite(t.Source))
	}
}

// migrators are the upgrade steps for which an older migrator than the newest one is used.
func migrators(b *strings.Builder, u *catalogue.Upgrades) {
	section(b, "Upgrade steps over several releases that do not use the newest migrator", "crosses | for | migrator | why")
	for _, m := range u.Migrators {
		with := "newest of " + m.With
		if m.With == catalogue.OwnMigrator {
			with = "the one of the release where the step ends"
		}
		over := cmp.Or(m.Crosses, "any")
		if m.EndsBelow != "" {
			over += ", to below " + m.EndsBelow
		}
		row(b, over, concerns("", "", m.PostgresBelow), with, m.Reason+cite(m.Source))
	}
}

func advice(b *strings.Builder, list []catalogue.Advice) {
	for _, a := range list {
		who := concerns(a.Target, a.Database, 0)
		if a.Needs != "" {
			who += ", with `" + a.Needs + "`"
		}
		if len(a.From) > 0 {
			who += ", from " + strings.Join(a.From, ", ")
		}
		row(b, a.Crosses, who, a.Text+cite(a.Source))
	}
}

// concerns says which installations a rule is for.
func concerns(target catalogue.Target, database catalogue.Database, postgresBelow int) string {
	who := cmp.Or(map[catalogue.Target]string{catalogue.Compose: "Compose", catalogue.Kubernetes: "Kubernetes"}[target], "all")
	switch database {
	case catalogue.Bundled:
		who += ", bundled databases"
	case catalogue.External:
		who += ", own databases"
	}
	if postgresBelow > 0 {
		who += fmt.Sprintf(" below Postgres %d", postgresBelow)
	}
	return who
}

func section(b *strings.Builder, title, columns string) {
	fmt.Fprintf(b, "\n## %s\n\n| %s |\n|%s\n", title, columns, strings.Repeat("---|", strings.Count(columns, "|")+1))
}

func row(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func cite(source string) string { return " ([source](" + source + "))" }
