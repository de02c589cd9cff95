package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/hq/option"
	"berth/internal/hq/store"
)

// placed is an option with its place, its life, and how many installations run it.
type placed struct {
	option.Ranked
	Phase   string `json:"phase"`
	Running int    `json:"running"`
}

type optionsData struct {
	Version       store.Sheet // of the sheet; zero: there is none
	Versions      []store.Sheet
	Old           bool // there is a newer one
	Criteria      []option.Criterion
	Options       []placed
	Sensitivities []option.Sensitivity
	MayDecide     bool
}

// sheet reads a version of the sheet; "": the newest one. ok is false when the answer was given.
func (s *Site) sheet(w http.ResponseWriter, r *http.Request) (d optionsData, sheet *option.Sheet, ok bool) {
	seen, q, ok := s.asked(w, r)
	if !ok {
		return d, nil, false
	}
	all, err := s.Store.Sheets(r.Context())
	if err != nil {
		s.troubled(w, r, err)
		return d, nil, false
	}
	d.Versions, d.MayDecide = all, person(r).Role.May(store.Decide)
	sheet = &option.Sheet{}
	if len(all) > 0 {
		d.Version = all[0]
	}
	if version := r.URL.Query().Get("version"); version != "" {
		d.Version = store.Sheet{}
		for _, one := range all {
			if strconv.Itoa(one.Number) == version {
				d.Version, d.Old = one, one.Number != all[0].Number
			}
		}
		if d.Version.Number == 0 {
			s.fail(w, r, http.StatusNotFound, "There is no such version of the sheet.")
			return d, nil, false
		}
	}
	if d.Version.Number > 0 {
		var problems diag.List
		if sheet, problems = option.Parse("options", []byte(d.Version.Text)); problems.Failed() { // another berth-hq took it
			s.fail(w, r, http.StatusInternalServerError, problems[0].Summary+".")
			return d, nil, false
		}
	}
	d.Criteria, d.Sensitivities = sheet.Criteria, sheet.Sensitivities()
	running, day := seen.fleet.Running(q.Query), s.Now().UTC().Format(time.DateOnly)
	for _, of := range sheet.Rank() {
		d.Options = append(d.Options, placed{of, of.Phase(day), running[of.ID]})
	}
	return d, sheet, true
}

func (s *Site) options(w http.ResponseWriter, r *http.Request) {
	d, sheet, ok := s.sheet(w, r)
	if !ok {
		return
	}
	if r.URL.Query().Get("format") == "record" {
		text, err := sheet.Record(s.Now())
		if err != nil {
			s.troubled(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(text) // the reader is gone, or has it
		return
	}
	document := map[string]any{"version": d.Version.Number, "criteria": d.Criteria, "options": d.Options, "sensitivities": d.Sensitivities}
	s.asTables(w, r, document, func() { s.show(w, r, "options", d) }, optionsTables(d)...)
}

type optionData struct {
	placed
	Criteria []option.Criterion `json:"criteria"`
}

func (s *Site) option(w http.ResponseWriter, r *http.Request) {
	d, _, ok := s.sheet(w, r)
	if !ok {
		return
	}
	for _, one := range d.Options {
		if one.ID == r.PathValue("id") {
			d := optionData{one, d.Criteria}
			s.asTables(w, r, d, func() { s.show(w, r, "option", d) }, optionTable(d))
			return
		}
	}
	s.fail(w, r, http.StatusNotFound, "The sheet has no such option.")
}

type editOptionsData struct {
	After    int
	Text     string
	Problems diag.List
}

func (s *Site) editOptions(w http.ResponseWriter, r *http.Request) {
	all, err := s.Store.Sheets(r.Context())
	if err != nil {
		s.troubled(w, r, err)
		return
	}
	d := editOptionsData{Text: option.Example}
	if len(all) > 0 {
		d = editOptionsData{After: all[0].Number, Text: all[0].Text}
	}
	s.show(w, r, "edit-options", d)
}

func (s *Site) keepOptions(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 8*formLimit)
	after, _ := strconv.Atoi(r.PostFormValue("after")) // of what is no number it is 0, which is no version
	d := editOptionsData{After: after, Text: strings.ReplaceAll(r.PostFormValue("sheet"), "\r\n", "\n")}
	_, d.Problems = option.Parse("options", []byte(d.Text))
	if !d.Problems.Failed() {
		if err := s.Store.KeepSheet(r.Context(), s.by(r), d.After, d.Text); err != nil && !errors.As(err, &d.Problems) {
			s.troubled(w, r, err)
			return
		}
	}
	if d.Problems.Failed() {
		w.WriteHeader(http.StatusUnprocessableEntity)
		s.show(w, r, "edit-options", d)
		return
	}
	http.Redirect(w, r, "/options", http.StatusSeeOther)
}
