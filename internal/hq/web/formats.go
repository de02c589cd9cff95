package web

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"berth/internal/hq/fleet"
	"berth/internal/hq/option"
	"berth/internal/hq/store"
	"berth/internal/report"
)

// inItsFormat answers in the format that the address names: a document, a table for downloads under a name, or, where it names none, a page.
func (s *Site) inItsFormat(w http.ResponseWriter, r *http.Request, name string, document any, table func(io.Writer) error, page func()) {
	switch r.URL.Query().Get("format") {
	case "json":
		writeJSON(w, document)
	case "csv":
		writeCSV(w, name, table)
	case "":
		page()
	default:
		s.fail(w, r, http.StatusBadRequest, "The formats are json and csv.")
	}
}

// named is a table of a page that has several.
type named struct {
	name string
	fleet.Table
}

// asTables is inItsFormat for a page with several tables. The address names the one that it wants as CSV; without a name it is the first one.
func (s *Site) asTables(w http.ResponseWriter, r *http.Request, document any, page func(), tables ...named) {
	wanted := tables[0]
	if name := r.URL.Query().Get("table"); name != "" {
		wanted = named{}
		for _, t := range tables {
			if t.name == name {
				wanted = t
			}
		}
		if wanted.name == "" {
			s.fail(w, r, http.StatusNotFound, "The page has no such table.")
			return
		}
	}
	s.inItsFormat(w, r, wanted.name, document, wanted.WriteCSV, page)
}

func writeCSV(w http.ResponseWriter, name string, write func(io.Writer) error) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	_ = write(w) // the reader is gone, or has it
}

func writeJSON(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(document) // the reader is gone, or has it
}

// tableOf makes the table of some things.
func tableOf[T any](name string, columns []string, all []T, cells func(T) []any) named {
	t := named{name, fleet.Table{Columns: columns}}
	for _, one := range all {
		t.Rows = append(t.Rows, fleet.Row{Cells: cells(one)})
	}
	return t
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// installationTables are what the page of an installation has.
func installationTables(d installationData) []named {
	var starts []report.Start
	if d.Start != nil {
		starts = append(starts, *d.Start)
	}
	return []named{
		tableOf("stays", []string{"first report", "last report", "release", "target", "option", "size", "use", "postgres", "external", "berth"}, d.Stays, func(s fleet.Stay) []any {
			of := s.Said
			return []any{moment(s.First), moment(s.Last), of.Release, string(of.Target), of.Option, of.Size, string(of.Use), of.Postgres, of.External, of.Berth}
		}),
		tableOf("start", []string{"began", "seconds to the first search"}, starts, func(s report.Start) []any { return []any{moment(s.Began), s.FirstSearch} }),
		tableOf("upgrades", []string{"run", "began", "from", "to", "result", "stage", "seconds", "codes"}, d.Upgrades, func(r report.Run) []any {
			return []any{r.Number, moment(r.Started), r.From, r.Release, r.Result, r.Stage, r.Seconds, strings.Join(r.Codes, " ")}
		}),
		tableOf("findings", []string{"code", "severity", "count", "muted"}, d.Doctor, func(f report.Found) []any { return []any{f.Code, string(f.Severity), f.Count, f.Muted} }),
	}
}

// dashboardTable has all figures, a line for each cell: the figures have different columns.
func dashboardTable(all []*fleet.Figure) named {
	out := named{"figures", fleet.Table{Columns: []string{"figure", "key", "row", "column", "value"}}}
	for _, f := range all {
		for _, r := range f.Rows {
			for n, cell := range r.Cells[1:] {
				out.Rows = append(out.Rows, fleet.Row{Cells: []any{f.ID, r.Key, r.Cells[0], f.Columns[n+1], cell}})
			}
		}
	}
	return out
}

// optionsTables are what the page of all options has.
func optionsTables(d optionsData) []named {
	columns := []string{"option", "title", "total", "phase", "shortlist", "life", "way off", "active installations"}
	for _, c := range d.Criteria {
		columns = append(columns, c.ID)
	}
	return []named{
		tableOf("options", columns, d.Options, func(o placed) []any {
			off := ""
			if o.WayOff != nil {
				off = o.WayOff.To
			}
			cells := []any{o.ID, o.Title, o.Place(), o.Phase, o.Shortlist, o.Life.String(), off, o.Running}
			for _, c := range d.Criteria {
				if score, ok := o.Scores[c.ID]; ok {
					cells = append(cells, score.Score)
				} else {
					cells = append(cells, "")
				}
			}
			return cells
		}),
		tableOf("sensitivities", []string{"says"}, d.Sensitivities, func(s option.Sensitivity) []any { return []any{s.Says} }),
	}
}

// optionTable is what the page of an option has.
func optionTable(d optionData) named {
	return tableOf("option", []string{"criterion", "weight", "score", "says", "evidence"}, d.Criteria, func(c option.Criterion) []any {
		score, ok := d.Scores[c.ID]
		if !ok {
			return []any{c.ID, c.Weight, "", "", ""}
		}
		return []any{c.ID, c.Weight, score.Score, score.Says, strings.Join(score.Evidence, " ")}
	})
}

func auditTable(all []store.Entry) named {
	return tableOf("audit", []string{"number", "when", "who", "did", "what"}, all, func(e store.Entry) []any {
		return []any{e.Number, moment(e.At), e.Person, e.Did, e.Subject}
	})
}

func peopleTable(all []store.Person) named {
	return tableOf("people", []string{"name", "role", "since", "token last used"}, all, func(p store.Person) []any {
		used := ""
		if p.Used != nil {
			used = moment(*p.Used)
		}
		return []any{p.Name, string(p.Role), moment(p.Made), used}
	})
}
