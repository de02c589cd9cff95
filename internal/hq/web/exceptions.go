package web

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/exception"
	"berth/internal/hq/review"
	"berth/internal/hq/store"
)

// standings are all requests, those that need somebody first.
func (s *Site) standings(r *http.Request) ([]review.Standing, error) {
	all, err := s.Store.Requests(r.Context())
	return review.Standings(all, s.Record, s.Now()), err
}

type exceptionsData struct {
	Requests []review.Standing
	MayWrite bool
	Nobody   bool // the record names nobody who may decide
}

func (s *Site) exceptions(w http.ResponseWriter, r *http.Request) {
	all, err := s.standings(r)
	if err != nil {
		s.troubled(w, r, err)
		return
	}
	s.inItsFormat(w, r, "exceptions", all, func(w io.Writer) error { return review.WriteCSV(w, all) }, func() {
		s.show(w, r, "exceptions", exceptionsData{all, person(r).Role.May(store.Write), len(s.Record.Deciders) == 0})
	})
}

type newExceptionData struct {
	Exception *exception.Exception
	Subjects  []catalogue.SupportSubject
	Problems  diag.List
}

// newException is the form of a request; with another request in the address, its answers are there already.
func (s *Site) newException(w http.ResponseWriter, r *http.Request) {
	e := exception.Exception{AskedBy: person(r).Name, Expires: s.Now().UTC().AddDate(1, 0, 0).Format(time.DateOnly)}
	if like := r.URL.Query().Get("like"); like != "" {
		all, err := s.Store.Requests(r.Context())
		if err != nil {
			s.troubled(w, r, err)
			return
		}
		for _, one := range all {
			if one.Exception.ID == like {
				expires := e.Expires
				e = one.Exception
				e.ID, e.Expires, e.Decision = e.ID+"-"+expires, expires, nil
			}
		}
	}
	s.show(w, r, "new-exception", newExceptionData{&e, s.Record.Subjects, nil})
}

// typed is a text of a form, with the ends of lines that files have.
func typed(r *http.Request, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n"))
}

// asksFor is the request of a form: a file of berth exception new, or answers.
func (s *Site) asksFor(r *http.Request, by string) (review.Request, diag.List) {
	if text := typed(r, "file"); text != "" {
		return review.Read("the file", []byte(text), by, s.Record)
	}
	e := exception.Exception{ID: typed(r, "id"), Subject: typed(r, "subject"), Versions: typed(r, "versions"), Releases: typed(r, "releases"), Expires: typed(r, "expires"),
		AskedOn: s.Now().UTC().Format(time.DateOnly)}
	for _, q := range e.Questions() {
		*q.Answer = typed(r, q.Key)
	}
	return review.New(e, by, s.Record)
}

func (s *Site) addException(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	by := s.by(r)
	request, problems := s.asksFor(r, by.Name)
	number := 0
	if !problems.Failed() {
		var err error
		if number, err = s.Store.AddRequest(r.Context(), by, request); err != nil && !errors.As(err, &problems) {
			s.troubled(w, r, err)
			return
		}
	}
	if problems.Failed() {
		w.WriteHeader(http.StatusUnprocessableEntity)
		s.show(w, r, "new-exception", newExceptionData{&request.Exception, s.Record.Subjects, problems})
		return
	}
	http.Redirect(w, r, exceptionPath(number), http.StatusSeeOther)
}

type exceptionData struct {
	review.Standing
	Before    []review.Standing // decided on the same subject
	Subject   catalogue.SupportSubject
	Files     []string
	MayWrite  bool
	MayVote   bool
	MayDecide bool
	Sides     []review.Side
	Answers   []review.Answer
	Nobody    bool
	Problems  diag.List
}

// request finds a request among all; ok is false when the answer was given.
func (s *Site) request(w http.ResponseWriter, r *http.Request) (all []review.Request, at int, ok bool) {
	n, ok := s.number(w, r)
	if !ok {
		return nil, 0, false
	}
	all, err := s.Store.Requests(r.Context())
	at = slices.IndexFunc(all, func(one review.Request) bool { return one.Number == n })
	if err == nil && at < 0 {
		err = store.NoRequest(n)
	}
	if err != nil {
		s.troubled(w, r, err)
		return nil, 0, false
	}
	return all, at, true
}

func (s *Site) exception(w http.ResponseWriter, r *http.Request) { s.showException(w, r, nil) }

// showException shows a request, with what was wrong with what somebody wanted to do.
func (s *Site) showException(w http.ResponseWriter, r *http.Request, problems diag.List) {
	all, at, ok := s.request(w, r)
	if !ok {
		return
	}
	role, standing := person(r).Role, all[at].Stands(s.Record, s.Now())
	d := exceptionData{Standing: standing, MayWrite: role.May(store.Write), MayVote: role.May(store.Vote), MayDecide: role.May(store.Decide), Sides: review.Sides, Answers: review.Answers,
		Nobody: len(s.Record.Deciders) == 0, Problems: problems}
	for name := range all[at].Files() {
		d.Files = append(d.Files, name)
	}
	slices.Sort(d.Files)
	d.Before = review.Standings(review.Before(all, &all[at]), s.Record, s.Now())
	for _, subject := range s.Record.Subjects {
		if subject.ID == all[at].Exception.Subject {
			d.Subject = subject
		}
	}
	s.inItsFormat(w, r, "exception", standing, func(w io.Writer) error { return review.WriteCSV(w, []review.Standing{standing}) }, func() {
		if problems.Failed() {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		s.show(w, r, "exception", &d)
	})
}

// exceptionFile gives out a file for the folder beside a customer's config, byte for byte.
func (s *Site) exceptionFile(w http.ResponseWriter, r *http.Request) {
	all, at, ok := s.request(w, r)
	if !ok {
		return
	}
	name := r.PathValue("file")
	text, ok := all[at].Files()[name]
	if !ok {
		s.fail(w, r, http.StatusNotFound, "There is no such file yet.")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`) // the name has letters, digits and .- only
	_, _ = w.Write([]byte(text))                                             // the reader is gone, or has it
}

// changeException changes a request as a form says. What can't be done is said on its page.
func (s *Site) changeException(w http.ResponseWriter, r *http.Request, did string, change func(*review.Request) error) {
	n, ok := s.number(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	err := s.Store.ChangeRequest(r.Context(), s.by(r), did, n, change)
	var problems diag.List
	switch {
	case err == nil:
		http.Redirect(w, r, exceptionPath(n), http.StatusSeeOther)
	case errors.As(err, &problems) && problems[0].Code == "BERTH4940":
		s.showException(w, r, problems)
	default:
		s.troubled(w, r, err)
	}
}

func (s *Site) own(w http.ResponseWriter, r *http.Request) {
	s.changeException(w, r, "named an owner", func(of *review.Request) error { return of.Own(typed(r, "owner")) })
}

func (s *Site) vote(w http.ResponseWriter, r *http.Request) {
	s.changeException(w, r, "voted", func(of *review.Request) error {
		return of.Vote(review.Vote{Side: review.Side(typed(r, "side")), By: person(r).Name, At: s.Now().UTC(), Answer: review.Answer(typed(r, "answer")), Text: typed(r, "text")})
	})
}

func (s *Site) decide(w http.ResponseWriter, r *http.Request) {
	s.changeException(w, r, "decided", func(of *review.Request) error {
		return of.Decide(person(r).Name, typed(r, "reason"), typed(r, "decision") == "grant", s.Now())
	})
}

func (s *Site) sign(w http.ResponseWriter, r *http.Request) {
	s.changeException(w, r, "added a signature", func(of *review.Request) error { return of.Sign(typed(r, "signature")+"\n", s.Record, s.Now()) })
}

func (s *Site) revoke(w http.ResponseWriter, r *http.Request) {
	s.changeException(w, r, "revoked an exception", func(of *review.Request) error { return of.Revoke(person(r).Name, typed(r, "reason"), s.Now()) })
}

func (s *Site) statement(w http.ResponseWriter, r *http.Request) {
	s.changeException(w, r, "named a statement of the record", func(of *review.Request) error {
		of.Statement = typed(r, "statement")
		return nil
	})
}

func exceptionPath(number int) string { return "/exceptions/" + strconv.Itoa(number) }
