package plan

import "testing"

// TestID: what is only estimated or measured is no part of a plan's name, and all that is done is.
func TestID(t *testing.T) {
	made := func() *Plan {
		return &Plan{Action: Upgrade, Release: "7.5.0", Hops: []Hop{{From: "7.4.0", To: "7.5.0"}}, Stages: []Stage{{Name: "migrate"}}, Steps: []Step{{ID: 1, Verb: Migrate}}}
	}
	id := made().ID()
	for name, change := range map[string]func(*Plan){
		"a database that grew": func(p *Plan) { p.Bytes = 1 << 30 },
		"an estimate": func(p *Plan) {
			p.Downtime, p.Hops[0].Downtime, p.Stages[0].Seconds, p.Stages[0].Source = 60, 60, 60, "measured"
		},
		"what was found":         func(p *Plan) { p.Hops[0].Found = []string{"databases: 1 GiB"} },
		"what people notice":     func(p *Plan) { p.Notice = &Notice{Waits: 3} },
		"what the record judges": func(p *Plan) { p.Support = []Judged{{Text: "supported"}} },
	} {
		p := made()
		if change(p); p.ID() != id {
			t.Errorf("%s changes the name", name)
		}
	}
	for name, change := range map[string]func(*Plan){
		"a step":   func(p *Plan) { p.Steps[0].Verb = Delete },
		"a stage":  func(p *Plan) { p.Stages[0].NoReturn = true },
		"a hop":    func(p *Plan) { p.Hops[0].To = "7.6.0" },
		"a config": func(p *Plan) { p.Configs = Configs{ConfigFile: "x"} },
		"a state":  func(p *Plan) { p.Basis.State = "x" },
	} {
		p := made()
		if change(p); p.ID() == id {
			t.Errorf("%s does not change the name", name)
		}
	}
	p := made()
	p.Hops[0].Found = []string{"kept"}
	if p.ID(); p.Hops[0].Found == nil {
		t.Error("the name changes the plan")
	}
}
