package stages

import (
	"fmt"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/stack"
)

// complete is when a background migration is finished.
const complete = 0.999999

// Preflight finds what of the databases stands in the way of an upgrade step.
func Preflight(h *plan.Hop, f *data.Facts) diag.List {
	var problems diag.List
	// A release that was tried and rolled back may have written itself down; the one before works with what it left.
	tried := h.Rolls() && data.SameMinor(f.Release, h.To)
	if f.Release != "" && !data.SameMinor(f.Release, h.From) && !tried {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3707", Severity: diag.Error, Subject: "databases",
			Summary: fmt.Sprintf("the databases have the schema of Sourcegraph %s, but the upgrade starts from %s", f.Release, h.From),
			Hint: "deploy the release of the databases, then upgrade from there; if the running release is right, restart its frontend, " +
				"which records it"})
	}
	if h.Kind == plan.MultiVersion && !h.SameMinor() && len(f.Databases) > 0 && len(f.Databases) < len(stack.Databases()) {
		problems = append(problems, diag.Diagnostic{Code: "BERTH1174", Severity: diag.Error, Subject: "databases",
			Summary: fmt.Sprintf("the migrator upgrades all databases from %s to %s at once, and codeinsights-db is off", h.From, h.To),
			Hint:    "upgrade one minor release at a time: berth upgrade --to MINOR   or remove  services.codeinsights-db.enabled  then: berth up"})
	}
	for _, u := range f.Unfinished {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3708", Severity: diag.Error, Subject: u.Database,
			Summary: fmt.Sprintf("the schema of %s is dirty: its migration %s started and failed", u.Database, u.Migration),
			Detail:  []string{"the migrator stops until that is fixed"},
			Hint:    "see https://sourcegraph.com/docs/admin/how-to/dirty_database: run the migration by hand, then the migrator's add-log --db=... --version=" + u.Migration})
	}
	for _, b := range f.Background {
		// The migrator's upgrade does them itself; a step that rolls waits for the worker.
		if h.Rolls() && b.Progress < complete && b.Deprecated != "" && catalogue.CompareVersions(b.Deprecated, catalogue.Minor(h.To)) <= 0 {
			problems = append(problems, diag.Diagnostic{Code: "BERTH3709", Severity: diag.Warning, Subject: fmt.Sprintf("background migration %d", b.ID),
				Summary: fmt.Sprintf("background migration %d (%s) is at %.0f %%, and %s needs it finished", b.ID, b.Description, b.Progress*100, h.To),
				Hint:    "the upgrade waits for it before it touches anything; if it makes no progress, see the worker's log"})
		}
	}
	return problems
}

// Enough finds what of an upgrade step there is no room for: a backup and the scratch server that proves it, and the copy that a conversion of
// Postgres makes beside the data. saves says that a backup is made.
func Enough(s data.Space, h *plan.Hop, f *data.Facts, saves bool) diag.List {
	var problems diag.List
	need, what := f.Needs(saves, h.ConvertsPostgres)
	if s.Free >= 0 && need > s.Free {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3713", Severity: diag.Error, Subject: "disk",
			Summary: fmt.Sprintf("not enough room for %s: it needs %s, and %s are free", what, data.Size(need), data.Size(s.Free)),
			Hint:    "make room on the disk of Docker's volumes; a backup of your own saves the most:  --trust-backup \"where it is\""})
	}
	for _, d := range f.Databases {
		if own := s.Own[d.Name]; h.ConvertsPostgres && own > 0 && 2*d.Bytes > own {
			problems = append(problems, diag.Diagnostic{Code: "BERTH3713", Severity: diag.Error, Subject: d.Name,
				Summary: fmt.Sprintf("the volume of %s has %s, too little for its data of %s and the copy that a conversion of Postgres makes", d.Name, data.Size(own), data.Size(d.Bytes)),
				Hint:    fmt.Sprintf("grow it first:  services: {%s: {storage: %dGi}}  then: berth up   during an upgrade, before that: berth rollback", d.Name, (3*d.Bytes)>>30+1)})
		}
	}
	for _, d := range f.Databases {
		given, bundled := s.Given[d.Name]
		takes := time.Duration(float64(d.Bytes) / (1 << 30) * conversionPerGiB * float64(time.Second)).Round(time.Minute)
		if h.ConvertsPostgres && bundled && takes > given {
			problems = append(problems, diag.Diagnostic{Code: "BERTH3767", Severity: diag.Error, Subject: d.Name,
				Summary: fmt.Sprintf("converting %s of %s takes about %s, and Kubernetes starts a database again that is silent for %s", data.Size(d.Bytes), d.Name, takes, given),
				Detail:  []string{"the documented time is 2.5 hours for a terabyte; a restart in the middle of a conversion can spoil the data"},
				Hint: fmt.Sprintf("give it two days:  patches: [{service: %s, reason: the conversion takes long, kubernetes: {spec: {template: {spec: {containers: [{name: pgsql, "+
					"startupProbe: {periodSeconds: 10, failureThreshold: 17280}}]}}}}}]  then: berth up", d.Name)})
		}
	}
	return problems
}

// Found says in words how the databases are, and the room beside them.
func Found(s data.Space, h *plan.Hop, f *data.Facts, saves bool) []string {
	found := []string{fmt.Sprintf("databases: release %s, Postgres %d, %s", f.Release, f.Postgres(), data.Size(f.Bytes()))}
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
	if need, what := f.Needs(saves, h.ConvertsPostgres); need > 0 && s.Free >= 0 {
		found = append(found, fmt.Sprintf("room: %s needs %s, and %s are free", what, data.Size(need), data.Size(s.Free)))
	}
	return found
}

// Saves reports whether berth makes a backup in a hop of a plan.
func Saves(p *plan.Plan, hop int) bool { return p.Find(hop, Backup) >= 0 }
