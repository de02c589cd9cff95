package health

import (
	"slices"
	"strings"
	"time"
)

// Evidence is what is known about the pods of an installation, and the events about its objects.
type Evidence struct {
	Pods   []Pod
	Claims []Object
	Events []Event // warnings
	// LostNodes are the nodes that do not answer, by name, with the cluster's message about each. It is empty where we may not read nodes.
	LostNodes map[string]string
	Now       time.Time // by our clock; a minute of difference to the cluster's does no harm
	Since     time.Time // when the run began: the cause of an earlier event may be fixed since
}

// pods are those of a workload that should run, the newest first.
func (e Evidence) pods(o Object) []Pod {
	var mine []Pod
	for _, p := range e.Pods {
		if p.Metadata.Deleted == nil && owns(o, p) {
			mine = append(mine, p)
		}
	}
	slices.SortStableFunc(mine, func(a, b Pod) int { return b.Metadata.Created.Compare(a.Metadata.Created) })
	return mine
}

// owns reports whether a pod belongs to a workload. A Deployment's pods belong to its ReplicaSets, whose names end in the hash that is a
// label of their pods; so nobody has to read ReplicaSets.
func owns(o Object, p Pod) bool {
	for _, owner := range p.Metadata.Owners {
		switch {
		case !owner.Controller:
		case owner.UID == o.Metadata.UID && o.Metadata.UID != "":
			return true
		case o.Kind == "Deployment" && owner.Kind == "ReplicaSet":
			return owner.Name == o.Metadata.Name+"-"+p.Metadata.Labels["pod-template-hash"]
		}
	}
	return false
}

// finished reports whether a Job's pod succeeded. The Job itself says so up to a second later: its controller counts in batches.
func (e Evidence) finished(o Object) bool {
	return o.Kind == "Job" && slices.ContainsFunc(e.pods(o), func(p Pod) bool { return p.Status.Phase == "Succeeded" })
}

// about are the events about an object with one of some reasons, the newest first. No reasons means all.
func (e Evidence) about(kind, name string, reasons ...string) []Event {
	var found []Event
	for _, v := range e.Events {
		if v.About.Kind == kind && v.About.Name == name && (len(reasons) == 0 || slices.Contains(reasons, v.Reason)) {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b Event) int { return b.at().Compare(a.at()) })
	return found
}

// ofPod are the events about a pod, without those about an earlier pod of the same name, as StatefulSets have.
func (e Evidence) ofPod(p Pod, reasons ...string) []Event {
	return slices.DeleteFunc(e.about("Pod", p.Metadata.Name, reasons...), func(v Event) bool {
		return v.About.UID != "" && v.About.UID != p.Metadata.UID
	})
}

// refusals are the events that say that a workload's pods can't even be created, unless one was created since.
func (e Evidence) refusals(o Object, pods []Pod) []Event {
	found := e.about(o.Kind, o.Metadata.Name, "FailedCreate")
	if o.Kind == "Deployment" {
		for _, v := range e.Events {
			hash, ok := strings.CutPrefix(v.About.Name, o.Metadata.Name+"-")
			if ok && v.About.Kind == "ReplicaSet" && v.Reason == "FailedCreate" && !strings.Contains(hash, "-") {
				found = append(found, v)
			}
		}
		slices.SortStableFunc(found, func(a, b Event) int { return b.at().Compare(a.at()) })
	}
	return slices.DeleteFunc(found, func(v Event) bool {
		return len(pods) > 0 && pods[0].Metadata.Created.After(v.at())
	})
}
