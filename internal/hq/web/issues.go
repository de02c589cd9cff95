package web

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"berth/internal/diag"
	"berth/internal/hq/issue"
	"berth/internal/hq/store"
)

// by is who asks, for the audit log.
func (s *Site) by(r *http.Request) store.By { return store.By{Name: person(r).Name, At: s.Now()} }

// formLimit is how large a form may be.
const formLimit = 64 << 10

// troubled answers for an error of the store: what is wrong with what was asked, or that the database does not answer.
func (s *Site) troubled(w http.ResponseWriter, r *http.Request, err error) {
	var problems diag.List
	if errors.As(err, &problems) {
		s.fail(w, r, http.StatusNotFound, problems[0].Summary+".")
		return
	}
	s.Log.Error("the database query failed", "path", r.URL.Path, "error", err)
	s.fail(w, r, http.StatusServiceUnavailable, "The database does not answer.")
}

// mostIssues is how many issues a page shows. A longer table is no help to who reads it, and slow for who hears it.
const mostIssues = 200

type issuesData struct {
	Issues    []issue.Issue // newest first
	All       int
	MayWrite  bool
	Unchecked int // issues that berth has no check for
}

// form is the fields of an issue, as somebody filled them.
type form struct {
	Action   string
	Fields   []formField
	Problems diag.List
}

type formField struct {
	*issue.Field
	Value  string
	Day    bool
	Listed []string // values that the browser offers
}

// formOf is the form of an issue. values are what somebody typed; nil: what the issue says.
func formOf(action string, i *issue.Issue, values func(string) string, problems diag.List) form {
	f := form{Action: action, Problems: problems}
	for n := range issue.Fields {
		field := &issue.Fields[n]
		one := formField{Field: field, Value: field.Get(i), Day: field.Key == "opened" || field.Key == "closed"}
		if values != nil {
			one.Value = values(field.Key)
		}
		if field.Key == "cause" {
			one.Listed = issue.Causes
		}
		f.Fields = append(f.Fields, one)
	}
	return f
}

func (s *Site) issues(w http.ResponseWriter, r *http.Request) {
	all, err := s.Store.Issues(r.Context())
	if err != nil {
		s.troubled(w, r, err)
		return
	}
	s.inItsFormat(w, r, "issues", all, func(w io.Writer) error { return issue.WriteCSV(w, all) }, func() {
		d := issuesData{All: len(all), MayWrite: person(r).Role.May(store.Write)}
		for n := range all {
			if all[n].CheckSince() == "" {
				d.Unchecked++
			}
		}
		slices.SortFunc(all, func(a, b issue.Issue) int { return cmp.Or(cmp.Compare(b.Opened, a.Opened), b.Number-a.Number) })
		d.Issues = all[:min(len(all), mostIssues)]
		s.show(w, r, "issues", d)
	})
}

type issueData struct {
	Issue    issue.Issue
	MayWrite bool
	Form     form
}

// number is the issue that an address names; ok is false when the answer was given.
func (s *Site) number(w http.ResponseWriter, r *http.Request) (n int, ok bool) {
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil || n < 1 || n > 1<<31-1 {
		s.fail(w, r, http.StatusNotFound, "There is no entry of this number.")
		return 0, false
	}
	return n, true
}

func (s *Site) issue(w http.ResponseWriter, r *http.Request) {
	n, ok := s.number(w, r)
	if !ok {
		return
	}
	i, err := s.Store.Issue(r.Context(), n)
	if err != nil {
		s.troubled(w, r, err)
		return
	}
	s.inItsFormat(w, r, "issue", i, func(w io.Writer) error { return issue.WriteCSV(w, []issue.Issue{*i}) }, func() {
		s.show(w, r, "issue", issueData{*i, person(r).Role.May(store.Write), formOf(r.URL.Path, i, nil, nil)})
	})
}

func (s *Site) newIssue(w http.ResponseWriter, r *http.Request) {
	i := issue.Issue{Opened: s.Now().UTC().Format("2006-01-02"), Installation: r.URL.Query().Get("installation")}
	s.show(w, r, "issue", issueData{i, true, formOf("/issues", &i, nil, nil)})
}

// readIssue reads the form of an issue; ok is false when the answer was given.
func (s *Site) readIssue(w http.ResponseWriter, r *http.Request, number int) (i issue.Issue, ok bool) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	i, problems := issue.Read("issue", r.PostFormValue)
	i.Number = number
	if problems.Failed() {
		w.WriteHeader(http.StatusUnprocessableEntity)
		s.show(w, r, "issue", issueData{i, true, formOf(r.URL.Path, &i, r.PostFormValue, problems)})
	}
	return i, !problems.Failed()
}

func (s *Site) addIssue(w http.ResponseWriter, r *http.Request) {
	i, ok := s.readIssue(w, r, 0)
	if !ok {
		return
	}
	_, err := s.Store.LogIssues(r.Context(), s.by(r), i)
	s.toIssues(w, r, err)
}

func (s *Site) editIssue(w http.ResponseWriter, r *http.Request) {
	n, ok := s.number(w, r)
	if !ok {
		return
	}
	i, ok := s.readIssue(w, r, n)
	if !ok {
		return
	}
	s.toIssues(w, r, s.Store.EditIssue(r.Context(), s.by(r), i))
}

func (s *Site) removeIssue(w http.ResponseWriter, r *http.Request) {
	n, ok := s.number(w, r)
	if !ok {
		return
	}
	s.toIssues(w, r, s.Store.RemoveIssue(r.Context(), s.by(r), n))
}

// toIssues leads to the log after a change of it, or says what was wrong with the change.
func (s *Site) toIssues(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.troubled(w, r, err)
		return
	}
	http.Redirect(w, r, "/issues", http.StatusSeeOther)
}
