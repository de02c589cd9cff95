package journey

import (
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
	if f.Release != "" && !same(f.Release, h.From) {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3707", Severity: diag.Error, Subject: "databases",
			Summary: fmt.Sprintf("the databases are of Sourcegraph %s, but the upgrade begins at %s", f.Release, h.From),
			Hint:    "deploy the release that the databases are of, then upgrade from there"})
	}
	for _, u := range f.Unfinished {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3708", Severity: diag.Error, Subject: u.Database,
			Summary: fmt.Sprintf("the schema of %s is dirty: its migration %s began and did not end well", u.Database, u.Migration),
			Detail:  []string{"the migrator goes no further before that is mended"},
			Hint:    "see https://sourcegraph.com/docs/admin/how-to/dirty_database: run the migration by hand, then the migrator's add-log --db=... --version=" + u.Migration})
	}
	for _, b := range f.Background {
		// The migrator's upgrade does them itself; a hop that rolls waits for the worker.
		if h.Kind != upgrade.MultiVersion && b.Progress < complete && b.Deprecated != "" && !later(b.Deprecated, h.To) {
			problems = append(problems, diag.Diagnostic{Code: "BERTH3709", Severity: diag.Warning, Subject: fmt.Sprintf("background migration %d", b.ID),
				Summary: fmt.Sprintf("background migration %d (%s) is at %.0f %%, and %s needs it finished", b.ID, b.Description, b.Progress*100, h.To),
				Hint:    "the upgrade waits for it before it touches anything; where it stands still, see the worker's log"})
		}
	}
	return problems
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
