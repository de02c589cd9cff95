// Package status is how an installation is: what runs, whether it is healthy and answers, and what its release is.
package status

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"berth/internal/agent"
	"berth/internal/backup"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/size"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
	"berth/internal/upgrade/survey"
)

// Status is how an installation is.
type Status struct {
	Installation string                 `json:"installation"`
	Release      string                 `json:"release"`             // that runs; "" when nothing does
	Databases    string                 `json:"databases,omitempty"` // the release that the databases say they are of; "" where they could not be asked
	Wanted       string                 `json:"wanted"`              // that the config asks for
	URL          string                 `json:"url"`
	Answers      bool                   `json:"answers"`    // through the front proxy
	FrontProxy   string                 `json:"frontProxy"` // where it was asked; "" where it is not reachable from here
	Milliseconds int64                  `json:"milliseconds"`
	Services     []installation.Service `json:"services"`
	Missing      []string               `json:"missing"`              // that the config asks for and that are not there
	Lacking      []string               `json:"missingOwn,omitempty"` // containers of the admin's own that are not there
	LastRun      string                 `json:"lastRun,omitempty"`
	Upgrade      string                 `json:"upgrade,omitempty"`  // that is under way, and where it is
	Move         string                 `json:"move,omitempty"`     // what part it has in a move
	Next         string                 `json:"next,omitempty"`     // the command that continues what did not come to its end
	Upgrades     string                 `json:"upgrades,omitempty"` // what berth agent saw last
	Doctor       string                 `json:"doctor,omitempty"`   // what the doctor said when berth agent ran last
	Examined     *doctor.Summary        `json:"examined,omitempty"` // the same for programs; nil: the agent never ran
	Newest       *survey.Newest         `json:"newest,omitempty"`   // what an upgrade to the newest release would cost; nil: it runs, or one is under way
	Start        *state.Start           `json:"start,omitempty"`    // the first berth up, and the first search with a result; nil: nobody saw it, or there was data before
	Fresh        bool                   `json:"-"`                  // the last of these was in the last 30 days, so that people want to read it
	Size         string                 `json:"size,omitempty"`     // what berth size --measured saw last
	Backup       string                 `json:"backup,omitempty"`   // when one was made and proven last, where the config says where they are
	Problems     diag.List              `json:"problems,omitempty"` // what of its release is not as it should be
}

// Well reports whether everything is as it should be.
func (s *Status) Well() bool {
	return (s.Answers || s.FrontProxy == "") && len(installation.Services{All: s.Services, Missing: s.Missing, Lacking: s.Lacking}.Unready()) == 0
}

// Of asks an installation how it is. Nothing is changed.
func Of(ctx context.Context, e *installation.Environment, i *installation.Installation, open installation.Open) (*Status, error) {
	s := &Status{Installation: i.Stack.Name, Wanted: i.Stack.Release, URL: i.Stack.URL, Services: []installation.Service{}, Missing: []string{}}
	services, err := services(ctx, e, i, open)
	if err != nil {
		return nil, err
	}
	s.Services, s.Missing, s.Release = append(s.Services, services.All...), append(s.Missing, services.Missing...), services.Release
	s.Lacking = services.Lacking
	answer := i.Answers(ctx)
	s.Answers, s.FrontProxy, s.Milliseconds = answer.Healthy, answer.At, answer.Took.Milliseconds()
	records, err := i.Store.History(ctx)
	if err != nil {
		return nil, err
	}
	if len(records) > 0 {
		last := records[len(records)-1]
		s.LastRun = fmt.Sprintf("%s %s, %s", last.What(), last.Result, last.Started.Format(time.DateTime))
		if c := last.GoesOn(); c != "" && (last.Unknown() || !s.Well()) { // what failed may be well by now
			s.Next = "continue with: berth " + c
		}
	}
	m, err := state.MoveOf(ctx, i.Store)
	if err != nil {
		return nil, err
	}
	for _, d := range m.Stands(i.File) {
		s.Move, s.Next = d.Summary, d.Hint
	}
	report, err := agent.Last(ctx, i.Store)
	if err != nil {
		return nil, err
	}
	s.Upgrades = report.About(s.Release, e.Now())
	if err := s.noted(ctx, i, e.Now()); err != nil {
		return nil, err
	}
	old, err := s.backups(ctx, e, i, records)
	if err != nil {
		return nil, err
	}
	if u := stages.Last(records); u.Open() {
		s.underway(u)
		return s, nil
	}
	known, err := survey.Compare(ctx, e.Catalogue(), i, records, services.Runs(), survey.IfQuick)
	if err != nil {
		return nil, err
	}
	s.Databases, s.Problems = known.Standing.Databases, append(known.Problems, old...)
	if s.Release != "" {
		s.Release = cmp.Or(known.From, s.Release)
		s.Newest = survey.NewestFor(e.Catalogue(), i.Want, s.Release, records)
	}
	return s, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// noted says how the installation began, and what the doctor and berth size --measured saw last, as far as somebody asked them.
func (s *Status) noted(ctx context.Context, i *installation.Installation, now time.Time) (err error) {
	if s.Examined, err = agent.Examined(ctx, i.Store); err != nil {
		return err
	}
	if s.Examined != nil {
		s.Doctor = agent.Said(s.Examined, now)
	}
	if s.Start, err = state.StartOf(ctx, i.Store); err != nil {
		return err
	}
	s.Fresh = s.Start != nil && now.Sub(later(s.Start.Began, s.Start.Searched)) < 30*24*time.Hour
	var last size.Noted
	if err := i.Store.Note(ctx, size.Note, &last); err != nil || last.Line == "" {
		return err
	}
	s.Size = fmt.Sprintf("%s (berth size --measured, %s)", last.Line, last.On.Format(time.DateOnly))
	return nil
}

// oldProof is after how long a proof says little of the backups of today.
const oldProof = 30 * 24 * time.Hour

// backups says when a backup was made and one was proven last, and warns where that is long ago.
func (s *Status) backups(ctx context.Context, e *installation.Environment, i *installation.Installation, records []state.Record) (old diag.List, err error) {
	if b := i.Doc.Config.Backup; b == nil || b.To == "" {
		return nil, nil
	}
	var made, proof time.Time
	for _, r := range records {
		if r.Action == plan.Backup && r.Result == state.Done {
			made = r.Ended
		}
	}
	proven := map[string]time.Time{}
	if err := i.Store.Note(ctx, backup.ProvenNote, &proven); err != nil {
		return nil, err
	}
	for _, at := range proven {
		if at.After(proof) {
			proof = at
		}
	}
	s.Backup = fmt.Sprintf("last made %s, last proven %s", backup.Ago(made, e.Now()), backup.Ago(proof, e.Now()))
	if s.Release == "" || !made.IsZero() && e.Now().Sub(proof) < oldProof {
		return nil, nil
	}
	d := diag.Diagnostic{Code: "BERTH4521", Severity: diag.Warning, Subject: "backup", Summary: "no backup was made yet", Hint: "make one: berth backup"}
	if !made.IsZero() {
		d.Summary, d.Hint = "a backup was proven "+backup.Ago(proof, e.Now())+": it may not be restorable", "restore the newest one into a scratch server: berth backup prove latest"
	}
	return diag.List{d}, nil
}

// services reports how everything is. What is missing is a question of the release that is there, not of the one that the file names.
func services(ctx context.Context, e *installation.Environment, i *installation.Installation, open installation.Open) (installation.Services, error) {
	out, err := i.Services(ctx)
	if err != nil || out.Release == "" || out.Release == i.Stack.Release {
		return out, err
	}
	w, _ := survey.As(e, i.Want, out.Release)
	if w == nil {
		return out, nil
	}
	there, err := open(ctx, w)
	if err != nil {
		return out, err
	}
	defer there.Close()
	found, err := there.Services(ctx)
	found.Release = out.Release
	return found, err
}

// underway says where an upgrade is. Whoever carries it out asks the databases.
func (s *Status) underway(u *stages.Progress) {
	s.Upgrade = fmt.Sprintf("%s, %s to %s: %s", u.Status, u.Plan.From, u.Plan.Release, u.Describe())
	s.Release = u.Release()
	s.Next = "continue with: berth upgrade   roll back with: berth rollback"
	if u.Status == stages.Returning {
		s.Next = "continue with: berth rollback"
	}
}
