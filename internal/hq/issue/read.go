package issue

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
)

// Log is issues that were read from a file.
type Log struct {
	Issues   []Issue
	Refused  int // issues that were not taken
	Skipped  int // pull requests, which are none
	Problems diag.List
}

func (l *Log) add(i Issue, problems diag.List) {
	l.Problems = append(l.Problems, problems...)
	if problems.Failed() {
		l.Refused++
		return
	}
	l.Issues = append(l.Issues, i)
}

func notALog(name, summary string, detail ...string) diag.List {
	return diag.List{{Code: "BERTH4931", Severity: diag.Error, Subject: name, Summary: summary, Detail: detail,
		Hint: "write CSV with the columns title and opened at least, or JSON as gh issue list --json writes it"}}
}

// source is the column that says where an issue stands elsewhere.
const source = "source"

// Columns are those of CSV, in the order in which they are written.
func Columns() []string {
	out := []string{source}
	for _, f := range Fields {
		out = append(out, f.Key)
	}
	return out
}

// IsCSV reports whether a text begins as CSV of issues does.
func IsCSV(text []byte) bool {
	line, _, _ := strings.Cut(string(text), "\n")
	columns := columnsOf(strings.Split(strings.TrimSpace(line), ","))
	return slices.Contains(columns, "title") && slices.Contains(columns, "opened")
}

// columnsOf are the names of columns as Fields have them. A spreadsheet may have written a mark before the first one.
func columnsOf(names []string) (out []string) {
	for _, name := range names {
		out = append(out, strings.ToLower(strings.Trim(strings.TrimPrefix(name, "\ufeff"), "\" \r")))
	}
	return out
}

// FromCSV reads issues from CSV with a line of names. Columns that no issue has are named, and not read.
func FromCSV(name string, in io.Reader) (log Log) {
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if err != nil {
		log.Problems, log.Refused = notALog(name, "it is not a CSV of issues", err.Error()), 1
		return log
	}
	columns := columnsOf(head)
	for _, c := range columns {
		if !slices.Contains(Columns(), c) {
			d := wrong(name, fmt.Sprintf("the column %q is not read", cut(c)), "the columns are "+diag.Listed(Columns(), "and"))
			d.Severity = diag.Warning
			log.Problems = append(log.Problems, d)
		}
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return log
		}
		if err != nil { // nobody knows where the next one would begin
			log.Refused++
			log.Problems = append(log.Problems, notALog(name, "the rest of the file can't be read", err.Error())...)
			return log
		}
		line, _ := r.FieldPos(0)
		value := func(key string) string {
			if at := slices.Index(columns, key); at >= 0 && at < len(cells) {
				return unguarded(cells[at])
			}
			return ""
		}
		i, problems := Read(fmt.Sprintf("%s, line %d", name, line), value)
		if i.Source = value(source); i.Source == "" {
			i.Source = i.mark()
		}
		log.add(i, problems)
	}
}

// mark stands for the source of an issue that names none: the same line of a file is the same issue when it is read again.
func (i *Issue) mark() string {
	sum := sha256.Sum256([]byte(i.Title + "\n" + i.Opened + "\n" + i.Installation))
	return "csv " + hex.EncodeToString(sum[:6])
}

// formulas are the characters that a cell of a spreadsheet begins with that is counted, not shown.
const formulas = "=+-@\t\r"

// Guarded is a text for a spreadsheet, which may not take it for a formula: anybody may write a title.
func Guarded(cell string) string {
	if cell != "" && strings.ContainsAny(cell[:1], formulas) {
		return "'" + cell
	}
	return cell
}

func unguarded(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsAny(cell[1:2], formulas) {
		return cell[1:]
	}
	return cell
}

// WriteCSV writes issues as FromCSV reads them.
func WriteCSV(w io.Writer, issues []Issue) error {
	lines := [][]string{Columns()}
	for n := range issues {
		line := []string{Guarded(issues[n].Source)}
		for f := range Fields {
			line = append(line, Guarded(Fields[f].Get(&issues[n])))
		}
		lines = append(lines, line)
	}
	return csv.NewWriter(w).WriteAll(lines)
}

// raised is an issue of GitHub, as its API and as gh issue list --json write it.
type raised struct {
	Title  string `json:"title"`
	Body   string `json:"body"`
	Labels []struct {
		Name string `json:"name"`
	} `json:"labels"`
	HTML      string     `json:"html_url"`
	URL       string     `json:"url"`
	Created   time.Time  `json:"created_at"`
	Closed    *time.Time `json:"closed_at"`
	CreatedAt time.Time  `json:"createdAt"`
	ClosedAt  *time.Time `json:"closedAt"`
	Pull      *struct{}  `json:"pull_request"`
}

// FromGitHub reads a list of issues of GitHub. What berth asks of an issue stands in labels, such as cause/configuration, or in its text, as lines such as
// "Release: 7.5.4453" or as a heading with a value below it. Codes are found wherever they stand. The text itself is not kept.
func FromGitHub(name string, in io.Reader) (log Log) {
	var all []raised
	if err := json.NewDecoder(in).Decode(&all); err != nil {
		log.Problems, log.Refused = notALog(name, "it is not a list of GitHub issues", err.Error()), 1
		return log
	}
	for n, r := range all {
		if r.Pull != nil || strings.Contains(r.URL, "/pull/") {
			log.Skipped++
			continue
		}
		log.add(r.issue(fmt.Sprintf("%s, issue %d", name, n+1)))
	}
	return log
}

var (
	codeForm    = regexp.MustCompile(`\bBERTH[0-9]{4}\b`)
	lineForm    = regexp.MustCompile(`^[\s*_-]*([A-Za-z]+)[*_]*\s*:[\s*_]*(.*?)[\s*_]*$`)
	headingForm = regexp.MustCompile(`^#+\s*([A-Za-z]+)\s*$`)
)

// issue reads one. A value in its text or labels that can't be is left out with a warning: people write there what they like.
func (r *raised) issue(subject string) (i Issue, problems diag.List) {
	i.Source = r.URL
	if r.HTML != "" { // url is then an address of the API
		i.Source = r.HTML
	}
	if !strings.HasPrefix(i.Source, "https://") {
		problems = append(problems, wrong(subject, "it has no address", "let gh write it: gh issue list --json title,body,labels,url,createdAt,closedAt"))
	}
	opened, closed := r.Created, r.Closed
	if opened.IsZero() {
		opened, closed = r.CreatedAt, r.ClosedAt
	}
	values := map[string]string{"title": strings.Join(strings.Fields(r.Title), " "), "closed": ""}
	if !opened.IsZero() {
		values["opened"] = opened.UTC().Format(time.DateOnly)
	}
	if closed != nil && !closed.IsZero() {
		values["closed"] = closed.UTC().Format(time.DateOnly)
	}
	for n := range Fields {
		f := &Fields[n]
		if value, ok := values[f.Key]; ok || f.Required {
			problems = append(problems, f.Set(&i, subject, value)...)
			continue
		}
		value, ok := r.said(f)
		if !ok {
			continue
		}
		for _, p := range f.Set(&i, subject, value) {
			p.Severity, p.Hint = diag.Warning, "it is left out; correct it there, or on the page of the issue"
			problems = append(problems, p)
		}
	}
	return i, append(problems, i.order(subject)...)
}

// said finds a value in labels and in the text.
func (r *raised) said(f *Field) (value string, ok bool) {
	if f.Key == "codes" {
		all := codeForm.FindAllString(r.Title+"\n"+r.Body, -1)
		return strings.Join(all[:min(len(all), 20)], " "), len(all) > 0
	}
	for _, l := range r.Labels {
		name := strings.ToLower(l.Name)
		key, value, two := strings.Cut(strings.ReplaceAll(name, ":", "/"), "/")
		if two && strings.TrimSpace(key) == f.Key {
			return strings.TrimSpace(value), true
		}
		if f.Key != "stage" && slices.Contains(f.Choices, name) { // "backup" alone may mean anything
			return name, true
		}
	}
	below := false
	for line := range strings.Lines(r.Body) {
		line = strings.TrimSpace(line)
		switch m := headingForm.FindStringSubmatch(line); {
		case m != nil:
			below = strings.EqualFold(m[1], f.Key)
			continue
		case below && line != "":
			return plain(line), line != "_No response_"
		}
		if m := lineForm.FindStringSubmatch(line); m != nil && strings.EqualFold(m[1], f.Key) && m[2] != "" {
			return plain(m[2]), true
		}
	}
	return "", false
}

// plain writes a value as the log does: none of those that are looked for has capital letters.
func plain(value string) string { return strings.ToLower(strings.Trim(value, "`")) }
