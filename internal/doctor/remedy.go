package doctor

// Remedy is what berth can do about a finding without a decision of the admin. None changes data, or what the config asks for.
type Remedy string

// The remedies.
const (
	Resume  Remedy = "resume"  // continue the repair that was stopped
	Repair  Remedy = "repair"  // run the finding's statements in its database
	Rebuild Remedy = "rebuild" // build the indexes of its database again while Sourcegraph is stopped
	Restart Remedy = "restart" // restart the service as it is, as berth restart does
	Deploy  Remedy = "deploy"  // start what does not run and make what is missing, as berth up does
)

// Remedies is the order in which remedies are carried out: a deployment waits for everything that is not ready, and so comes last.
var Remedies = []Remedy{Resume, Restart, Repair, Rebuild, Deploy}

// left notes why berth does nothing about a finding by itself, although a command would.
func (f *Finding) left(why string) *Finding {
	f.Left = why
	return f
}

// repaired is a finding with the statements that berth runs about it, none of which changes data or keeps people from their work.
func (f *Finding) repaired(statements ...string) *Finding {
	f.Statements = statements
	return f.by(Repair)
}

// Fixable are the findings that a remedy is for. They are causes: what follows from one is looked at again once it is fixed, and below a
// cause that berth can't fix nothing would stay well.
func (r *Report) Fixable(by Remedy) (out []*Finding) {
	for _, f := range r.Findings {
		if f.Muted == nil && f.Remedy == by {
			out = append(out, f)
		}
	}
	return out
}

// by notes what berth can do about a finding.
func (f *Finding) by(r Remedy) *Finding {
	f.Remedy = r
	return f
}
