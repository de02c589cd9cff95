// Package status is how an installation is: what runs, whether it is healthy and answers, and what its release is.
package status

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"berth/internal/agent"
	"berth/internal/diag"
	"berth/internal/installation"
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
	Missing      []string               `json:"missing"` // that the config asks for and that are not there
	LastRun      string                 `json:"lastRun,omitempty"`
	Upgrade      string                 `json:"upgrade,omitempty"`  // that is under way, and where it is
	Next         string                 `json:"next,omitempty"`     // the command that continues what did not come to its end
	Upgrades     string                 `json:"upgrades,omitempty"` // what berth agent saw last
	Problems     diag.List              `json:"problems,omitempty"` // what of its release is not as it should be
}

// Well reports whether everything is as it should be.
func (s *Status) Well() bool {
	return (s.Answers || s.FrontProxy == "") && len(installation.Services{All: s.Services, Missing: s.Missing}.Unready()) == 0
}

// Of asks an installation how it is. Nothing is touched.
func Of(ctx context.Context, e *installation.Environment, i *installation.Installation, open installation.Open) (*Status, error) {
	s := &Status{Installation: i.Stack.Name, Wanted: i.Stack.Release, URL: i.Stack.URL, Services: []installation.Service{}, Missing: []string{}}
	services, err := services(ctx, e, i, open)
	if err != nil {
		return nil, err
	}
	s.Services, s.Missing, s.Release = append(s.Services, services.All...), append(s.Missing, services.Missing...), services.Release
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
	report, err := agent.Last(ctx, i.Store)
	if err != nil {
		return nil, err
	}
	s.Upgrades = report.About(s.Release, e.Now())
	if u := stages.Last(records); u.Open() {
		s.underway(u)
		return s, nil
	}
	known, err := survey.Compare(ctx, e.Catalogue(), i, records, services.Runs(), survey.IfQuick)
	if err != nil {
		return nil, err
	}
	s.Databases, s.Problems = known.Standing.Databases, known.Problems
	if s.Release != "" {
		s.Release = cmp.Or(known.From, s.Release)
	}
	return s, nil
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
