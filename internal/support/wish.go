package support

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
)

// Wish is what an exception has to allow for what the record speaks against, in the words of a request.
type Wish struct {
	Subject  string   // by its id
	Versions string   // of the subject, where the line names one
	Releases string   // of Sourcegraph
	What     string   // the line
	Keys     []string // of the config, by their names, where only they say what the exception is for
}

// ownChanges is the subject of patches, containers and objects of the admin's own: an exception for one of them says nothing about the next.
const ownChanges = "changes"

// Wishes are what exceptions have to allow for some answers, each subject and version once. What the record does not know is a question, and no wish.
func (r *Reader) Wishes(answers []Answer) (out []Wish) {
	for _, a := range answers {
		for _, f := range a.Findings {
			if f.Exception != "" || f.Status != catalogue.Exception && f.Status != catalogue.Unsupported || r.index(f.Subject) < 0 {
				continue
			}
			w := Wish{Subject: f.Subject, Versions: around(f.Version), Releases: major(a.Release), What: a.Question}
			if f.Subject == ownChanges {
				w.Keys = a.names
			}
			if !slices.ContainsFunc(out, func(o Wish) bool { return o.Subject == w.Subject && o.Versions == w.Versions }) {
				out = append(out, w)
			}
		}
	}
	return out
}

// Record is what it reads.
func (r *Reader) Record() *catalogue.SupportRecord { return r.record }

// around is the range of a version and all that belongs to it: ">=15 <16" of 15, ">=15.3 <15.4" of 15.3; "" where there is none.
func around(version string) string {
	numbers := strings.Split(version, ".")
	last, err := strconv.Atoi(numbers[len(numbers)-1])
	if err != nil {
		return ""
	}
	numbers[len(numbers)-1] = strconv.Itoa(last + 1)
	return fmt.Sprintf(">=%s <%s", version, strings.Join(numbers, "."))
}

// major is the range from a minor release to the next major one: ">=7.5 <8.0" of 7.5.4453.
func major(release string) string {
	first, _, _ := strings.Cut(release, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(">=%s <%d.0", catalogue.Minor(release), n+1)
}
