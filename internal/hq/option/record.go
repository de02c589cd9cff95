package option

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"berth/catalogue"
	"berth/internal/hq/issue"
)

// Phase is where an option is in its life on a day.
func (o *Option) Phase(day string) string {
	switch l := o.Life; {
	case l.End != "" && l.End <= day:
		return "ended"
	case l.End != "":
		return "ending"
	case l.Launch != "" && l.Launch <= day:
		return "launched"
	case l.Beta != "" && l.Beta <= day:
		return "beta"
	case l.Launch != "" || l.Beta != "":
		return "planned"
	}
	return "imagined"
}

// statement is what the support record says of an option on a day; ok is false of one that nobody can use.
func (o *Option) statement(day string) (s catalogue.SupportStatement, ok bool) {
	s.Read = day
	if o.Decision != nil {
		s.Source = o.Decision.Source
	}
	switch o.Phase(day) {
	case "beta":
		s.Status, s.Says = catalogue.Guidance, "Beta since "+o.Life.Beta+"."
	case "launched":
		s.Status, s.Says = catalogue.Supported, "Launched on "+o.Life.Launch+"."
	case "ending":
		s.Status, s.Says = catalogue.Deprecated, "Its end of life is on "+o.Life.End+"."
	case "ended":
		s.Status, s.Says = catalogue.Unsupported, "Its end of life was on "+o.Life.End+"."
	default:
		return s, false
	}
	return s, true
}

// Record is the life-cycles in the form of the support record, for its subjects.
func (s *Sheet) Record(now time.Time) ([]byte, error) {
	day := now.UTC().Format(time.DateOnly)
	type statement struct {
		Status catalogue.SupportStatus `yaml:"status"`
		Says   string                  `yaml:"says"`
		Source string                  `yaml:"source"`
		Read   string                  `yaml:"read"`
	}
	type subject struct {
		ID         string      `yaml:"id"`
		Title      string      `yaml:"title"`
		Words      []string    `yaml:"words"`
		Is         string      `yaml:"is"`
		Statements []statement `yaml:"statements"`
	}
	out := struct {
		Read     string    `yaml:"read"`
		Subjects []subject `yaml:"subjects"`
	}{Read: day, Subjects: []subject{}}
	for n := range s.Options {
		o := &s.Options[n]
		if says, ok := o.statement(day); ok {
			words := o.Words
			if len(words) == 0 {
				words = []string{o.ID}
			}
			out.Subjects = append(out.Subjects, subject{o.ID, o.Title, words, "option", []statement{{says.Status, says.Says, says.Source, says.Read}}})
		}
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
