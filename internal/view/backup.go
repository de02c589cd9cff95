package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"berth/catalogue"
	"berth/internal/backup"
	"berth/internal/plan"
)

// Stages writes the plan of a backup, of its proof or of a restore as text.
func Stages(w io.Writer, p *plan.Plan) {
	staged(w, p, p.Backup)
	closedFor(w, p)
}

// Repair writes the plan of a repair.
func Repair(w io.Writer, p *plan.Plan) {
	staged(w, p, "no row is changed")
	closedFor(w, p)
}

// Move writes the plan of a move, with what it leaves behind of what Sourcegraph does not make again by itself.
func Move(w io.Writer, p *plan.Plan, stores map[string]catalogue.Stored) {
	staged(w, p, "to "+p.Destination.String()+", as "+p.Destination.File+" says")
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		switch s := stores[name]; {
		case slices.Contains(p.Carried, name):
		case p.Shared[name] != "":
			item(w, "shared", name+": both sides use "+p.Shared[name])
		case s.Carry == catalogue.CarryChoice:
			item(w, "left out", name+": "+s.Lost)
		}
	}
	madeAgain(w, p)
	item(w, "back", "the data here stays as it is until berth move finish; until then: berth move back")
	closedFor(w, p)
	if p.Otherwise > 0 {
		fmt.Fprintf(w, "          about %s %s --short-downtime\n", About(p.Otherwise), map[bool]string{true: "without", false: "with"}[p.Has(plan.Watch)])
	}
}

// madeAgain writes what the destination of a move makes again, and how long that takes.
func madeAgain(w io.Writer, p *plan.Plan) {
	if slices.Contains(p.Carried, "gitserver") {
		if !slices.Contains(p.Carried, "indexed-search") {
			item(w, "later", "repositories are indexed there again; until then a search finds only a part")
		}
		return
	}
	what, long := "repositories are", ""
	if c := p.Clones; c != nil {
		what = fmt.Sprintf("%d repositories (%s) are", c.Repositories, mebibytes(c.Bytes))
		if c.Repositories == 1 {
			what = fmt.Sprintf("1 repository (%s) is", mebibytes(c.Bytes))
		}
		long = fmt.Sprintf(", about %s at %d MiB a second", About(max(1, c.Seconds)), plan.CloneRate>>20)
	}
	item(w, "later", what+" cloned and indexed there again"+long+"; until then a search finds only a part")
}

// MoveBack writes the plan of the way back.
func MoveBack(w io.Writer, p *plan.Plan) {
	staged(w, p, "back from "+p.Destination.String()+", as "+p.Destination.File+" says")
	fmt.Fprintln(w)
}

// staged writes what a plan is about, and its stages.
func staged(w io.Writer, p *plan.Plan, about string) {
	fmt.Fprintf(w, "%s · Sourcegraph %s · installation %s on %s\n%s\n\n", p.Action, p.Release, p.Installation, p.Target, about)
	for _, s := range p.Stages {
		if s.NoReturn {
			Fit(w, "   ▌ ", "from here: the databases' present data is gone")
		}
		item(w, s.Name, s.Text)
		if s.Seconds > 15 {
			item(w, "", fmt.Sprintf("about %s (%s)", About(s.Seconds), s.Source))
		}
	}
}

// closedFor writes how long Sourcegraph does not answer during a plan.
func closedFor(w io.Writer, p *plan.Plan) {
	if p.Downtime > 0 {
		fmt.Fprintf(w, "\ndowntime: about %s\n", About(p.Downtime))
	}
}

// Backups writes a list of backups.
func Backups(w io.Writer, all []backup.Listed, now time.Time) {
	if len(all) == 0 {
		fmt.Fprintln(w, "there are no backups; to make one: berth backup")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BACKUP\tRELEASE\tSIZE\tPROVEN\tWHERE")
	for _, l := range all {
		release := l.Release
		if release == "" {
			release = "?"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.ID, release, bytes(l.Bytes), proven(l, now), l.Where)
	}
	_ = t.Flush() // w reports it, if it minds
}

// Made writes what a backup has.
func Made(w io.Writer, m *backup.Manifest, where string) {
	fmt.Fprintf(w, "\nbackup %s of Sourcegraph %s is complete: %s\n", m.ID, m.Release, where)
	for _, d := range m.Databases {
		rows := int64(0)
		for _, n := range d.Rows {
			rows += n
		}
		item(w, "data", fmt.Sprintf("%s: %s, %d rows, Postgres %d", d.Name, count(len(d.Rows), "table"), rows, d.Major()))
	}
	item(w, "parts", fmt.Sprintf("%d, %s", len(m.Parts), bytes(m.Bytes())))
	switch len(m.Recipients) {
	case 0:
		item(w, "readers", "everybody: it is not encrypted, and has no secrets")
	default:
		item(w, "readers", count(len(m.Recipients), "key")+" of age")
	}
	item(w, "proof", "berth backup prove "+m.ID)
}
