package execute

import (
	"context"
	"fmt"

	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// attempts is how often an object may change while it is taken over: its controllers write its status all the time.
const attempts = 20

// takeOver makes what another tool deployed ours. Nothing but the API server's books changes: no pod notices. What kubectl keeps of an object goes with the
// same request: a run that is killed after it would not find the object to take over again, and plans leave that annotation alone.
func (t *Target) takeOver(ctx context.Context, s plan.Step) error {
	ref := kubernetes.RefOf(t.Bodies[s.Object])
	for range attempts {
		live, err := t.Client.Get(ctx, ref)
		if kubernetes.NotFound(err) {
			return nil // it is created again
		}
		if err != nil {
			return err
		}
		books := fields.TakenOver(live, s.Yields)
		if books == nil {
			return nil // a run that was killed did it
		}
		metadata := map[string]any{"managedFields": books, "resourceVersion": tree.Text(live, "metadata", "resourceVersion")}
		if tree.Text(live, "metadata", "annotations", fields.LastApplied) != "" {
			metadata["annotations"] = map[string]any{fields.LastApplied: nil}
		}
		_, err = t.Client.Patch(ctx, ref, map[string]any{"metadata": metadata}, plan.Manager)
		if !kubernetes.Conflict(err) {
			return err
		}
	}
	return fmt.Errorf("%s changes constantly, so it can't be taken over", ref)
}

// Return is what makes an object another tool's again.
type Return struct {
	Ref       kubernetes.Ref
	Manager   string // the tool's name in managedFields
	Operation string // how it writes: "Update", "Apply"
	// Labels and Annotations are those by which the tool knows its objects; null takes away.
	Labels, Annotations map[string]any
}

// giveBack makes an object the other tool's again. Labels and the API server's books change, and no pod notices.
func (t *Target) giveBack(ctx context.Context, s plan.Step) error {
	r := t.Returns[s.Object]
	_, err := t.Client.Patch(ctx, r.Ref, map[string]any{"metadata": map[string]any{"labels": r.Labels, "annotations": r.Annotations}}, r.Manager)
	if kubernetes.NotFound(err) {
		return nil
	}
	for range attempts {
		if err != nil {
			return err
		}
		live, getErr := t.Client.Get(ctx, r.Ref)
		if getErr != nil {
			return getErr
		}
		books := fields.GivenBack(live, r.Manager, r.Operation)
		if books == nil {
			return nil
		}
		_, err = t.Client.Patch(ctx, r.Ref, map[string]any{"metadata": map[string]any{"managedFields": books, "resourceVersion": tree.Text(live, "metadata", "resourceVersion")}}, plan.Manager)
		if !kubernetes.Conflict(err) {
			return err
		}
		err = nil
	}
	return fmt.Errorf("%s changes constantly, so it can't be returned", r.Ref)
}
