package health

import (
	"fmt"
	"slices"
)

// Readiness says how ready an object is.
type Readiness struct {
	Ready  bool
	Failed bool   // waiting will not make it ready
	How    string // in a word: "2 of 3 ready", "crashed 3 times"
}

// Ready says how ready an object is, from its own status. Objects of unknown kinds are ready when they exist.
func Ready(o Object) Readiness {
	if o.Metadata.Deleted != nil {
		return Readiness{How: "being deleted"}
	}
	switch o.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		if o.Status.Observed < o.Metadata.Generation {
			return Readiness{How: "waiting for the cluster to process it"}
		}
	}
	switch o.Kind {
	case "Deployment":
		return deployment(o)
	case "StatefulSet":
		return statefulSet(o)
	case "DaemonSet":
		return daemonSet(o)
	case "Job":
		return job(o)
	case "PersistentVolumeClaim":
		return claim(o)
	case "Service":
		if o.Spec.Type == "LoadBalancer" && len(o.Status.LoadBalancer.Ingress) == 0 {
			return Readiness{How: "waiting for an address of the load balancer"}
		}
	}
	// Ingresses too: many controllers never write down their address.
	return Readiness{Ready: true, How: "there"}
}

// replicas is how many pods an object should have.
func (o Object) replicas() int {
	if o.Spec.Replicas == nil {
		return 1
	}
	return *o.Spec.Replicas
}

// probed reports whether pods have readiness probes. A pod that passes one serves; minReadySeconds then only makes the cluster wait before
// it removes the next old pod. Without a probe, ready means only that the pod runs: it has to run that long.
func (o Object) probed() bool {
	return slices.ContainsFunc(o.Spec.Template.Spec.Containers, func(c probed) bool { return c.Readiness != nil })
}

func deployment(o Object) Readiness {
	want, s := o.replicas(), o.Status
	ready := s.Available
	if o.probed() {
		ready = s.Ready
	}
	switch {
	case s.Updated < want && o.Spec.Paused:
		return Readiness{How: "paused, with " + of(s.Updated, want, "updated")}
	case s.Updated < want:
		return Readiness{How: of(s.Updated, want, "updated")}
	case s.Replicas > s.Updated:
		return Readiness{How: fmt.Sprintf("%d old still ending", s.Replicas-s.Updated)}
	case ready < want:
		return Readiness{How: of(ready, want, "ready")}
	}
	return Readiness{Ready: true, How: of(ready, want, "ready")}
}

func statefulSet(o Object) Readiness {
	want, s := o.replicas(), o.Status
	ready := s.Ready
	if o.Spec.MinReady > 0 && !o.probed() {
		ready = s.Available
	}
	toUpdate := max(0, want-o.Spec.UpdateStrategy.RollingUpdate.Partition)
	manual := o.Spec.UpdateStrategy.Type == "OnDelete"
	switch {
	case s.Replicas > want:
		return Readiness{How: fmt.Sprintf("%d surplus still ending", s.Replicas-want)}
	case !manual && s.Updated < toUpdate:
		return Readiness{How: of(s.Updated, toUpdate, "updated")}
	case ready < want:
		return Readiness{How: of(ready, want, "ready")}
	case manual && s.Updated < want:
		// Its pods are updated when somebody deletes them: nothing to wait for.
		return Readiness{Ready: true, How: fmt.Sprintf("%s, %d to be deleted for the update", of(ready, want, "ready"), want-s.Updated)}
	}
	return Readiness{Ready: true, How: of(ready, want, "ready")}
}

func daemonSet(o Object) Readiness {
	s := o.Status
	ready := s.NumberAvailable
	if o.probed() {
		ready = s.NumberReady
	}
	switch {
	case o.Spec.UpdateStrategy.Type != "OnDelete" && s.UpdatedScheduled < s.Desired:
		return Readiness{How: of(s.UpdatedScheduled, s.Desired, "updated")}
	case ready < s.Desired:
		return Readiness{How: of(ready, s.Desired, "ready")}
	}
	return Readiness{Ready: true, How: of(ready, s.Desired, "ready")}
}

func job(o Object) Readiness {
	if _, ok := condition(o.Status.Conditions, "Complete", "True"); ok {
		return Readiness{Ready: true, How: "finished"}
	}
	if c, ok := condition(o.Status.Conditions, "Failed", "True"); ok {
		return Readiness{Failed: true, How: "failed: " + sentence(c.Message, c.Reason)}
	}
	switch {
	case o.Spec.Suspend:
		return Readiness{How: "suspended"}
	case o.Status.Failed == 1:
		return Readiness{How: "running again, 1 attempt failed"}
	case o.Status.Failed > 1:
		return Readiness{How: fmt.Sprintf("running again, %d attempts failed", o.Status.Failed)}
	case o.Status.Active > 0:
		return Readiness{How: "running"}
	}
	return Readiness{How: "waiting to be started"}
}

// claim is never waited for alone: most volumes are created for the first pod that uses them.
func claim(o Object) Readiness {
	switch o.Status.Phase {
	case "Lost":
		return Readiness{Failed: true, How: "its volume is lost"}
	case "Bound":
		return Readiness{Ready: true, How: "bound"}
	}
	return Readiness{Ready: true, How: "waiting for its first pod"}
}

func of(some, all int, what string) string { return fmt.Sprintf("%d of %d %s", some, all, what) }

func sentence(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return "without a reported reason"
}
