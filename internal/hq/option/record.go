package option

import (
	"cmp"
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"berth/catalogue"
	"berth/internal/hq/issue"
)

// Phase is the stage of its life that an option is in on a day; before its life begins it is imagined.
func (o *Option) Phase(day string) string {
	if s := o.Life.At("", day); s != nil {
		return string(s.Stage)
	}
	return "imagined"
}

// life is that of an option as the support record has it: each stage with a source and the day on which it was written.
func (o *Option) life(day string) (out catalogue.Life) {
	for _, s := range o.Life {
		s.Read = day
		if s.Source == "" && o.Decision != nil {
			s.Source = o.Decision.Source
		}
		s.Says = cmp.Or(s.Says, map[catalogue.LifeStage]string{catalogue.Candidate: "It is proposed, and not available yet.", catalogue.InProof: "It is tried in a proof of concept.", catalogue.InBeta: "Customers try it.",
			catalogue.InSupport: "It is a way that Sourcegraph supports.", catalogue.InDeprecation: "It is on its way out.", catalogue.EndOfLife: "It is no longer supported."}[s.Stage])
		out = append(out, s)
	}
	return out
}

// Record is the lives of the options as subjects of the support record. Stages that are still to come are in it, so it stays true.
func (s *Sheet) Record(now time.Time) ([]byte, error) {
	day := now.UTC().Format(time.DateOnly)
	type subject struct {
		ID     string            `yaml:"id"`
		Title  string            `yaml:"title"`
		Words  []string          `yaml:"words"`
		Is     string            `yaml:"is"`
		Life   catalogue.Life    `yaml:"life"`
		WayOff *catalogue.WayOff `yaml:"wayOff,omitempty"`
	}
	out := struct {
		Read     string    `yaml:"read"`
		Subjects []subject `yaml:"subjects"`
	}{Read: day, Subjects: []subject{}}
	for n := range s.Options {
		o := &s.Options[n]
		if len(o.Life) == 0 {
			continue
		}
		words := o.Words
		if len(words) == 0 {
			words = []string{o.ID}
		}
		out.Subjects = append(out.Subjects, subject{o.ID, o.Title, words, "option", o.life(day), o.WayOff})
	}
	return yaml.Dump(out)
}

// WriteCSV writes the order of the options with their scores, for spreadsheets.
func (s *Sheet) WriteCSV(w io.Writer, now time.Time) error {
	head := []string{"option", "title", "total", "phase", "shortlist"}
	for _, c := range s.Criteria {
		head = append(head, c.ID)
	}
	lines, day := [][]string{head}, now.UTC().Format(time.DateOnly)
	for _, r := range s.Rank() {
		line := []string{r.ID, issue.Guarded(r.Title), r.Place(), r.Phase(day), strconv.FormatBool(r.Shortlist)}
		for _, c := range s.Criteria {
			cell := ""
			if score, ok := r.Scores[c.ID]; ok {
				cell = strconv.FormatFloat(score.Score, 'f', -1, 64)
			}
			line = append(line, cell)
		}
		lines = append(lines, line)
	}
	return csv.NewWriter(w).WriteAll(lines)
}
