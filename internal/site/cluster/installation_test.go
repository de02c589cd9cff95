package cluster

import (
	"testing"

	"berth/internal/config"
	render "berth/internal/render/kubernetes"
	"berth/internal/site"
	"berth/internal/stack"
)

// TestReplicasOfOthers: an autoscaler's number of replicas is as good as ever while a hop rolls, but it may not start what must stand still.
func TestReplicasOfOthers(t *testing.T) {
	for front, taken := range map[stack.Front]bool{stack.Open: false, stack.Held: false, stack.Closed: true, stack.Stopped: true, stack.Behind: true} {
		l := &site.Loaded{Stack: &stack.Stack{}, Doc: &config.Doc{Config: &config.Config{}}, Front: front}
		c := &installation{Loaded: l, set: &render.Set{}}
		if got := len(c.desired(&site.Environment{}).Rules) > 0; got != taken {
			t.Errorf("with the front %q replicas are taken from others: %v", front, got)
		}
	}
}
