package cli

import "context"

func (e *Env) cluster(ctx context.Context, l *loaded) (site, error) {
	return nil, targetProblems(l.doc)
}

func (e *Env) clusterToStop(ctx context.Context, l *loaded) (site, error) {
	return nil, targetProblems(l.doc)
}
