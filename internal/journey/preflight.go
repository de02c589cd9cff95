package journey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/diag"
	"berth/internal/upgrade"
)

// complete is when a background migration is at its end.
const complete = 0.999999

// Preflight finds what of the databases stands in the way of a hop.
func Preflight(h *Hop, f *Facts) diag.List {
	var problems diag.List
	// A release that was tried and gone back from may have written itself down; the one before works with what it left.
	tried := h.Kind != upgrade.MultiVersion && same(f.Release, h.To)
	if f.Release != "" && !same(f.Release, h.From) && !tried {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3707", Severity: diag.Error, Subject: "databases",
			Summary: fmt.Sprintf("the databases have the schema of Sourcegraph %s, but the upgrade starts from %s", f.Release, h.From),
			Hint: "deploy the release of the databases, then upgrade from there; if the running release is right, restart its frontend, " +
				"which records it"})
	}
	for _, u := range f.Unfinished {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3708", Severity: diag.Error, Subject: u.Database,
			Summary: fmt.Sprintf("the schema of %s is dirty: its migration %s started and failed", u.Database, u.Migration),
			Detail:  []string{"the migrator stops until that is fixed"},
			Hint:    "see https://sourcegraph.com/docs/admin/how-to/dirty_database: run the migration by hand, then the migrator's add-log --db=... --version=" + u.Migration})
	}
	for _, b := range f.Background {
		// The migrator's upgrade does them itself; a hop that rolls waits for the worker.
		if h.Kind != upgrade.MultiVersion && b.Progress < complete && b.Deprecated != "" && !later(b.Deprecated, h.To) {
			problems = append(problems, diag.Diagnostic{Code: "BERTH3709", Severity: diag.Warning, Subject: fmt.Sprintf("background migration %d", b.ID),
				Summary: fmt.Sprintf("background migration %d (%s) is at %.0f %%, and %s needs it finished", b.ID, b.Description, b.Progress*100, h.To),
				Hint:    "the upgrade waits for it before it touches anything; if it makes no progress, see the worker's log"})
		}
	}
	return problems
}

// Space is the room that there is for data.
type Space struct {
	Free int64            // bytes where all volumes lie together; -1: not known, or each has its own
	Own  map[string]int64 // size in bytes of a database's own volume
}

// Enough finds what of a hop there is no room for: a backup and the scratch server that proves it, and the copy that a conversion of Postgres
// makes beside the data.
func (s Space) Enough(h *Hop, f *Facts, saves bool) diag.List {
	var problems diag.List
	need, what := needs(h, f, saves)
	if s.Free >= 0 && need > s.Free {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3713", Severity: diag.Error, Subject: "disk",
			Summary: fmt.Sprintf("not enough room for %s: it needs %s, and %s are free", what, size(need), size(s.Free)),
			Hint:    "make room on the disk of Docker's volumes; a backup of your own saves the most:  --trust-backup \"where it is\""})
	}
	for _, d := range f.Databases {
		if own := s.Own[d.Name]; h.ConvertsPostgres && own > 0 && 2*d.Bytes > own {
			problems = append(problems, diag.Diagnostic{Code: "BERTH3713", Severity: diag.Error, Subject: d.Name,
				Summary: fmt.Sprintf("the volume of %s has %s, too little for its data of %s and the copy that a conversion of Postgres makes", d.Name, size(own), size(d.Bytes)),
				Hint:    fmt.Sprintf("grow it first:  services: {%s: {storage: %dGi}}  then: berth up   during an upgrade, before that: berth rollback", d.Name, (3*d.Bytes)>>30+1)})
		}
	}
	return problems
}

// needs is the room in bytes that a hop takes for a while, and what for.
func needs(h *Hop, f *Facts, saves bool) (bytes int64, what string) {
	if saves {
		bytes, what = room(f.Bytes()), "a backup, restored once"
	}
	if h.ConvertsPostgres {
		bytes, what = bytes+f.Bytes(), strings.TrimPrefix(what+", and a copy for the conversion of Postgres", ", and ")
	}
	return bytes, what
}

// Found tells in words how the databases are, and the room beside them.
func (s Space) Found(h *Hop, f *Facts, saves bool) []string {
	found := []string{fmt.Sprintf("databases: release %s, Postgres %d, %s", f.Release, f.Postgres(), size(f.Bytes()))}
	var unfinished []string
	for _, b := range f.Background {
		if b.Progress < complete {
			unfinished = append(unfinished, fmt.Sprintf("%d at %.0f %%", b.ID, b.Progress*100))
		}
	}
	if len(unfinished) > 0 {
		found = append(found, "background migrations: "+strings.Join(unfinished, ", "))
	} else {
		found = append(found, "background migrations: all at 100 %")
	}
	if need, what := needs(h, f, saves); need > 0 && s.Free >= 0 {
		found = append(found, fmt.Sprintf("room: %s needs %s, and %s are free", what, size(need), size(s.Free)))
	}
	return found
}

// Examine adds to a plan what only the migrator and the releases themselves know: whether the schema drifted, and whether each release can be
// had and run here as the config says. What later hops meet is looked at from what runs now, so that it is only warned of. Nothing is touched.
func (w *Walker) Examine(ctx context.Context, j *Journey, p *Plan) error {
	w.say(j, "comparing the databases with the schema of "+j.From)
	drift, err := w.drifted(ctx, j)
	if err != nil {
		return err
	}
	p.Problems = append(p.Problems, drift...)
	if len(drift) == 0 {
		p.Hops[0].Found = append(p.Hops[0].Found, "schema: no drift")
	}
	for i := range p.Hops {
		h := &p.Hops[i]
		w.say(j, "checking what "+h.To+" needs")
		err := w.Site.Ready(ctx, h.Config, h.Front())
		var problems diag.List
		switch {
		case err == nil:
			h.Found = append(h.Found, "images, host and file: ready for "+h.To)
		case !errors.As(err, &problems):
			return err
		}
		for _, d := range problems {
			if i > 0 {
				d.Severity, d.Summary = diag.Warning, "as things are now, "+h.To+" would have this problem: "+d.Summary
			}
			p.Problems = append(p.Problems, d)
		}
	}
	return nil
}

// same reports whether two versions are of the same minor: the migrator records a minor's first release, whatever the patch is.
func same(a, b string) bool { return minorZero(a) == minorZero(b) }

// later reports whether minor a comes after the minor of release b.
func later(a, b string) bool {
	var am, an, bm, bn int
	_, _ = fmt.Sscanf(strings.Replace(a, ".", " ", 1), "%d %d", &am, &an)
	_, _ = fmt.Sscanf(strings.Replace(b, ".", " ", 1), "%d %d", &bm, &bn)
	return am > bm || am == bm && an > bn
}
