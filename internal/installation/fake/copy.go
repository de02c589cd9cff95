package fake

import (
	"maps"
	"slices"
)

// Copy is a world that is as this one is, and goes its own way from then on. Faults are not copied.
func (w *World) Copy() *World {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := New()
	out.Free, out.Searchable, out.clock, out.Spoiled = w.Free, w.Searchable, w.clock, slices.Clone(w.Spoiled)
	for name, p := range w.places {
		out.places[name] = p.copy(out)
	}
	return out
}

func (p *place) copy(w *World) *place {
	out := *p
	out.world = w
	// Bodies, texts and entries are replaced whole, never changed.
	out.images, out.bodies, out.claims, out.backups = maps.Clone(p.images), maps.Clone(p.bodies), maps.Clone(p.claims), maps.Clone(p.backups)
	out.files = maps.Clone(p.files)
	out.secrets, out.notes, out.history, out.journal = maps.Clone(p.secrets), maps.Clone(p.notes), slices.Clone(p.history), slices.Clone(p.journal)
	out.runs, out.tasks = map[string]*running{}, map[string]*atWork{}
	for name, r := range p.runs {
		out.runs[name] = new(running)
		*out.runs[name] = *r
	}
	for name, t := range p.tasks {
		out.tasks[name] = new(atWork)
		*out.tasks[name] = *t
	}
	if p.data != nil {
		out.data = new(databases)
		*out.data = *p.data
	}
	return &out
}
