package doctor

import (
	"path"
	"slices"
	"sort"

	"berth/internal/diag"
)

// relation says between which findings of two codes an edge is.
type relation string

const (
	anywhere    relation = "anywhere"     // whatever they are about
	sameService relation = "same service" // both are about one service
	needing     relation = "needing"      // the effect is about a service that needs the cause's service
	upgrading   relation = "upgrading"    // the last run is an upgrade that did not come to its end
	deploying   relation = "deploying"    // the last run is none, and failed at what stops a service for sure
)

// edge says that a finding can be the cause of another one.
type edge struct {
	cause, effect string // patterns of path.Match over codes
	between       relation
}

// edges are all causes, the nearer one first: of several causes that hold, the first one gets the effect.
var edges = []edge{
	// What the host or the cluster lacks.
	{"BERTH5090", "BERTH50[0-8]?", anywhere}, // the engine or the cluster does not answer
	{"BERTH5012", "BERTH501[01]", anywhere},  // the disk of all volumes
	{"BERTH5012", "BERTH5060", anywhere},
	{"BERTH2113", "BERTH5072", anywhere}, // vm.max_map_count
	{"BERTH34??", "BERTH500[1267]", sameService},
	{"BERTH34??", "BERTH5003", sameService},

	// A full volume.
	{"BERTH501[01]", "BERTH5060", sameService},
	{"BERTH501[01]", "BERTH502[01]", sameService},
	{"BERTH501[01]", "BERTH504[02]", sameService},
	{"BERTH501[01]", "BERTH500[126]", sameService},
	{"BERTH5060", "BERTH502[01]", sameService},
	{"BERTH5060", "BERTH504[02]", sameService},

	// What a log says, of why the same service is not well.
	{"BERTH506?", "BERTH500[126]", sameService},
	{"BERTH507[0126]", "BERTH500[126]", sameService},
	{"BERTH508[4-8]", "BERTH500[126]", sameService},
	{"BERTH5005", "BERTH500[126]", sameService},
	{"BERTH5005", "BERTH5016", sameService},
	{"BERTH507[012]", "BERTH5016", sameService},
	{"BERTH501[01]", "BERTH5016", sameService},
	{"BERTH5016", "BERTH500[126]", sameService},
	{"BERTH5005", "BERTH5073", sameService},
	{"BERTH5002", "BERTH500[16]", sameService},
	{"BERTH5006", "BERTH5001", sameService},
	{"BERTH506?", "BERTH5020", sameService},
	{"BERTH506?", "BERTH5040", sameService},
	{"BERTH507?", "BERTH5040", sameService},
	{"BERTH500[12356]", "BERTH502?", sameService},
	{"BERTH500[12356]", "BERTH504?", sameService},

	// What somebody changed by hand: a Service that leads nowhere.
	{"BERTH5082", "BERTH34??", needing},
	{"BERTH5082", "BERTH500[126]", needing},
	{"BERTH5082", "BERTH505[01]", needing},
	{"BERTH5082", "BERTH506[25]", needing},
	{"BERTH5082", "BERTH507[57]", needing},

	// A database that is not as its clients need it.
	{"BERTH5022", "BERTH5062", anywhere},
	{"BERTH5025", "BERTH5026", sameService},
	{"BERTH5027", "BERTH5063", anywhere},
	{"BERTH50[26]?", "BERTH506[2357]", needing},
	{"BERTH50[26]?", "BERTH507[57]", needing},
	{"BERTH50[26]?", "BERTH500[126]", needing},
	{"BERTH3708", "BERTH50[06]?", needing},

	// Redis.
	{"BERTH504?", "BERTH507[01]", needing},
	{"BERTH504?", "BERTH500[126]", needing},
	{"BERTH507[01]", "BERTH500[126]", needing},

	// Object storage.
	{"BERTH5045", "BERTH5074", anywhere},
	{"BERTH504[45]", "BERTH500[126]", needing},

	// A service that another one needs.
	{"BERTH500[2356]", "BERTH507[57]", needing},
	{"BERTH500[2356]", "BERTH500[126]", needing},
	{"BERTH34??", "BERTH500[126]", needing},
	{"BERTH5001", "BERTH5001", needing},

	// What people see.
	{"BERTH501[56]", "BERTH5052", needing},
	{"BERTH50[0-4678]?", "BERTH505[01]", needing},
	{"BERTH34??", "BERTH505[01]", needing},
	{"BERTH5050", "BERTH505[1278]", anywhere},
	{"BERTH5005", "BERTH5080", deploying},
	{"BERTH506?", "BERTH5080", deploying},
	{"BERTH34??", "BERTH5080", deploying},
	{"BERTH508[4-8]", "BERTH5080", deploying},
	{"BERTH504[45]", "BERTH5080", deploying},
	{"BERTH5080", "BERTH500[123]", anywhere}, // a run that did not come to its end
	{"BERTH5080", "BERTH5082", anywhere},
	{"BERTH374?", "BERTH5082", anywhere}, // what runs is of another release than the config
	{"BERTH374?", "BERTH5003", anywhere},
	{"BERTH5080", "BERTH37??", upgrading},
	{"BERTH5080", "BERTH5027", upgrading},
	{"BERTH5080", "BERTH5063", upgrading},
	{"BERTH5080", "BERTH50[45][01]", upgrading},
}

// caused puts each finding below its first cause, and orders the causes: failures first, then by how much follows from them, then as the list
// of checks has them.
func caused(e *Evidence, found []*Finding) []*Finding {
	below := map[*Finding]*Finding{} // the cause of each
	for _, f := range found {
		if c := causeOf(e, f, found, below); c != nil {
			below[f] = c
		}
	}
	var roots []*Finding
	for _, f := range found {
		if c := below[f]; c != nil {
			c.Follows = append(c.Follows, f)
			continue
		}
		roots = append(roots, f)
	}
	sort.SliceStable(roots, func(a, b int) bool { return before(roots[a], roots[b]) })
	return roots
}

// causeOf is the first cause of a finding; nil when it has none. A muted finding is no cause: readers ignore it.
func causeOf(e *Evidence, f *Finding, found []*Finding, below map[*Finding]*Finding) *Finding {
	for _, edge := range edges {
		if !edge.effected(f) {
			continue
		}
		for _, c := range found {
			if c != f && c.Muted == nil && edge.causes(c) && edge.holds(e, c, f) && !follows(c, f, below) {
				return c
			}
		}
	}
	return nil
}

// follows reports whether a finding has another one among its causes.
func follows(f, other *Finding, below map[*Finding]*Finding) bool {
	for c := f; c != nil; c = below[c] {
		if c == other {
			return true
		}
	}
	return false
}

func (d edge) effected(f *Finding) bool { return matches(d.effect, f.Problem.Code) }

func (d edge) causes(f *Finding) bool { return matches(d.cause, f.Problem.Code) }

// holds reports whether an edge is between two findings of its codes. What only may become a problem is no cause of one.
func (d edge) holds(e *Evidence, cause, effect *Finding) bool {
	if cause.Problem.Severity == diag.Warning && effect.Problem.Severity == diag.Error && !slices.Contains(tellingWarnings, cause.Problem.Code) {
		return false
	}
	same := cause.Service == effect.Service
	switch d.between {
	case sameService:
		return same
	case upgrading:
		return e.LastRun != nil && e.LastRun.Upgrade
	case deploying:
		return e.LastRun != nil && !e.LastRun.Upgrade && cause.Problem.Severity == diag.Error
	case needing:
		return !same && e.needs(effect.Service, cause.Service)
	}
	return true
}

// tellingWarnings are warnings that explain a failure elsewhere.
var tellingWarnings = []string{"BERTH2113", "BERTH5016", "BERTH5022", "BERTH5025", "BERTH5080", "BERTH5082"}

func matches(pattern, code string) bool {
	ok, _ := path.Match(pattern, code) // TestEdges proves that patterns have the right form
	return ok
}

// before orders causes.
func before(a, b *Finding) bool {
	if am, bm := a.Muted != nil, b.Muted != nil; am != bm {
		return bm
	}
	if av, bv := a.worst(), b.worst(); av != bv {
		return av == Fail
	}
	if an, bn := a.size(), b.size(); an != bn {
		return an > bn
	}
	return a.number < b.number
}

// worst is the worst verdict of a finding and what follows from it.
func (f *Finding) worst() Verdict {
	v := f.verdict()
	for _, b := range f.Follows {
		v = worse(v, b.worst())
	}
	return v
}

// size is how many findings follow from one.
func (f *Finding) size() int {
	n := len(f.Follows)
	for _, b := range f.Follows {
		n += b.size()
	}
	return n
}
