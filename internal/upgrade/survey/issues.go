package survey

import (
	"fmt"
	"time"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
)

// pausedCode is the code of an upgrade that a known issue pauses.
const pausedCode = "BERTH3759"

// issues are the known issues of upgrade steps. One that pauses them is an error; who mutes it goes on, with a warning.
func issues(e *installation.Environment, w *installation.Want, hops []plan.Hop, f *data.Facts) (problems diag.List) {
	c := Circumstances(w, f)
	for _, h := range hops {
		c.From, c.Release = h.From, h.To
		for _, i := range e.KnownIssues(w) {
			if !i.Pauses && i.From == "" || i.When.Log != "" || !i.Meets(c) {
				continue
			}
			if !i.Pauses {
				problems = append(problems, diag.Diagnostic{Code: "BERTH3766", Severity: diag.Warning, Subject: i.ID, Summary: fmt.Sprintf("known issue of the upgrade to %s: %s", h.To, i.Title),
					Hint: i.Do, Detail: []string{i.Says, "source: " + i.Source}})
				continue
			}
			d := diag.Diagnostic{Code: pausedCode, Severity: diag.Error, Subject: i.ID, Summary: fmt.Sprintf("the upgrade to %s is paused: %s", h.To, i.Title), Hint: i.Do,
				Detail: []string{i.Says, "source: " + i.Source, fmt.Sprintf("to upgrade anyway:  doctor: {mute: [{code: %s, subject: %s, reason: ..., until: ...}]}", pausedCode, i.ID)}}
			if reason := mutedUntil(w.Doc.Config.Doctor, i.ID, e.Now()); reason != "" {
				d.Severity, d.Detail = diag.Warning, []string{i.Says, "source: " + i.Source, "muted: " + reason}
			}
			problems = append(problems, d)
		}
	}
	return problems
}

// mutedUntil is the reason for which a pause is muted now; "": it is not.
func mutedUntil(d *config.Doctor, issue string, now time.Time) string {
	if d == nil {
		return ""
	}
	for _, m := range d.Mute {
		if ends, err := m.Ends(); err == nil && m.Code == pausedCode && (m.Subject == "" || m.Subject == issue) && now.Before(ends) {
			return m.Reason
		}
	}
	return ""
}
