package plan

import "slices"

// Conflict is a field that somebody else set, and that we want otherwise.
type Conflict struct {
	Object   string `json:"object"`
	Field    string `json:"field"`
	Manager  string `json:"manager"` // who set it: "kubectl-edit"
	Theirs   string `json:"theirs"`
	Ours     string `json:"ours"`
	Decision Choice `json:"decision,omitempty"` // "": somebody has to decide
}

// Choice is what is done about a conflict.
type Choice string

// The choices.
const (
	Take  Choice = "take"  // it becomes ours, with our value
	Yield Choice = "yield" // it stays theirs: we say nothing about it
)

// Undecided are the conflicts that keep the plan from being carried out.
func (p *Plan) Undecided() []Conflict {
	return slices.DeleteFunc(slices.Clone(p.Conflicts), func(c Conflict) bool { return c.Decision != "" })
}

// Yielded are the fields of an object that are left to others: who applies it leaves them out, see fields.Without.
func (p *Plan) Yielded(object string) []string {
	var fields []string
	for _, c := range p.Conflicts {
		if c.Object == object && c.Decision == Yield {
			fields = append(fields, c.Field)
		}
	}
	return fields
}
