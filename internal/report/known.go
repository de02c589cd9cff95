package report

import (
	"slices"

	"berth/catalogue"
	backups "berth/internal/backup/stages"
	"berth/internal/upgrade/stages"
)

// Known is what words of reports mean something to who reads them.
type Known struct {
	releases map[string]bool
	options  []string
	sizes    []string
	stages   []string
}

// KnownOf is what a catalogue knows.
func KnownOf(cat *catalogue.Catalogue) *Known {
	k := &Known{releases: map[string]bool{}, sizes: Sizes(cat), stages: slices.Concat(stages.Names(), backups.Names())}
	for _, v := range cat.Versions("") {
		k.releases[v.Version] = true
	}
	for _, o := range Options {
		k.options = append(k.options, o)
	}
	return k
}

// Sizes are the size classes that a report can name, smallest first.
func Sizes(cat *catalogue.Catalogue) []string {
	names := []string{Demo}
	for _, s := range cat.Sizing().Sizes {
		names = append(names, s.Name)
	}
	return names
}

// release is Other where nobody published it.
func (k *Known) release(name string) string {
	if name == "" || k.releases[name] {
		return name
	}
	return Other
}

// Narrow makes Other of each word that means nothing here. Words have a form, of which there are millions: an installation that writes what it likes would fill
// the tables of who reads it, and every figure would have a row of its own for it.
func (k *Known) Narrow(r *Report) {
	listed := func(all []string, word string) string {
		if word == "" || slices.Contains(all, word) {
			return word
		}
		return Other
	}
	r.Release, r.Option, r.Size = k.release(r.Release), listed(k.options, r.Option), listed(k.sizes, r.Size)
	for n := range r.Runs {
		run := &r.Runs[n]
		run.From, run.Release, run.Stage = k.release(run.From), k.release(run.Release), listed(k.stages, run.Stage)
	}
}
