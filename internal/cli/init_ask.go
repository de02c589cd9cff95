package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/target/kubernetes"
	"berth/internal/view"
)

// question is one question about a new config.
type question struct {
	flag    string // that answers it beforehand; also what stands before the answer
	needed  func() bool
	why     string
	options []option // to choose from; nil: any text
	first   string   // the answer of who only presses Enter; "": there is none
	take    func(answer string) diag.List
	part    bool // the next question belongs to it: both are checked together, and asked again together
}

// option is a choice, and what it means.
type option struct{ name, means string }

// interview puts the questions that no flag answered, and checks each answer at once as the file is checked.
func (e *Env) interview(ctx context.Context, d *draft) error {
	if problems := e.doubts(d, d.preview()); problems.Failed() {
		return problems // of the flags
	}
	view.Fit(e.Stderr, "", "A few questions, then berth writes "+d.file+". Enter takes the answer in brackets. Ctrl-C stops, and nothing is written.")
	asked := e.questions(d)
	for i := 0; i < len(asked); {
		before := *d
		q := asked[i](d)
		if d.given(q.flag) || q.needed != nil && !q.needed() {
			i++
			continue
		}
		answer, err := e.put(ctx, q)
		if err != nil {
			return err
		}
		problems := q.take(answer)
		if !problems.Failed() && !q.part {
			problems = e.doubts(d, d.preview())
		}
		if !problems.Failed() {
			i++
			continue
		}
		e.object(problems)
		*d = before
		if i > 0 && asked[i-1](d).part && !d.given(asked[i-1](d).flag) {
			i--
		}
	}
	fmt.Fprintln(e.Stderr)
	return nil
}

// preview is the draft as it would be with good answers to all that was not asked yet.
func (d *draft) preview() config.Answers {
	a := d.Answers
	if d.open() || a.Certified == config.CertifiedByFiles && (a.Certificate == "" || a.Key == "") {
		a.Certified = config.CertifiedInFront
	}
	a.Email, a.TLSSecret = cmp.Or(a.Email, "ops@example.com"), cmp.Or(a.TLSSecret, firstTLSSecret)
	return a
}

// put puts a question until there is an answer to it.
func (e *Env) put(ctx context.Context, q question) (string, error) {
	fmt.Fprintln(e.Stderr)
	view.Fit(e.Stderr, "", q.why)
	first := q.first
	for i, o := range q.options {
		view.Fit(e.Stderr, fmt.Sprintf("  %d  ", i+1), o.means)
		if o.name == q.first {
			first = strconv.Itoa(i + 1)
		}
	}
	for {
		fmt.Fprint(e.Stderr, q.flag)
		if first != "" {
			fmt.Fprintf(e.Stderr, " [%s]", first)
		}
		fmt.Fprint(e.Stderr, ": ")
		answer, err := e.line(ctx)
		switch {
		case errors.Is(err, io.EOF):
			fmt.Fprintln(e.Stderr)
			return "", diag.List{{Code: "BERTH4115", Severity: diag.Error, Subject: "--" + q.flag, Summary: "the input ended before this question; nothing was written",
				Hint: "run it again and answer, or add --" + q.flag}}
		case err != nil:
			fmt.Fprintln(e.Stderr, "\nnothing was written")
			return "", err
		case answer == "":
			answer = q.first
		}
		if name, ok := q.chosen(answer); ok {
			return name, nil
		}
		e.object(diag.List{{Summary: "no answer fits " + strconv.Quote(answer), Hint: q.form()}})
	}
}

// chosen is the answer that somebody means: with options its number or its name.
func (q question) chosen(answer string) (string, bool) {
	if q.options == nil {
		return answer, answer != ""
	}
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(q.options) {
		return q.options[n-1].name, true
	}
	return answer, slices.ContainsFunc(q.options, func(o option) bool { return o.name == answer })
}

// form is what an answer has to be.
func (q question) form() string {
	if q.options == nil {
		return "write something"
	}
	return "write a number from 1 to " + strconv.Itoa(len(q.options))
}

// object says why an answer is asked for again. One answer may stand at several places of the file; it is said once.
func (e *Env) object(problems diag.List) {
	said := map[string]bool{}
	for _, p := range problems {
		if cause := p.Code + p.Hint; p.Severity == diag.Warning || said[cause] {
			continue
		} else {
			said[cause] = true
		}
		view.Fit(e.Stderr, "  ! ", p.Summary)
		if p.Hint != "" {
			view.Fit(e.Stderr, "    ", p.Hint)
		}
	}
}

// questions are all questions in order. Each is made when it is put, since what it offers follows from the answers before.
func (e *Env) questions(d *draft) []func(*draft) question {
	contexts := kubernetes.Contexts(e.Getenv)
	return []func(*draft) question{
		func(d *draft) question { return e.where(d, contexts) },
		func(d *draft) question { return whichContext(d, contexts) },
		func(d *draft) question { return whichNamespace(d, contexts) },
		whichAddress, e.whoCertifies, leEmail, certificateFile, keyFile, tlsSecret,
		func(d *draft) question { return e.howMany(d, true) },
		func(d *draft) question { return e.howMany(d, false) },
		whichDatabases, databaseHost, databaseUser,
	}
}

// text is a take that keeps the answer as it is.
func text(to *string) func(string) diag.List {
	return func(answer string) diag.List { *to = answer; return nil }
}

// inContext stands before the name of a context where the answer is a place.
const inContext = "context "

func (e *Env) where(d *draft, contexts []kubernetes.Context) question {
	q := question{flag: "target", why: "Where does Sourcegraph run? Docker Compose is the simplest, on one machine. A cluster is for those who have one.",
		needed:  func() bool { return !d.given("context") },
		options: []option{{string(catalogue.Compose), "this machine, with Docker Compose"}}}
	for _, c := range contexts {
		means := "Kubernetes, kube context " + c.Name
		if c.Current {
			means += " (the current one)"
		}
		q.options = append(q.options, option{inContext + c.Name, means})
	}
	if len(contexts) == 0 {
		q.options = append(q.options, option{string(catalogue.Kubernetes), "Kubernetes; berth finds no kube context here yet"})
	}
	q.first = string(catalogue.Compose)
	if d.On == catalogue.Kubernetes { // the release is for no other
		q.first = firstCluster(contexts)
	}
	q.take = func(answer string) diag.List {
		d.On = catalogue.Target(answer)
		if name, ok := strings.CutPrefix(answer, inContext); ok {
			d.On, d.Context = catalogue.Kubernetes, name
		}
		d.newest(e)
		return nil
	}
	return q
}

// firstCluster is the answer that means the current context, if there is one.
func firstCluster(contexts []kubernetes.Context) string {
	for _, c := range contexts {
		if c.Current {
			return inContext + c.Name
		}
	}
	if len(contexts) > 0 {
		return inContext + contexts[0].Name
	}
	return string(catalogue.Kubernetes)
}

// whichContext is for who said already that it is a cluster.
func whichContext(d *draft, contexts []kubernetes.Context) question {
	q := question{flag: "context", why: "Which kube context? The file names it, so that nobody deploys to another cluster by accident.",
		needed: func() bool { return d.given("target") && d.On == catalogue.Kubernetes && len(contexts) > 0 }, take: text(&d.Context)}
	for _, c := range contexts {
		q.options = append(q.options, option{c.Name, c.Name})
		if c.Current {
			q.first = c.Name
		}
	}
	return q
}

func whichNamespace(d *draft, contexts []kubernetes.Context) question {
	first := "sourcegraph"
	for _, c := range contexts {
		if c.Name == d.Context && c.Namespace != "" {
			first = c.Namespace
		}
	}
	return question{flag: "namespace", first: first, why: "Which namespace? berth creates it if it does not exist.",
		needed: func() bool { return d.On == catalogue.Kubernetes }, take: text(&d.Namespace)}
}

func whichAddress(d *draft) question {
	return question{flag: "url", first: "http://localhost", why: "Which address do people type? With localhost, only this machine reaches Sourcegraph.",
		take: func(answer string) diag.List { d.address(answer); return nil }}
}

// whoCertifies offers first what the checks accept.
func (e *Env) whoCertifies(d *draft) question {
	q := question{flag: "tls", needed: d.open, why: "Who provides the certificate? Browsers, sign-in and editors want https."}
	for _, p := range d.providers() {
		q.options = append(q.options, option{string(p.name), p.means})
		if try := *d; q.first == "" && d.open() {
			try.certify(p.name)
			if !e.doubts(d, try.preview()).Failed() {
				q.first = string(p.name)
			}
		}
	}
	q.take = func(answer string) diag.List { d.certify(config.Certified(answer)); return nil }
	return q
}

func leEmail(d *draft) question {
	return question{flag: "email", why: "Which e-mail address does Let's Encrypt write to when something is wrong?",
		needed: func() bool { return d.Certified == config.CertifiedByLetsEncrypt }, take: text(&d.Email)}
}

func certificateFile(d *draft) question {
	return question{flag: "certificate", why: "Which file has the certificate and its chain (PEM)? Paths begin at the folder of " + d.file + ".", part: true,
		needed: func() bool { return d.Certified == config.CertifiedByFiles }, take: text(&d.Certificate)}
}

func keyFile(d *draft) question {
	return question{flag: "key", why: "Which file has its private key (PEM)? Only you should be able to read it.",
		needed: func() bool { return d.Certified == config.CertifiedByFiles }, take: text(&d.Key)}
}

// firstTLSSecret is how most name the Secret with the certificate.
const firstTLSSecret = "sourcegraph-tls"

func tlsSecret(d *draft) question {
	return question{flag: "tls-secret", first: firstTLSSecret, why: "Which Secret of the namespace has the certificate? The Ingress reads it.",
		needed: func() bool { return d.Certified == config.CertifiedBySecret }, take: text(&d.TLSSecret)}
}

func whichDatabases(d *draft) question {
	return question{flag: "databases", first: bundledDatabases, take: text(&d.databases),
		why:     "Where are the databases? Bundled ones need no work of yours. A server of your own you back up and monitor yourself.",
		options: []option{{bundledDatabases, "bundled: Postgres beside Sourcegraph"}, {ownDatabases, "own: a Postgres server of yours, such as RDS or Cloud SQL"}}}
}

func databaseHost(d *draft) question {
	return question{flag: "database-host", why: "Which server? A host name or an address, with the port if it is not 5432.",
		needed: func() bool { return d.databases == ownDatabases }, take: text(&d.DatabaseHost)}
}

func databaseUser(d *draft) question {
	return question{flag: "database-user", first: "sourcegraph", why: "Which role owns the databases? Its password comes from the variable " + config.DatabasePassword + ".",
		needed: func() bool { return d.DatabaseHost != "" }, take: text(&d.DatabaseUser)}
}
