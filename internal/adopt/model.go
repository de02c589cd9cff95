// Package adopt understands what people run already: it compares an installation that somebody else made with what berth renders, and finds the
// sourcegraph.yaml that gives it back. Pure.
//
// Three sides are compared by meaning. Theirs is an installation as Objects: a fork of the Compose repository, running containers, objects of a
// cluster. Shipped is what the release gives without any wish. Ours is what berth renders for a config. Invert looks for the config for which ours
// is theirs: it renders a draft, compares, lets rules answer each difference with an edit of the draft, and renders again. So rendering is
// also the proof, and no rule has to be right by itself.
//
// Readers of Compose and of Kubernetes live below this package. Each gives Objects, a function that renders a draft, and rules.
package adopt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
)

// Objects are an installation by object: a decoded tree for each name. A name has the kind in it: "service gitserver-0", "volume
// sourcegraph_pgsql", "file prometheus/prometheus.yml", "Deployment/sourcegraph-frontend". Both sides are in one form, in which equal trees mean
// equal installations: lists that are sets, or that names identify, are maps.
type Objects map[string]map[string]any

// Difference is one place where two sides differ. Theirs is nil where they lack it, Ours where berth would not have it.
type Difference struct {
	Object       string
	Path         []string // in the object; none: the whole object
	Theirs, Ours any
}

// Fate is what becomes of a line of theirs.
type Fate string

// The fates.
const (
	Default Fate = "default"    // the release has it, and so has berth
	Key     Fate = "key"        // a key of sourcegraph.yaml says it
	Patch   Fate = "patch"      // a patch of sourcegraph.yaml says it
	Secret  Fate = "secret"     // it is kept where secrets are kept
	Alone   Fate = "left alone" // berth does not manage it, and does not touch it
	Again   Fate = "made again" // its object is made again, as the release has it
	Lost    Fate = "not kept"   // it can't be kept, and Why says why
)

// Item is a line or an object of theirs, and what became of it.
type Item struct {
	Object string   `json:"object"`
	Path   string   `json:"path,omitempty"`   // "environment.SRC_LOG_LEVEL"; "": the whole object
	Theirs string   `json:"theirs,omitempty"` // as text, secrets masked; "": they have taken it away
	Fate   Fate     `json:"fate"`
	Keys   []string `json:"keys,omitempty"` // of sourcegraph.yaml
	Why    string   `json:"why,omitempty"`
	// Undone is an item that asks the admin to agree: what is applied differs from what is there now.
	Undone bool `json:"undone,omitempty"`
}

// Report says what became of everything of theirs.
type Report struct {
	Source string           `json:"source"` // what was read: a folder, "Helm release sourcegraph"
	Target catalogue.Target `json:"target"`
	Base   Base             `json:"base"`
	Items  []Item           `json:"items"` // in order of objects and paths
	Notes  []string         `json:"notes,omitempty"`
}

// Base is the release that an installation is of, and how that is known.
type Base struct {
	Release string `json:"release"`
	// ByDigest and ByTag count the images that are of the release by their digest and, where they have none, by their tag. Of is how many there are.
	ByDigest int `json:"byDigest"`
	ByTag    int `json:"byTag"`
	Of       int `json:"of"`
	// Others are images that are of another release, or of none, by what runs them.
	Others map[string]string `json:"others,omitempty"`
}

// Result is the config that gives an installation back.
type Result struct {
	Text      []byte            `json:"-"` // of sourcegraph.yaml
	Files     map[string][]byte `json:"-"` // beside it, by name: those with secrets, for their owner only
	Generated map[string]string `json:"-"` // values of the secrets that berth would make itself, by name
	Report    Report            `json:"report"`
}

// Of counts the items of a fate.
func (r *Report) Of(fate Fate) int {
	n := 0
	for _, i := range r.Items {
		if i.Fate == fate {
			n++
		}
	}
	return n
}

// Undone are the items that the admin has to agree to.
func (r *Report) Undone() []Item {
	var out []Item
	for _, i := range r.Items {
		if i.Undone {
			out = append(out, i)
		}
	}
	return out
}

// Differing are the files of theirs that differ from the project's own, by name.
func (r *Report) Differing() []string {
	var out []string
	for _, i := range r.Undone() {
		if name, isFile := strings.CutPrefix(i.Object, "file "); isFile {
			out = append(out, name)
		}
	}
	return out
}

// Rendering is what berth makes of a draft. At finds the line of a key in the draft's text; nothing where it has none.
type Rendering struct {
	Objects Objects
	At      func(path string) diag.Range
}

// Render renders a draft of a config, with files beside it and values of the secrets that berth would make itself. Errors are about the draft's text.
type Render func(text []byte, files map[string][]byte, generated map[string]string) (Rendering, diag.List)

// Answer is what a rule makes of a difference: edits of the draft, and what to report. Without edits, the fate is final.
type Answer struct {
	Fate  Fate
	Edits []Edit
	Why   string
	// Whole says that the answer is for the whole object: it and its differences are not looked at any more.
	Whole bool
}

// Rule answers a difference; nil where it has nothing to say. Rules are tried in order; where the edits of one are refused, or leave the
// difference, they are taken back and the next one is asked.
type Rule struct {
	Name string // for tests and documents
	// Last says that it is asked only where no other rule has an answer to any difference: a patch says what a key would have said once another
	// difference is answered.
	Last   bool
	Answer func(d Difference, s *Situation) *Answer
}

// Situation is what a rule may look at besides its difference.
type Situation struct {
	Theirs, Shipped, Ours Objects
	Differences           []Difference // all that are left
	Draft                 *Draft
}

// Takeover is what is kept of an installation on a Docker Engine that berth took over: its containers have no labels of berth's, and Docker can't add
// any. Each stays as it is until something has to be changed in it.
type Takeover struct {
	Project string            `json:"project"` // the Compose project that the containers are of
	Release string            `json:"release"` // that they run
	Units   map[string]Unit   `json:"units"`   // by the container's name
	Shared  map[string]Shared `json:"shared,omitempty"`
	Dir     string            `json:"dir,omitempty"`   // where docker compose ran
	Files   []string          `json:"files,omitempty"` // the Compose files
	Wrote   map[string]string `json:"wrote,omitempty"` // hashes of the files that adopt wrote, by path
	Final   bool              `json:"final,omitempty"` // berth adopt finish was given: there is no way back
}

// Unit is what a container of theirs is to berth.
type Unit struct {
	Unit    string `json:"unit"`    // "gitserver-0"
	Service string `json:"service"` // "gitserver"
}

// Shared is a file or a folder of the host that containers mount in place of one of the rendered project, which has the same content.
type Shared struct {
	Path   string `json:"path"`   // on the host
	Theirs string `json:"theirs"` // hash of its content, when the two were compared
	Ours   string `json:"ours"`   // hash of the project's own
}

// TakeoverNote is the name of the note with the Takeover in the state of an installation.
const TakeoverNote = "adopted"

// Hash is a hash of files by name.
func Hash(files map[string][]byte) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %d\n", name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}
