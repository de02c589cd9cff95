package plan

import "slices"

// Notice is what people notice while a plan is carried out: foreseen in a plan, measured in the record of its run.
type Notice struct {
	Waits   float64  `json:"waitsSeconds"`   // the longest time that a request waits
	Refused float64  `json:"refusedSeconds"` // for how long the front proxy takes no connections; in a record it is not measured
	Guessed []string `json:"guessed,omitempty"`
}

const (
	// guessed is how many seconds something takes to be replaced that was not measured here yet.
	guessed = 10.0
	// around is how many seconds requests wait in addition: until those before them are answered, and until it is sure that all is back.
	around = 3.0
	// refused is how many seconds the front proxy takes no connections while its container is replaced: e2e measures 0.6.
	refused = 1.0
	// longest is how many seconds requests wait at most: stack.LongestWait, which is nothing that a plan knows of.
	longest = 45.0
)

// Forecast is what people will notice of a plan whose steps requests wait for. usual is how many seconds objects took before. nil: requests don't wait
// for any of its steps, and the front proxy is not replaced.
func Forecast(p *Plan, usual map[string]float64) *Notice {
	n := &Notice{}
	waits := make(map[int]float64, len(p.Steps)) // until a step is done, since requests were held
	for _, s := range p.Steps {
		var since float64
		for _, id := range s.After {
			since = max(since, waits[id])
		}
		switch {
		case slices.Contains(p.Awaited, s.Object) && s.Effect != None:
			took := usual[s.Object]
			if took == 0 {
				took = guessed
				n.Guessed = append(n.Guessed, s.Object)
			}
			waits[s.ID] = since + took
			n.Waits = min(max(n.Waits, around+waits[s.ID]), longest)
		case s.Verb == Pull || s.Verb == Write:
			waits[s.ID] = since
		}
		if s.Service == frontProxy && s.Effect == Downtime {
			n.Refused = refused
		}
	}
	if n.Waits == 0 && n.Refused == 0 {
		return nil
	}
	return n
}
