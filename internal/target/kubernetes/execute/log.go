package execute

import (
	"context"

	"berth/internal/plan"
	"berth/internal/secret"
	"berth/internal/target/kubernetes"
)

// mostLines is how much of a Job's log is read at once: the migrator writes a line or two for each migration.
const mostLines = 2000

// said gives the lines that a Job wrote since they were asked for last, with secrets left out. Where no log can be had, as while its pod is
// made, there are none.
func (t *Target) said(ctx context.Context, s plan.Step) []string {
	ref := kubernetes.RefOf(t.Bodies[s.Object])
	pods, err := podsOf(ctx, t.Client, ref)
	if err != nil || len(pods) == 0 {
		return nil
	}
	if t.heard == nil {
		t.heard = map[string]int{}
	}
	var out []string
	for _, p := range pods {
		name := p.Metadata.Name
		lines, err := t.Client.PodLogs(ctx, kubernetes.LogQuery{Namespace: ref.Namespace, Pod: name, Tail: mostLines})
		if err != nil || len(lines) <= t.heard[name] {
			continue
		}
		out = append(out, lines[t.heard[name]:]...)
		t.heard[name] = len(lines)
	}
	return secret.Hide(t.Secrets)(out)
}
