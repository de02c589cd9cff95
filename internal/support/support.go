// Package support answers questions about what is officially supported, from the catalogue's record of it. It understands the record's own words
// and versions, and says which words of a question it did not understand. Pure.
package support

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
)

// Answer is what the record says to one question, or to one line of a list of requirements.
type Answer struct {
	Question string    `json:"question"`
	Keys     []string  `json:"keys,omitempty"` // of a config, where that is asked about
	names    []string  // of these keys, as exceptions have them
	Verdict  Verdict   `json:"verdict"` // of all findings: the worst
	Findings []Finding `json:"findings,omitempty"`
	Ignored  []string  `json:"notUnderstood,omitempty"` // words that the record does not know; what they ask is not answered
	// How many there are, where the question says so.
	People       int    `json:"people,omitempty"`
	Repositories int    `json:"repositories,omitempty"`
	Release      string `json:"release"` // of Sourcegraph, that the answer is for
	Assumed      bool   `json:"releaseAssumed,omitempty"`
	// ReleaseSays is about the release itself, where the question names one that gets no support any more.
	ReleaseSays string `json:"releaseSays,omitempty"`
}

// Finding is what the record says about one subject.
type Finding struct {
	Subject string                  `json:"subject"`
	Title   string                  `json:"title"`
	Version string                  `json:"version,omitempty"` // that was asked about
	Status  catalogue.SupportStatus `json:"status"`
	Says    string                  `json:"says"`
	Source  string                  `json:"source"`
	Read    string                  `json:"read"`
	// Evidence is a test of berth that showed it; "" when nobody's did.
	Evidence string `json:"evidence,omitempty"`
	// Exception allows it all the same, by its ID.
	Exception string `json:"exception,omitempty"`
	// Of a deployment option: the stage that it is in, its whole life, and where it leads when that ends.
	Stage  catalogue.LifeStage `json:"stage,omitempty"`
	Life   catalogue.Life      `json:"life,omitempty"`
	WayOff *catalogue.WayOff   `json:"wayOff,omitempty"`
}

// Name is the subject, and the version that was asked about.
func (f Finding) Name() string { return strings.TrimSpace(f.Title + " " + f.Version) }

// Grant is an exception that was granted: what it allows, and nothing beside it.
type Grant struct {
	ID       string
	Subject  string   // by its id
	Versions string   // of the subject
	Releases string   // of Sourcegraph
	Keys     []string // of the config, by their names; none: whatever is about the subject
}

// covers reports whether a grant covers keys of a config, by their names, or where there are none the subject itself.
func (g Grant) covers(names []string) bool {
	return len(g.Keys) == 0 || len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(g.Keys, n) })
}

// Verdict is the answer in a word.
type Verdict string

// The verdicts, from the best to the worst.
const (
	Yes          Verdict = "yes"
	WithGuidance Verdict = "yes, with guidance"
	OnTheWayOut  Verdict = "yes, but deprecated"
	InPart       Verdict = "yes, as far as the record understands it" // some words say nothing to it
	ByException  Verdict = "yes, by an exception"
	NeedsOne     Verdict = "needs an exception"
	NobodyKnows  Verdict = "the record does not know"
	No           Verdict = "no"
)

// statuses are what statements say, from the best to the worst, and verdicts what each makes of an answer.
var (
	statuses = []catalogue.SupportStatus{catalogue.Supported, catalogue.Guidance, catalogue.Deprecated, catalogue.Exception, catalogue.Unknown, catalogue.Unsupported}
	verdicts = map[catalogue.SupportStatus]Verdict{catalogue.Supported: Yes, catalogue.Guidance: WithGuidance, catalogue.Deprecated: OnTheWayOut,
		catalogue.Exception: NeedsOne, catalogue.Unknown: NobodyKnows, catalogue.Unsupported: No}
	allowable = []catalogue.SupportStatus{catalogue.Exception, catalogue.Unknown, catalogue.Unsupported} // by an exception
)

// Reader answers from a record.
type Reader struct {
	record  *catalogue.SupportRecord
	newest  string   // release of Sourcegraph
	today   string   // yyyy-mm-dd
	minors  []string // of Sourcegraph that are known: 7.5
	phrases []phrase // of all subjects, the longest first
	fillers map[string]bool
	sizing  *catalogue.Sizing
	grants  []Grant
}

// phrase is a way to name a subject.
type phrase struct {
	words   []string
	subject int
}

// New makes a reader for a day. newest is the release that is meant where a question names none.
func New(record *catalogue.SupportRecord, sizing *catalogue.Sizing, newest string, minors []string, today string) *Reader {
	r := &Reader{record: record, sizing: sizing, newest: newest, minors: minors, today: today, fillers: map[string]bool{}}
	for _, f := range record.Fillers {
		r.fillers[f] = true
	}
	for i, s := range record.Subjects {
		for _, w := range s.Words {
			r.phrases = append(r.phrases, phrase{split(w), i})
		}
	}
	slices.SortStableFunc(r.phrases, func(a, b phrase) int { return cmp.Compare(len(b.words), len(a.words)) })
	return r
}

// Accept makes a reader accept what exceptions allow.
func (r *Reader) Accept(grants []Grant) { r.grants = grants }

// granted is the exception that allows what a finding speaks against; "" when none does.
func (r *Reader) granted(f Finding, release string, names []string) string {
	for _, g := range r.grants {
		if g.Subject == f.Subject && g.covers(names) && within(release, g.Releases) && (g.Versions == "" || f.Version != "" && within(f.Version, g.Versions)) {
			return g.ID
		}
	}
	return ""
}

// Ask answers a question. release is the one of Sourcegraph that it is about, where the question itself names none; "": the newest.
func (r *Reader) Ask(question, release string) Answer {
	q := r.parse(question)
	a := Answer{Question: strings.TrimSpace(question), Ignored: q.ignored, People: q.people, Repositories: q.repositories, Release: cmp.Or(q.release, release, r.newest)}
	a.Assumed = q.release == "" && release == ""
	for _, n := range q.named {
		for _, f := range r.findings(n, a.Release) {
			a.add(f)
		}
	}
	if q.people+q.repositories > 0 {
		a.Findings = append(a.Findings, r.size(q))
	}
	a.Verdict = r.verdict(&a)
	if q.release != "" {
		a.ReleaseSays = r.releaseSays(a.Release)
	}
	return a
}

// releaseSays is what speaks against a release itself; "" when nothing does, or when the record, one of another day, does not say.
func (r *Reader) releaseSays(release string) string {
	i := r.index("release")
	if i < 0 {
		return ""
	}
	of := r.findings(named{i, ""}, release)
	if len(of) == 0 || of[0].Status == catalogue.Supported {
		return ""
	}
	return fmt.Sprintf("Sourcegraph %s itself: %s. %s", release, of[0].Status, of[0].Says)
}

// add keeps what the record says of a subject. What it says of a version counts more than what it says of none: "ElastiCache, Redis 5".
func (a *Answer) add(f Finding) {
	for i, g := range a.Findings {
		if g.Subject == f.Subject && (g.Version == f.Version || f.Version == "" || g.Version == "") {
			if g.Version == "" {
				a.Findings[i] = f
			}
			return
		}
	}
	a.Findings = append(a.Findings, f)
}

// verdict is the worst of an answer's findings, without what an exception allows, which it notes.
func (r *Reader) verdict(a *Answer) Verdict {
	verdict, worst, byException := NobodyKnows, -1, false
	for i := range a.Findings {
		f := &a.Findings[i]
		if slices.Contains(allowable, f.Status) {
			if f.Exception = r.granted(*f, a.Release, a.names); f.Exception != "" {
				byException = true
				continue
			}
		}
		worst = max(worst, slices.Index(statuses, f.Status))
	}
	if worst >= 0 {
		verdict = verdicts[statuses[worst]]
	}
	good := verdict == Yes || verdict == WithGuidance
	if byException && (worst < 0 || good || verdict == OnTheWayOut) {
		verdict, good = ByException, true
	}
	if good && len(a.Ignored) > 0 {
		return InPart
	}
	return verdict
}

// findings are what the record says about a subject, and about those that it is about, too.
func (r *Reader) findings(n named, release string) (out []Finding) {
	subject := r.record.Subjects[n.subject]
	for _, st := range subject.Statements {
		if within(release, st.Releases) && (n.version == "" && st.Versions == "" || n.version != "" && within(n.version, st.Versions)) {
			out = append(out, Finding{Subject: subject.ID, Title: subject.Title, Version: n.version, Status: st.Status, Says: st.Says, Source: st.Source, Read: st.Read, Evidence: st.Evidence})
			break
		}
	}
	if f, ok := r.alive(subject, release); ok && len(out) == 0 {
		f.Version = n.version
		out = append(out, f)
	}
	for _, also := range subject.Also {
		i := r.index(also)
		version := ""
		if subject.VersionOf == also || r.record.Subjects[i].Takes != "" && subject.Takes == "" {
			version = n.version
		}
		if version != "" { // without one there is nothing to add
			out = append(out, r.findings(named{i, version}, release)...)
		}
	}
	return out
}

// alive is what the life of a deployment option says; ok is false of what has none, and of one whose life did not begin.
func (r *Reader) alive(s catalogue.SupportSubject, release string) (f Finding, ok bool) {
	now := s.Life.At(release, r.today)
	if now == nil {
		return f, false
	}
	return Finding{Subject: s.ID, Title: s.Title, Status: now.Stage.Status(), Says: now.Says, Source: now.Source, Read: now.Read, Evidence: now.Evidence,
		Stage: now.Stage, Life: s.Life, WayOff: s.WayOff}, true
}

// size is what so many people and repositories need. GB in a question count, too; they are asked of berth size.
func (r *Reader) size(q question) Finding {
	f := Finding{Subject: "size", Title: "Size", Status: catalogue.Guidance, Source: r.sizing.Source, Read: r.record.Read}
	size, beyond := r.sizing.For(q.people, q.repositories)
	f.Says = fmt.Sprintf("%s: %d cores and %d GB of memory in all, for up to %d people and %d repositories.", size.Name, size.Cores, size.Memory, size.People, size.Repositories)
	if beyond {
		f.Status, f.Says = catalogue.Exception, fmt.Sprintf("More than the largest documented size, which is for %d people and %d repositories. Ask Sourcegraph.", size.People, size.Repositories)
	}
	if q.gigabytes {
		f.Says += " That is for these numbers alone; how many GB they have decides, too: berth size --total GB --largest-repo GB."
	}
	return f
}

func (r *Reader) index(id string) int {
	return slices.IndexFunc(r.record.Subjects, func(s catalogue.SupportSubject) bool { return s.ID == id })
}

// within is false for what is no version: then a statement about some versions says nothing.
func within(version, bounds string) bool {
	in, err := catalogue.Within(version, bounds)
	return err == nil && in
}

// Subject finds what the record has about a subject, by its id or one of its words.
func (r *Reader) Subject(name string) (catalogue.SupportSubject, bool) {
	if i := r.index(strings.ToLower(name)); i >= 0 {
		return r.record.Subjects[i], true
	}
	if q := r.parse(name); len(q.named) > 0 {
		return r.record.Subjects[q.named[0].subject], true
	}
	return catalogue.SupportSubject{}, false
}

// Options are the deployment options with their life.
func (r *Reader) Options(release string) (out []Finding) {
	for i, s := range r.record.Subjects {
		if s.Is == "option" {
			out = append(out, r.findings(named{i, ""}, cmp.Or(release, r.newest))...)
		}
	}
	return out
}

// Change is a subject whose answer differs between two releases.
type Change struct {
	Before Finding `json:"before"`
	After  Finding `json:"after"`
}

// Difference is what is supported otherwise in another release. Subjects with versions are compared at each bound that the record has.
func (r *Reader) Difference(from, to string) (out []Change) {
	for i, s := range r.record.Subjects {
		for _, version := range bounds(s) {
			before, after := r.findings(named{i, version}, from), r.findings(named{i, version}, to)
			if len(before) > 0 && len(after) > 0 && before[0].Status != after[0].Status {
				out = append(out, Change{before[0], after[0]})
			}
		}
	}
	return out
}

// bounds are the versions at which a subject's answer may change, and none.
func bounds(s catalogue.SupportSubject) []string {
	out := []string{""}
	for _, st := range s.Statements {
		for b := range strings.FieldsSeq(st.Versions) {
			if v := strings.TrimLeft(b, "<>="); !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// Subject is a subject of the record.
type Subject = catalogue.SupportSubject

// Verdicts are all verdicts, from the best to the worst.
func Verdicts() []Verdict {
	return []Verdict{Yes, WithGuidance, InPart, OnTheWayOut, ByException, NeedsOne, NobodyKnows, No}
}
