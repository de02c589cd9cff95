package agent

import (
	"context"
	"time"

	"berth/internal/doctor"
	"berth/internal/state"
)

// examined is the name of the note that the doctor's last result is kept in.
const examined = "doctor"

// Keep keeps what the doctor said while the agent ran.
func Keep(ctx context.Context, notes state.Notes, s doctor.Summary) error {
	return notes.SetNote(ctx, examined, s)
}

// Examined is what the doctor said the last time that the agent ran; nil when it never did.
func Examined(ctx context.Context, notes state.Notes) (*doctor.Summary, error) {
	var s doctor.Summary
	if err := notes.Note(ctx, examined, &s); err != nil || s.Taken.IsZero() {
		return nil, err
	}
	return &s, nil
}

// Said is the doctor's last result in one line, with its time. The agent looks every hour: when it did not for a day, the line says so.
func Said(s *doctor.Summary, now time.Time) string {
	text := s.Taken.Local().Format(time.DateTime) + ", " + s.String()
	if now.Sub(s.Taken) > 24*time.Hour {
		text += " (berth agent did not run since)"
	}
	return text
}
