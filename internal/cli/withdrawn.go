package cli

import (
	"context"

	"berth/internal/diag"
	"berth/internal/site"
	"berth/internal/upgrade"
)

// withdrawn refuses a config's release that must not be gone to, unless the installation is of it already.
func (e *Env) withdrawn(ctx context.Context, s site.Site) (diag.List, error) {
	l := s.Of()
	wanted := l.Release.Version
	refused := upgrade.Refused(e.Catalogue(), wanted, l.Stack.Target)
	if !refused.Failed() {
		return nil, nil
	}
	_, _, runs, err := s.Services(ctx, &e.Environment)
	if err != nil || runs == wanted {
		return nil, err
	}
	if runs == "" { // it was stopped, or never there
		if runs, err = lastRelease(ctx, s); err != nil || runs == wanted {
			return nil, err
		}
	}
	refused[0].Range = l.Doc.At("release")
	return refused, nil
}

// lastRelease is the release that an installation was deployed with last; "" where none was.
func lastRelease(ctx context.Context, s site.Site) (release string, err error) {
	runs, err := s.Store().History(ctx)
	for _, r := range runs {
		if r.Release != "" {
			release = r.Release
		}
	}
	return release, err
}
