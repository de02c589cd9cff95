package fleet

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"berth/internal/hq/issue"
)

// Table is columns and rows: the form of figures and of the lists behind them.
type Table struct {
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Row is a row of a table. Its cells are texts, counts, shares and days.
type Row struct {
	Key   string `json:"key"` // names the row in addresses; of a list, the installation
	Cells []any  `json:"cells"`
	list  func() Table
}

// List is what a row of a figure was counted from.
func (r Row) List() Table {
	if r.list == nil {
		return Table{}
	}
	return r.list()
}

// Figure is a number that the Delivery team asks for, with what it was counted from.
type Figure struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	Definition string `json:"definition"`
	Headline   string `json:"headline"` // the figure in one line
	Stacked    bool   `json:"-"`        // the rows are times, and the columns from the third on are parts of the second
	Table
}

// Row finds a row by its key.
func (f *Figure) Row(key string) (Row, bool) {
	for _, r := range f.Rows {
		if r.Key == key {
			return r, true
		}
	}
	return Row{}, false
}

// Share is a part of something.
type Share struct{ Part, Of int }

// Value is the share as a number; false: there is nothing to have a share of.
func (s Share) Value() (float64, bool) {
	if s.Of == 0 {
		return 0, false
	}
	return float64(s.Part) / float64(s.Of), true
}

// String writes the share for people.
func (s Share) String() string {
	v, ok := s.Value()
	if !ok {
		return "none"
	}
	return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
}

// MarshalJSON writes the share as a number, or null.
func (s Share) MarshalJSON() ([]byte, error) {
	if v, ok := s.Value(); ok {
		return json.Marshal(v)
	}
	return []byte("null"), nil
}

// Day is a day in UTC.
type Day struct{ time.Time }

// String writes the day.
func (d Day) String() string { return d.Format(time.DateOnly) }

// MarshalJSON writes the day as a text.
func (d Day) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// WriteCSV writes a table for spreadsheets. Shares and rates are numbers.
func (t Table) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{t.Columns}
	for _, r := range t.Rows {
		line := make([]string, len(r.Cells))
		for n, c := range r.Cells {
			line[n] = issue.Guarded(fmt.Sprint(c))
			if s, ok := c.(interface{ Value() (float64, bool) }); ok {
				v, known := s.Value()
				line[n] = ""
				if known {
					line[n] = strconv.FormatFloat(v, 'f', 4, 64)
				}
			}
		}
		lines = append(lines, line)
	}
	return out.WriteAll(lines)
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
