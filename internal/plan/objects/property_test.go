package objects

import (
	"slices"
	"testing"

	"berth/internal/plan"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// disorder changes live objects, desired objects and the API server's answers, in ways that people and clusters do.
func disorder(t *rapid.T, d *Desired, c *Cluster) {
	for i := range d.Objects {
		key := d.Objects[i].Key
		seen := c.Seen[key]
		switch rapid.IntRange(0, 12).Draw(t, key) {
		case 0:
			seen = Seen{}
		case 1:
			put(seen.Live, "x", "metadata", "labels", "deploy")
		case 2:
			seen.Applied = nil
			put(seen.Live, "x", "spec", "selector", "matchLabels", "app")
			seen.Refused = &Refusal{Status: 422, Message: "field is immutable"}
		case 3:
			seen.Applied = nil
			put(seen.Live, "10Ti", "spec", "resources", "requests", "storage")
		case 4:
			seen.Health = Health{}
		case 5:
			put(seen.Live, "now", "metadata", "deletionTimestamp")
		case 6:
			c.Unwanted = append(c.Unwanted, Unwanted{Key: key + "-old", Live: seen.Live})
		case 7:
			seen.Conflicts = []Owner{{".metadata.labels.deploy", "somebody"}}
		}
		c.Seen[key] = seen
	}
	c.Namespace = rapid.Bool().Draw(t, "namespace")
}

// part is a smaller instance for changes: every sixth object, and the objects that the order is about.
func part(d Desired, c Cluster) (Desired, Cluster) {
	some := d
	some.Objects = nil
	seen := map[string]Seen{}
	for i, o := range d.Objects {
		if i%6 != 0 && !slices.Contains([]string{"StatefulSet/pgsql", "StatefulSet/gitserver", "Job/migrator", "Namespace/sg", "PersistentVolumeClaim/pgsql"}, o.Key) {
			continue
		}
		some.Objects = append(some.Objects, o)
		s := c.Seen[o.Key]
		s.Live, s.Applied = clone(s.Live), clone(s.Applied)
		seen[o.Key] = s
	}
	c.Seen = seen
	return some, c
}

func TestWhateverTheClusterIs(t *testing.T) {
	whole, all := instance(t)
	rapid.Check(t, func(r *rapid.T) {
		d, c := part(whole, all)
		disorder(r, &d, &c)
		p, problems := Difference(d, c)
		mentioned := map[string]bool{}
		for _, s := range problems {
			mentioned[s.Subject] = true
		}
		for i, s := range p.Steps {
			if s.ID != i+1 || slices.ContainsFunc(s.After, func(id int) bool { return id >= s.ID || id < 1 }) {
				r.Fatalf("step %d comes before what it needs: %v", s.ID, s.After)
			}
			if v := s.Verb; (v == plan.Remove || v == plan.Delete || v == plan.Recreate || v == plan.Orphan) && slices.Contains(stays, kindOf(s.Object)) {
				r.Fatalf("%s %s: there is data in it", v, s.Object)
			}
			if s.Verb == plan.Remove && slices.ContainsFunc(p.Steps[i:], func(o plan.Step) bool { return o.Verb != plan.Remove }) {
				r.Fatalf("%s is removed before all the rest is done", s.Object)
			}
			mentioned[s.Object] = true
		}
		for _, key := range p.Unchanged {
			mentioned[key] = true
		}
		for _, o := range d.Objects {
			if !mentioned[o.Key] {
				r.Fatalf("the plan says nothing about %s", o.Key)
			}
		}
		again, _ := Difference(d, c)
		if p.ID() != again.ID() {
			r.Fatal("the same cluster gives another plan")
		}
	})
}

func TestNothingToDoOnceApplied(t *testing.T) {
	d, c := instance(t)
	for key, seen := range c.Seen {
		// Additions by the API server and controllers are no difference, with a dry run and without.
		put(seen.Live, "3", "metadata", "annotations", "deployment.kubernetes.io/revision")
		if podsOf(seen.Live) != nil {
			put(seen.Live, "Always", "spec", "template", "spec", "restartPolicy")
		}
		seen.Applied = nil
		c.Seen[key] = seen
	}
	p, problems := Difference(d, c)
	if text := text(p, problems); text != "" || len(p.Unchanged) != len(d.Objects) {
		t.Error(text)
	}
}

func TestBasis(t *testing.T) {
	d, c := instance(t)
	before, _ := Difference(d, c)
	for _, tt := range []struct {
		name   string
		stale  bool
		change change
	}{
		{"another version of an object", false, see("Deployment/worker", func(s *Seen) { put(s.Live, "99", "metadata", "resourceVersion") })},
		{"its status", false, see("Deployment/worker", func(s *Seen) { put(s.Live, 0.0, "status", "readyReplicas") })},
		{"its health", false, see("Deployment/worker", func(s *Seen) { s.Health = Health{Ready: false} })},
		{"a note of a controller", false, see("Deployment/worker", func(s *Seen) { put(s.Live, "4", "metadata", "annotations", "deployment.kubernetes.io/revision") })},
		{"what an autoscaler sets", true, byHand("Deployment/worker", "keda", 5.0, "spec", "replicas")},
		{"recreated", true, see("Deployment/worker", func(s *Seen) { put(s.Live, "other", "metadata", "uid") })},
		{"a field", true, see("Deployment/worker", func(s *Seen) { put(s.Live, 9.0, "spec", "minReadySeconds") })},
		{"a secret", true, see("Secret/pgsql-auth", func(s *Seen) { put(s.Live, "eA==", "data", "password") })},
		{"a claim that grew", true, claims("1Gi", "", "repos-gitserver-0")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, c := instance(t)
			tt.change(&d, &c)
			after, _ := Difference(d, c)
			if stale := len(plan.Stale(before.Basis, after.Basis)) > 0; stale != tt.stale {
				t.Errorf("stale: %v", stale)
			}
		})
	}
	// After it is known that an autoscaler sets the number, another number makes no difference.
	d, c = instance(t)
	byHand("Deployment/worker", "keda", 5.0, "spec", "replicas")(&d, &c)
	five, _ := Difference(d, c)
	see("Deployment/worker", func(s *Seen) { put(s.Live, 6.0, "spec", "replicas") })(&d, &c)
	six, _ := Difference(d, c)
	if diff := cmp.Diff(five.Basis, six.Basis); diff != "" {
		t.Error(diff)
	}
}

func TestFirstDeployWaitsInOrder(t *testing.T) {
	d, c := instance(t)
	c = Cluster{Seen: map[string]Seen{}}
	for _, o := range d.Objects {
		c.Seen[o.Key] = Seen{Soon: true}
	}
	p, problems := Difference(d, c)
	if len(problems) > 0 || len(p.Steps) != len(d.Objects)+1 {
		t.Fatalf("%d steps, %v", len(p.Steps), problems)
	}
	at := map[string]int{}
	for _, s := range p.Steps {
		at[s.Object] = s.ID
		if s.Effect != plan.None {
			t.Errorf("%s has the effect %s, but nothing runs yet", s.Object, s.Effect)
		}
	}
	order := []string{"Namespace/sg", "ConfigMap/pgsql-conf", "StatefulSet/pgsql", "Job/migrator", "Deployment/sourcegraph-frontend"}
	for i := range order[1:] {
		if at[order[i]] == 0 || at[order[i]] > at[order[i+1]] {
			t.Errorf("%s is not before %s", order[i], order[i+1])
		}
	}
	if why := p.Steps[at["Service/gitserver"]-1].Why; len(why) != 1 || why[0].Text != "(its namespace does not exist yet)" {
		t.Error(why)
	}
}

// TestPatientStartAtOnce: what waits for the migrator by itself starts beside it, unless a frontend runs that it would reach before.
func TestPatientStartAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		lost []string // objects that don't exist
		want bool
	}{
		{"nothing runs", []string{"Deployment/sourcegraph-frontend", "StatefulSet/gitserver"}, true},
		{"a frontend runs", []string{"StatefulSet/gitserver"}, false},
		{"it runs itself", []string{"Deployment/sourcegraph-frontend"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, c := instance(t)
			see("StatefulSet/gitserver", func(s *Seen) { put(s.Applied, 9.0, "spec", "minReadySeconds") })(&d, &c)
			for _, key := range append(tt.lost, "Job/migrator") {
				c.Seen[key] = Seen{}
			}
			p, problems := Difference(d, c)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			ids := map[string]int{}
			for _, s := range p.Steps {
				ids[s.Object] = s.ID
			}
			gitserver, migrator := p.Steps[ids["StatefulSet/gitserver"]-1], ids["Job/migrator"]
			if beside, after := slices.Contains(gitserver.Beside, migrator), slices.Contains(gitserver.After, migrator); beside != tt.want || after == tt.want {
				t.Errorf("after the migrator %v, beside it %v", after, beside)
			}
			if i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Object == "Deployment/sourcegraph-frontend" }); i >= 0 && !slices.Contains(p.Steps[i].After, migrator) {
				t.Error("the frontend does not wait for the migrator")
			}
		})
	}
}

func TestYieldedIsExact(t *testing.T) {
	d, c := instance(t)
	// One name is the beginning of the other.
	byHand("Deployment/worker", "somebody", "x", "metadata", "labels", "app.kubernetes.io")(&d, &c)
	want("Deployment/worker", func(o *Object) { put(o.Body, "y", "metadata", "labels", "app.kubernetes.io") })(&d, &c)
	want("Deployment/worker", func(o *Object) { put(o.Body, "z", "metadata", "labels", "app.kubernetes.io/name") })(&d, &c)
	d.Rules = []Rule{{"*", "metadata.labels.app.kubernetes.io", plan.Yield}}
	p, _ := Difference(d, c)
	if len(p.Steps) != 1 || len(p.Steps[0].Changes) != 1 || p.Steps[0].Changes[0].Field != "metadata.labels.app.kubernetes.io/name" {
		t.Error(text(p, nil))
	}
	if fields := p.Yielded("Deployment/worker"); !slices.Equal(fields, []string{"metadata.labels.app.kubernetes.io"}) {
		t.Error(fields)
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"Deployment/*", "Deployment/worker", true}, {"*", "", true}, {"spec.replicas", "spec.replicas", true}, {"spec.replicas", "spec.replicasX", false},
		{"spec.*.cpu", "spec.template.limits.cpu", true}, {"a*a", "a", false}, {"*b*d", "abcd", true}, {"*b*d", "abdc", false},
	} {
		if got := matches(tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.text, got)
		}
	}
}
