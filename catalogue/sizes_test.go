package catalogue

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSizes: of every size what is larger is larger, and every service is one of Sourcegraph's.
func TestSizes(t *testing.T) {
	s := Embedded().Sizing()
	known := Embedded().Describe()
	for i, z := range s.Sizes {
		for name := range z.Services {
			if _, ok := known[name]; !ok {
				t.Errorf("%s: there is no service %s", z.Name, name)
			}
		}
		if i == 0 {
			continue
		}
		before := s.Sizes[i-1]
		if z.People <= before.People || z.Repositories <= before.Repositories || z.Cores <= before.Cores || z.Memory <= before.Memory {
			t.Errorf("%s is not larger than %s", z.Name, before.Name)
		}
		for name, n := range before.Services {
			if m := z.Services[name]; m.CPU < n.CPU || m.Memory < n.Memory || m.Replicas < n.Replicas {
				t.Errorf("%s of %s is smaller than of %s: %+v, %+v", name, z.Name, before.Name, m, n)
			}
		}
	}
}

// TestSizeFor: the size is enough, and the one below is not; the larger of the two numbers decides.
func TestSizeFor(t *testing.T) {
	s := Embedded().Sizing()
	rapid.Check(t, func(t *rapid.T) {
		people, repositories := rapid.IntRange(1, 60000).Draw(t, "people"), rapid.IntRange(1, 600000).Draw(t, "repositories")
		size, beyond := s.For(people, repositories)
		last := s.Sizes[len(s.Sizes)-1]
		if enough := people <= size.People && repositories <= size.Repositories; enough == beyond {
			t.Fatalf("%s for %d people and %d repositories, beyond %v", size.Name, people, repositories, beyond)
		}
		if beyond && size.Name != last.Name {
			t.Fatalf("beyond all sizes, and %s is not the largest", size.Name)
		}
		for _, z := range s.Sizes {
			if z.People < size.People && people <= z.People && repositories <= z.Repositories {
				t.Fatalf("%s is enough, but it is %s", z.Name, size.Name)
			}
		}
	})
	if size, _ := s.For(1000, 80000); size.Name != "L" { // the pages of Sourcegraph contradict each other here; the table says L
		t.Errorf("1,000 people with 80,000 repositories: %s", size.Name)
	}
}

// TestNeedOn: one machine has all instances in one.
func TestNeedOn(t *testing.T) {
	n := Need{CPU: 6, Memory: 16, Replicas: 2}
	if n.On(Kubernetes) != n || n.On(Compose) != (Need{CPU: 12, Memory: 32}) {
		t.Errorf("%+v, %+v", n.On(Kubernetes), n.On(Compose))
	}
}
