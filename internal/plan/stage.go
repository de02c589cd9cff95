package plan

import "slices"

// Stage is a part of a plan that comes to its end before the next one begins. A run that was killed goes on at the current stage.
type Stage struct {
	Name    string  `json:"name"` // "migrate"
	Hop     int     `json:"hop"`  // the upgrade step that it belongs to, as an index
	Text    string  `json:"text,omitempty"`
	Seconds float64 `json:"seconds,omitempty"` // estimated
	Source  string  `json:"source,omitempty"`  // where the estimate comes from
	Effect  Effect  `json:"effect,omitempty"`
	// NoReturn says that the point of no return is at its begin.
	NoReturn bool `json:"noReturn,omitempty"`
	// Fallback is done when the stage fails: it leaves the installation serving, or a page with the reason.
	Fallback []Step `json:"fallback,omitempty"`
	// Again says that the fallback leads back to the begin of the upgrade step.
	Again bool `json:"again,omitempty"`
}

// Configs are the config's texts that steps lead to, by release, and by the names below.
type Configs map[string]string

// The names of configs that are of no release on the way.
const (
	ConfigFile  = "file"  // the file as it was when the plan was made, which may have named another release
	ConfigStart = "start" // with the release of the databases' containers, where that is another one than the data's
	ConfigBack  = "back"  // what a rollback leads to
	ConfigTo    = "to"    // the file of the destination of a move
)

// Of are the steps of a stage.
func (p *Plan) Of(stage int) []Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Stage != stage })
}

// Find is the index of a hop's stage; -1 when the hop has none of that name.
func (p *Plan) Find(hop int, name string) int {
	return slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Hop == hop && s.Name == name })
}

// Has reports whether a step of the plan does something.
func (p *Plan) Has(v Verb) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Verb == v })
}

// Append adds a stage with its steps, one after the other.
func (p *Plan) Append(stage Stage, steps []Step) {
	at := len(p.Stages)
	p.Stages = append(p.Stages, stage)
	for i, s := range steps {
		s.ID, s.Stage = len(p.Steps)+1, at
		if i > 0 {
			s.After = []int{s.ID - 1}
		}
		p.Steps = append(p.Steps, s)
	}
}

// Beside adds steps to the last stage that are done beside its others.
func (p *Plan) Beside(steps []Step) {
	for _, s := range steps {
		s.ID, s.Stage = len(p.Steps)+1, len(p.Stages)-1
		p.Steps = append(p.Steps, s)
	}
}

// Pulls is the part of a plan that pulls images.
func (p *Plan) Pulls() *Plan { return p.part(func(s Step) bool { return s.Verb == Pull }) }
