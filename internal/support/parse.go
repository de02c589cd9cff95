package support

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// question is a question, understood.
type question struct {
	named   []named
	release string   // of Sourcegraph
	ignored []string // words that say something, and nobody knows what
	// How many there are, where the question says so; 0: it does not.
	people, repositories int
	gigabytes            bool // it says how much data there is
}

// named is a subject that a question names, with the version behind it.
type named struct {
	subject int
	version string
}

var (
	versionWord = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)(?:\.x|\+)?$`)
	// amount is a number that is no version: 3,500, 9,000, 700GB, 99.9%, 24h.
	amount    = regexp.MustCompile(`^[~<>]?\$?\d[\d.,]*(?:%|k|m|g|t|gb|tb|mb|gib|tib|ms|s|h|min|d|x)?$`)
	bytesOf   = regexp.MustCompile(`^\d[\d.,]*(?:gb|tb|gib|tib)$`)
	byteUnits = []string{"gb", "tb", "gib", "tib"}
	units     = []string{"gb", "tb", "mb", "gib", "tib", "cores", "core", "cpus", "vcpus", "cpu", "s", "h", "min", "minutes", "hours", "days", "day", "seconds", "second", "%", "percent",
		"users", "developers", "engineers", "people", "students", "repositories", "repos", "series", "lines", "depots", "nodes", "searches", "search", "index", "indexes", "memory", "ram", "disk", "quarter", "night", "weekend", "end", "time"}
)

// parse reads a question from left to right: the longest phrase of the record wins at each place.
func (r *Reader) parse(text string) question {
	words := split(text)
	var q question
	for i := 0; i < len(words); {
		if release, n := r.sourcegraphRelease(words[i:], i > 0); n > 0 {
			q.release, i = release, i+n
			continue
		}
		p, n := r.phrase(words[i:])
		if n == 0 {
			w := words[i]
			q.count(words[i:])
			q.gigabytes = q.gigabytes || bytesOf.MatchString(w) || i > 0 && slices.Contains(byteUnits, w) && amount.MatchString(words[i-1])
			if !r.fillers[w] && !amount.MatchString(w) && !versionWord.MatchString(w) && !slices.Contains(units, w) {
				q.ignored = append(q.ignored, w)
			}
			i++
			continue
		}
		i += n
		behind := i
		found := named{subject: p.subject}
		subject := r.record.Subjects[p.subject]
		takes := subject.Takes == "version" || subject.VersionOf != "" || slices.ContainsFunc(subject.Also, func(also string) bool { return r.record.Subjects[r.index(also)].Takes == "version" })
		if version, n := versionBehind(words[i:]); n > 0 && takes {
			found.version, i = version, i+n
		} else if n == 1 && strings.Contains(version, ".") && !r.release(version) { // the record knows no versions of it
			q.ignored, i = append(q.ignored, strings.Join(words[behind-1:i+1], " ")), i+1
		}
		q.named = append(q.named, found)
	}
	return q
}

// counted are words for what sizes depend on; true: people.
var counted = map[string]bool{"users": true, "developers": true, "engineers": true, "people": true, "students": true, "accounts": true, "seats": true,
	"repositories": false, "repos": false}

// count notes "42,000 repositories" and "25,000 small repositories" at the begin of words. The largest number of a kind counts.
func (q *question) count(words []string) {
	n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimLeft(words[0], "~<>"), ",", ""))
	if err != nil {
		return
	}
	for _, w := range words[1:min(4, len(words))] {
		people, is := counted[w]
		switch {
		case is && people:
			q.people = max(q.people, n)
			return
		case is:
			q.repositories = max(q.repositories, n)
			return
		case amount.MatchString(w):
			return
		}
	}
}

// versionBehind is a version that follows a subject at once: "15", "version 15", "v15.2", "for PostgreSQL 14" behind a managed one.
func versionBehind(words []string) (version string, n int) {
	for i := 0; i < len(words) && i < 4; i++ {
		if m := versionWord.FindStringSubmatch(words[i]); m != nil {
			if i+1 < len(words) && slices.Contains(units, words[i+1]) {
				return "", 0 // "3 nodes" is no version
			}
			return m[1], i + 1
		}
		if !slices.Contains([]string{"version", "release", "v", "postgresql", "postgres", "for", "server", "engine"}, words[i]) {
			return "", 0
		}
	}
	return "", 0
}

// sourcegraphRelease is a release of Sourcegraph at the begin of words: "sourcegraph 7.4", "on 7.4", "release 7.4.1". behind says that words stand
// before, so that a bare "on 7.4" has something to be about.
func (r *Reader) sourcegraphRelease(words []string, behind bool) (release string, n int) {
	for n < len(words) && slices.Contains([]string{"sourcegraph", "release", "version", "with", "on", "in", "for", "at", "of", "to", "from", "runs", "run", "use", "using", "with"}, words[n]) {
		n++
	}
	if n == 0 || n == len(words) {
		return "", 0
	}
	m := versionWord.FindStringSubmatch(words[n])
	if m == nil || !behind && words[0] != "sourcegraph" && words[0] != "release" && words[0] != "on" {
		return "", 0
	}
	if !r.release(m[1]) {
		return "", 0
	}
	if n+1 < len(words) && slices.Contains(units, words[n+1]) {
		return "", 0
	}
	return m[1], n + 1
}

// release reports whether a version is one of a release of Sourcegraph.
func (r *Reader) release(version string) bool {
	parts := strings.Split(version, ".")
	return len(parts) > 1 && slices.Contains(r.minors, parts[0]+"."+parts[1])
}

// phrase is the longest phrase of the record at the begin of words.
func (r *Reader) phrase(words []string) (p phrase, n int) {
	for _, p := range r.phrases {
		if len(p.words) <= len(words) && slices.Equal(p.words, words[:len(p.words)]) {
			return p, len(p.words)
		}
	}
	return phrase{}, 0
}

// split gives the words of a text in lower case, without the marks around them.
func split(text string) (words []string) {
	text = strings.ToLower(strings.NewReplacer("’", "'", "–", "-", "—", " ", "(", " ", ")", " ", ";", " ", ":", " ", "?", " ", "!", " ", `"`, " ", "`", " ").Replace(text))
	for w := range strings.FieldsFuncSeq(text, unicode.IsSpace) {
		w = strings.Trim(w, ".,'")
		w = strings.TrimSuffix(w, "'s")
		if w == "" || w == "-" || w == "&" || w == "/" || w == "+" {
			continue
		}
		words = append(words, splitVersion(w)...)
	}
	return words
}

// alternatives are what people write with a slash between.
var alternatives = map[string]bool{"cas": true, "oidc": true, "saml": true, "ldap": true, "s3": true, "gcs": true, "rds": true, "aurora": true, "eks": true, "gke": true, "aks": true,
	"argo": true, "flux": true, "kubernetes": true, "helm": true, "kustomize": true, "github": true, "gitlab": true, "bitbucket": true}

// glued is a name with a version behind it, without a space: postgres15, pg-15, k8s-1.29.
var glued = regexp.MustCompile(`^(postgres|postgresql|pgsql|redis|kubernetes|docker|compose)[-_@:/]?v?(\d+(?:\.\d+)*)$`)

func splitVersion(w string) []string {
	if a, b, both := strings.Cut(w, "/"); both && alternatives[a] && alternatives[b] {
		return []string{a, b}
	}
	if m := glued.FindStringSubmatch(w); m != nil {
		return []string{m[1], m[2]}
	}
	return []string{w}
}
