package report

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/state"
)

// Signed is a report as it is sent, and as it is in a file. The signature is over the report's JSON without white space, behind a text that says what it
// is, so that it can be taken for nothing else.
type Signed struct {
	Report    json.RawMessage `json:"report"`
	Key       string          `json:"key"`       // ed25519, in base64
	Signature string          `json:"signature"` // in base64
}

const signs = "berth report\n"

// SecretName is the name of the generated secret that the key of an installation is made of.
const SecretName = "report-key"

// Key is the key of an installation, made of its generated secret.
type Key struct{ private ed25519.PrivateKey }

// NewKey makes the key of a secret: the same one each time.
func NewKey(secret string) Key {
	seed := sha256.Sum256([]byte("berth report key\n" + secret))
	return Key{ed25519.NewKeyFromSeed(seed[:])}
}

// String keeps the key out of logs.
func (Key) String() string { return "(secret)" }

// Installation is the name of the installation whose key it is.
func (k Key) Installation() string { return fingerprint(k.private.Public().(ed25519.PublicKey)) }

// fingerprint is short enough to be read aloud in four parts, and long enough that nobody finds another key for it.
func fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// Sign gives a report as it is sent.
func (k Key) Sign(r *Report) (*Signed, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return &Signed{Report: text, Key: encode(k.private.Public().(ed25519.PublicKey)), Signature: encode(ed25519.Sign(k.private, append([]byte(signs), text...)))}, nil
}

// Text is what is sent, and what a file has.
func (s *Signed) Text() ([]byte, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// Limits of what is read.
const (
	MaxSize  = 256 << 10      // bytes of a signed report
	maxDepth = 8              // of lists and objects in it
	maxRuns  = 500            // in one report: the newest ones. It stays below MaxSize
	skew     = 24 * time.Hour // how far the clock of an installation may be ahead
)

// Received is a report that is what its installation signed.
type Received struct {
	Report
	ID      string          // of the report: the hash of what was signed, so that the same report has the same one
	Payload json.RawMessage // the report as it was signed, without white space
}

// Open proves that a report is what its installation signed, and reads it. now is the clock of who reads it.
func Open(text []byte, now time.Time) (*Received, diag.List) {
	var s Signed
	switch {
	case len(text) > MaxSize:
		return nil, refused("BERTH4910", fmt.Sprintf("it is larger than %d KiB", MaxSize>>10), "send reports as berth report writes them")
	case depth(text) > maxDepth:
		return nil, refused("BERTH4911", "it has nested lists, which reports don't have", "send reports as berth report writes them")
	}
	if err := json.Unmarshal(text, &s); err != nil || len(s.Report) == 0 {
		return nil, NoReport()
	}
	var payload bytes.Buffer
	if err := json.Compact(&payload, s.Report); err != nil {
		return nil, NoReport()
	}
	key, err := base64.StdEncoding.DecodeString(s.Key)
	signature, wrong := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || wrong != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(signs), payload.Bytes()...), signature) {
		return nil, refused("BERTH4912", "its signature does not match", "write it again with berth report")
	}
	sum := sha256.Sum256(payload.Bytes())
	r := &Received{ID: hex.EncodeToString(sum[:]), Payload: payload.Bytes()}
	if err := json.Unmarshal(r.Payload, &r.Report); err != nil {
		return nil, refused("BERTH4911", "it has a value in an unknown form", "send reports as berth report writes them")
	}
	r.Made = r.Made.UTC().Truncate(time.Second)
	switch {
	case r.Version > Version:
		return nil, refused("BERTH4914", fmt.Sprintf("its form is %d, but this server knows forms up to %d", r.Version, Version), "send it again after an update of this server")
	case r.Installation != fingerprint(key):
		return nil, refused("BERTH4913", "its key is of another installation than it names", "write it again with berth report")
	case r.Made.After(now.Add(skew)):
		return nil, refused("BERTH4915", "it was made on "+r.Made.Format(time.DateOnly)+", which is in the future", "correct the clock of the installation")
	case r.Made.Before(First):
		return nil, refused("BERTH4915", "it was made on "+r.Made.Format(time.DateOnly)+", before berth existed", "correct the clock of the installation")
	}
	if what := r.unlisted(); what != "" {
		return nil, refused("BERTH4916", what+" has an invalid value", "send reports as berth report writes them")
	}
	return r, nil
}

// First is before any report: a clock that says less was never set. Simulated fleets begin after it, too.
var First = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// The forms of values. Nothing else is read, so that nobody can bring a text of their own into a page.
var (
	codeForm    = regexp.MustCompile(`^BERTH[0-9]{4}$`)
	versionForm = regexp.MustCompile(`^v?[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,6}$`)
	wordForm    = regexp.MustCompile(`^[a-zA-Z][a-zA-Z -]{0,31}$`)
	subjectForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
)

// unlisted names a value that no report has; "": there is none.
func (r *Report) unlisted() string {
	release := func(v string) bool { return v == "" || v == Other || versionForm.MatchString(v) }
	word := func(v string) bool { return v == "" || wordForm.MatchString(v) }
	for _, part := range []struct {
		name  string
		right bool
	}{
		{"version", r.Version >= 1}, {"berth", release(r.Berth)}, {"use", slices.Contains([]Use{"", Production, Trial}, r.Use)}, {"release", release(r.Release)},
		{"target", slices.Contains([]catalogue.Target{catalogue.Compose, catalogue.Kubernetes}, r.Target)}, {"option", word(r.Option)}, {"size", word(r.Size)},
		{"postgres", r.Postgres >= 0 && r.Postgres < 100}, {"runs", len(r.Runs) <= maxRuns}, {"start", r.Start == nil || r.Start.believable(r.Made)},
	} {
		if !part.right {
			return part.name
		}
	}
	for _, f := range r.Doctor {
		if !codeForm.MatchString(f.Code) || f.Severity != diag.Error && f.Severity != diag.Warning || f.Count < 1 {
			return "doctor"
		}
	}
	for _, run := range r.Runs {
		results := []string{state.Done, state.Failed, state.Interrupted, state.Killed}
		if run.Number < 1 || run.Number > math.MaxInt32 || run.Seconds > math.MaxInt32 || !word(string(run.Action)) || !release(run.From) || !release(run.Release) || !slices.Contains(results, run.Result) || !word(run.Stage) ||
			run.Seconds < 0 || run.Started.Before(First.AddDate(-30, 0, 0)) || slices.ContainsFunc(run.Codes, func(c string) bool { return !codeForm.MatchString(c) }) {
			return "runs"
		}
	}
	for _, e := range r.Exceptions {
		if !subjectForm.MatchString(e.Subject) || !word(string(e.Status)) {
			return "exceptions"
		}
	}
	return ""
}

// depth is how deep lists and objects are nested. A text that is no JSON has some depth, too.
func depth(text []byte) (deepest int) {
	now, quoted := 0, false
	for n := 0; n < len(text); n++ {
		switch c := text[n]; {
		case quoted && c == '\\':
			n++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}', c == ']':
			now--
		}
	}
	return deepest
}

// All reads the reports of a file: one, or several behind each other. It gives each as it is in the file.
func All(in io.Reader, each func(text []byte) error) error {
	d := json.NewDecoder(in)
	for {
		var text json.RawMessage
		err := d.Decode(&text)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a report: %w", err)
		}
		if err := each(text); err != nil {
			return err
		}
	}
}

// NoReport is what is wrong with a text that is no report.
func NoReport() diag.List {
	return refused("BERTH4911", "it is not a report", "send reports as berth report writes them")
}

func refused(code, summary, hint string) diag.List {
	return diag.List{{Code: code, Severity: diag.Error, Subject: "report", Summary: strings.TrimSpace(summary), Hint: hint}}
}

// Answer is what who collects reports answers to one.
type Answer struct {
	ID       string    `json:"id,omitempty"`    // of the report
	Known    bool      `json:"known,omitempty"` // it had arrived before
	Problems diag.List `json:"problems,omitempty"`
}
