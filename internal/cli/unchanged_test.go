package cli

import (
	"encoding/json"
	"testing"

	"berth/catalogue"
)

// TestNobodyChangesAReleaseOfTheCatalogue: a release is loaded once and shared, so that whoever deploys, upgrades and renders must leave it alone.
func TestNobodyChangesAReleaseOfTheCatalogue(t *testing.T) {
	releases := []string{"6.0.0", "7.5.4453"}
	for on, target := range map[string]catalogue.Target{"compose": catalogue.Compose, "kubernetes": catalogue.Kubernetes} {
		as := func() (texts []string) {
			for _, version := range releases {
				release, err := catalogue.Embedded().Release(version, target)
				if err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(release)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
			return texts
		}
		before := as()
		l := newLife(t, on, "6.0.0")
		l.write(l.file() + "services: {gitserver: {replicas: 2, memory: 5Gi}, worker: {env: {LOG_LEVEL: debug}}}\n")
		l.must(0, "up")
		l.must(0, "upgrade", "--yes", "--to", "7.5.4453")
		l.must(0, "rollback", "--yes")
		l.must(0, "render", "--out", "out")
		for i, after := range as() {
			if len(after) < 10_000 || after != before[i] {
				t.Errorf("%s on %s is another one: %d bytes, before %d", releases[i], on, len(after), len(before[i]))
			}
		}
	}
}
