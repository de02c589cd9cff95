package cli

import (
	"context"
	"path/filepath"

	"berth/catalogue"
	"berth/internal/adopt"
	theirs "berth/internal/adopt/kubernetes"
	"berth/internal/installation/cluster"
)

// helmRelease reads a Helm release, and finds the config for it. Nothing is written.
func (e *Env) helmRelease(ctx context.Context, f *adoptFlags) (taking, error) {
	t := taking{target: catalogue.Kubernetes}
	s, err := cluster.Theirs(ctx, &e.Environment, f.at, f.helm)
	if err != nil {
		return t, err
	}
	base, err := adopt.FindBase(e.Catalogue(), catalogue.Kubernetes, s.Images)
	if err != nil {
		return t, err
	}
	if problems := theirs.Known(base, s); problems.Failed() {
		return t, problems
	}
	r, problems := theirs.Adopt(s, e.Catalogue(), base, f.url, filepath.Dir(e.Abs(f.out)), e.Now)
	if problems.Failed() {
		return t, problems
	}
	r.Report.Source = "Helm release " + f.helm
	t.result, t.guessed = r, s.Guessed
	return t, nil
}
