// Package health says which objects of an installation are ready in a cluster, and why the others are not: from the objects themselves,
// their pods, and the events about these. Judging is pure; a Watcher fetches what is judged.
//
//	objects ──> Ready ──> how ready each is
//	objects + pods + claims + events ──> Diagnose ──> why it is not ready, and whether waiting will help
package health

import "time"

// Object has the parts of a workload, or of another kind with readiness, that are judged.
type Object struct {
	Kind     string   `json:"kind"`
	Metadata Metadata `json:"metadata"`
	Spec     struct {
		Replicas       *int   `json:"replicas"` // nil is 1
		Paused         bool   `json:"paused"`
		Suspend        bool   `json:"suspend"`
		MinReady       int    `json:"minReadySeconds"`
		Type           string `json:"type"` // of a Service
		UpdateStrategy struct {
			Type          string `json:"type"`
			RollingUpdate struct {
				Partition int `json:"partition"`
			} `json:"rollingUpdate"`
		} `json:"updateStrategy"`
		Template struct {
			Spec struct {
				Containers []probed `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
		StorageClass *string `json:"storageClassName"` // of a claim; nil: there is no default class
	} `json:"spec"`
	Status struct {
		Observed   int64       `json:"observedGeneration"`
		Conditions []Condition `json:"conditions"`

		Replicas       int    `json:"replicas"`
		Ready          int    `json:"readyReplicas"`
		Updated        int    `json:"updatedReplicas"`
		Available      int    `json:"availableReplicas"`
		UpdateRevision string `json:"updateRevision"`

		Desired          int `json:"desiredNumberScheduled"`
		UpdatedScheduled int `json:"updatedNumberScheduled"`
		NumberAvailable  int `json:"numberAvailable"`
		NumberReady      int `json:"numberReady"`

		Active int `json:"active"`
		Failed int `json:"failed"`

		Phase        string `json:"phase"`
		LoadBalancer struct {
			Ingress []struct{} `json:"ingress"`
		} `json:"loadBalancer"`
	} `json:"status"`
}

// probed is a container's probe of its readiness.
type probed struct {
	Readiness *struct{} `json:"readinessProbe"`
}

// Metadata has the parts of the metadata of objects that are read.
type Metadata struct {
	Name       string            `json:"name"`
	UID        string            `json:"uid"`
	Generation int64             `json:"generation"`
	Created    time.Time         `json:"creationTimestamp"`
	Deleted    *time.Time        `json:"deletionTimestamp"`
	Labels     map[string]string `json:"labels"`
	Owners     []struct {
		Kind       string `json:"kind"`
		Name       string `json:"name"`
		UID        string `json:"uid"`
		Controller bool   `json:"controller"`
	} `json:"ownerReferences"`
}

// Condition is a condition of an object or pod.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// condition finds a condition with a status.
func condition(list []Condition, kind, status string) (Condition, bool) {
	for _, c := range list {
		if c.Type == kind && c.Status == status {
			return c, true
		}
	}
	return Condition{}, false
}

// Pod is a pod.
type Pod struct {
	Metadata Metadata `json:"metadata"`
	Spec     struct {
		Node    string `json:"nodeName"`
		Volumes []struct {
			Claim struct {
				Name string `json:"claimName"`
			} `json:"persistentVolumeClaim"`
		} `json:"volumes"`
	} `json:"spec"`
	Status struct {
		Phase      string            `json:"phase"`
		Reason     string            `json:"reason"`
		Message    string            `json:"message"`
		Conditions []Condition       `json:"conditions"`
		Init       []ContainerStatus `json:"initContainerStatuses"`
		Containers []ContainerStatus `json:"containerStatuses"`
	} `json:"status"`
}

// ContainerStatus is the state of a container of a pod.
type ContainerStatus struct {
	Name     string         `json:"name"`
	Image    string         `json:"image"`
	Ready    bool           `json:"ready"`
	Restarts int            `json:"restartCount"`
	State    ContainerState `json:"state"`
	Last     ContainerState `json:"lastState"` // before its last restart
}

// ContainerState is one of three.
type ContainerState struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Running    *struct{} `json:"running"`
	Terminated *Ending   `json:"terminated"`
}

// Ending is how a container ended.
type Ending struct {
	Exit     int       `json:"exitCode"`
	Reason   string    `json:"reason"` // "OOMKilled", "Error", "Completed"
	Message  string    `json:"message"`
	Finished time.Time `json:"finishedAt"`
}

// Event is the cluster's message about an object.
type Event struct {
	About struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"involvedObject"`
	Reason   string     `json:"reason"`
	Message  string     `json:"message"`
	Count    int        `json:"count"`
	Last     *time.Time `json:"lastTimestamp"`
	Time     *time.Time `json:"eventTime"`
	Metadata Metadata   `json:"metadata"`
	Series   *struct {
		Count int       `json:"count"`
		Last  time.Time `json:"lastObservedTime"`
	} `json:"series"`
}

// at is its last time. Which field has it depends on the reporting component.
func (e Event) at() time.Time {
	switch {
	case e.Series != nil && !e.Series.Last.IsZero():
		return e.Series.Last
	case e.Last != nil && !e.Last.IsZero():
		return *e.Last
	case e.Time != nil && !e.Time.IsZero():
		return *e.Time
	}
	return e.Metadata.Created
}

// times is how often it was reported.
func (e Event) times() int {
	if e.Series != nil {
		return max(e.Series.Count, e.Count, 1)
	}
	return max(e.Count, 1)
}
