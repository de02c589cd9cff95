package catalogue

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// TestRelations: every entry names services and variables in the right form, and has a source.
func TestRelations(t *testing.T) {
	c := Embedded()
	services := c.Describe()
	known := func(where string, names ...string) {
		for _, name := range names {
			if services[name].Does == "" {
				t.Errorf("%s: there is no service %q", where, name)
			}
		}
	}
	r := c.Relations()
	for name, off := range r.Off {
		known("off", append(off.With, name)...)
		for _, set := range off.Set {
			known("off."+name, set.On...)
		}
		if off.Source == "" {
			t.Errorf("off.%s has no source", name)
		}
	}
	for _, e := range r.Refused {
		where := strings.Join(e.Variables, ", ")
		known(where, e.On...)
		if e.Source == "" || e.Reason == "" || len(e.Variables) == 0 {
			t.Errorf("%s lacks a source or a reason", where)
		}
		for _, pattern := range e.Variables {
			if _, err := path.Match(pattern, ""); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	for name, d := range r.Stores.Postgres.Databases {
		known("stores.postgres."+name, append(d.Clients, name, d.Exporter)...)
	}
	for name, s := range r.Stores.Redis {
		known("stores.redis."+name, append(s.Clients, name)...)
	}
	for _, u := range r.Stores.ObjectStorage {
		known("stores.objectStorage."+u.Prefix, u.Clients...)
	}
	for name, needs := range r.Needs {
		known("needs", append(needs, name)...)
	}
	if all := r.NeededBy(); !slices.Contains(all["sourcegraph-frontend"], "pgsql") || !slices.Contains(all["worker"], "redis-store") {
		t.Errorf("needed by: %v", all)
	}
	for name, o := range r.Outside {
		known("outside", name)
		if len(o.HTTP) == 0 {
			t.Errorf("outside.%s talks to nobody through a proxy", name)
		}
	}
	for _, e := range r.Unused {
		known("unused", e.Leads...)
	}
}

// TestRefuses: patterns, services, and the key that allows a variable decide.
func TestRefuses(t *testing.T) {
	r := Embedded().Relations()
	external := func(key string) bool { return key == "databases.pgsql.external" }
	none := func(string) bool { return false }
	for _, c := range []struct {
		service, variable string
		has               func(string) bool
		key               string
		refused           bool
	}{
		{"sourcegraph-frontend", "SRC_AUTOUPGRADE", none, "upgrades", true},
		{"worker", "PRECISE_CODE_INTEL_UPLOAD_BUCKET", none, "objectStorage", true},
		{"worker", "PRECISE_CODE_INTEL_UPLOAD_TTL", none, "", false},
		{"zoekt-webserver", "HOSTNAME", none, "", true},
		{"gitserver", "HOSTNAME", none, "", false},
		{"sourcegraph-frontend", "PGDATASOURCE", none, "databases.pgsql.external", true},
		{"sourcegraph-frontend", "PGDATASOURCE", external, "", false},
		{"sourcegraph-frontend", "GRAFANA_SERVER_URL", none, "", false},
	} {
		e := r.Refuses(c.service, c.variable, c.has)
		if (e != nil) != c.refused || e != nil && e.Key != c.key {
			t.Errorf("%s of %s: %+v", c.variable, c.service, e)
		}
	}
}

// TestEveryAddressIsDecidedAbout: each variable of a release with the address of a service is refused, or free to set.
func TestEveryAddressIsDecidedAbout(t *testing.T) {
	c, met := Embedded(), 0
	none := func(string) bool { return false }
	for minor := range c.index().Manifests {
		for _, target := range []Target{Compose, Kubernetes} {
			version := c.highest(minor, target)
			if version == "" {
				continue
			}
			r, err := c.Release(version, target)
			if err != nil {
				t.Fatal(err)
			}
			decided := func(service, variable string) {
				met++
				free := slices.ContainsFunc(r.Relations.Free, func(f Free) bool { return matches(f.Variables, variable) })
				if refused := r.Relations.Refuses(service, variable, none) != nil; refused == free {
					t.Errorf("%s on %s: %s of %s has a service's address; it is refused: %v, free: %v", version, target, variable, service, refused, free)
				}
			}
			leads := r.Leads()
			for name, s := range r.Services {
				switch {
				case s.Compose != nil:
					for variable, value := range s.Compose.Env {
						items := []string{value.Text}
						for _, item := range value.Items {
							items = append(items, item.Text)
						}
						if slices.ContainsFunc(items, func(text string) bool { return len(leads.To(text)) > 0 }) {
							decided(name, variable)
						}
					}
				default:
					for service, variables := range s.Kubernetes.Container.Leads {
						for _, variable := range variables {
							if service != name {
								decided(name, variable)
							}
						}
					}
				}
			}
		}
	}
	if met < 1000 {
		t.Errorf("only %d addresses", met)
	}
}

// TestStrays: each image that is not of its release is explained, and each explanation is of an image.
func TestStrays(t *testing.T) {
	c := Embedded()
	strays, err := c.Strays()
	if err != nil {
		t.Fatal(err)
	}
	r, met := c.Relations(), map[*Misplaced]int{}
	for _, s := range strays {
		m := r.misplaced(s.Image, s.Tag, s.Release, s.Target)
		if m == nil {
			t.Errorf("%v: nobody explains it", s)
			continue
		}
		if len(m.Instead) == 0 || s.Target == Compose {
			met[m]++
		}
	}
	for i := range r.Images {
		m := &r.Images[i]
		if want := len(m.Instead); met[m] == 0 || want > 0 && met[m] != want {
			t.Errorf("%s:%v is met %d times", m.Image, m.Tags, met[m])
		}
		if _, err := path.Match(m.Image, ""); err != nil || m.Reason == "" || m.Source == "" {
			t.Errorf("%s: %v, or there is no reason or source", m.Image, err)
		}
	}
	for _, version := range []string{"7.5.4453", "7.5.0"} { // of the fast form, and of a manifest
		release, err := c.Release(version, Compose)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"executor", "jaeger-all-in-one"} {
			if _, tag := tagOf(release.Images[name]); tag != version {
				t.Errorf("%s runs %s", version, release.Images[name])
			}
		}
	}
}
