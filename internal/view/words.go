package view

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/backup"
	"berth/internal/diag"
	"berth/internal/plan"
	sizing "berth/internal/size"
)

// Words put values into the words that views have for them, by name: for renderings elsewhere that are to say the same.
var Words = map[string]any{
	"about": About, "bytes": bytes, "newest": newest, "effect": effect, "deleted": deleted, "word": word, "count": count, "thing": thing, "proven": proven, "past": past, "filling": filling, "searched": searched,
	"cpu": cpu, "memory": memory,
	"symbol":   func(v plan.Verb) string { return symbols[v] },
	"decision": func(c plan.Conflict) string { return decisions[c.Decision] },
	"minute":   func(t time.Time) string { return t.Format("2006-01-02 15:04") },
	"took":     func(from, to time.Time) string { return to.Sub(from).Round(time.Second).String() },
	"shown":    diag.Diagnostic.Shown,
	"joined":   func(texts []string) string { return strings.Join(texts, ", ") },
	"amount":   func(n int64) string { return ofBytes(n, 0) },
}

// proven says when a backup was proven.
func proven(l backup.Listed, now time.Time) string {
	switch {
	case !l.Whole:
		return "not whole"
	case l.Upgrades:
		return "when made"
	}
	return backup.Ago(l.Proven, now)
}

// past says when what was measured was used.
func past(m sizing.Measured) string {
	switch {
	case m.History >= 1.5:
		return fmt.Sprintf("the most of the last %.0f days", m.History)
	case m.History > 0:
		return "the most of the last day"
	}
	return "as it is now; Prometheus has no history yet"
}
