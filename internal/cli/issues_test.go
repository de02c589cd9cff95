package cli

import (
	"strings"
	"testing"
)

// TestKnownIssuesBesideAConfig: a newer list that the publisher signed counts for the doctor and for upgrades. One that anybody changed does not.
func TestKnownIssuesBesideAConfig(t *testing.T) {
	signer, l := publishing(t), newLife(t, "compose", "7.4.0")
	says := func(out string, all ...string) {
		t.Helper()
		out = strings.Join(strings.Fields(out), " ")
		for _, one := range all {
			if without, no := strings.CutPrefix(one, "!"); no == strings.Contains(out, strings.TrimPrefix(one, "!")) {
				t.Errorf("says %q: %v\n%s", without, !no, out)
			}
		}
	}
	config := l.file() + "services: {worker: {env: {MOON: full}}}\n"
	l.write(config)
	l.must(0, "up")

	list := `read: "2100-01-01"
issues:
- {id: moon, title: the moon is full, releases: ">=7.5 <7.6", pauses: true, says: Tides., do: "write  MOON: new", source: "https://example.com/moon", when: {keys: [services.worker.env.MOON], database: bundled, postgres: "<99"}}
- {id: sun, title: the sun shines, releases: ">=7.4 <7.5", says: Light., do: close the curtains, source: "https://example.com/sun", when: {database: bundled}}
- {id: fog, title: fog comes up, releases: ">=7.5", from: "<7.5", says: Mist., do: use a horn, source: "https://example.com/fog"}
- {id: rain, title: it rains, releases: ">=7.4", says: Water., do: take an umbrella, source: "https://example.com/rain", when: {database: external}}
`
	l.signed("known-issues.yaml", list, signer)
	says(l.must(0, "catalogue", "issues"), "known issues of 2100-01-01, known-issues.yaml", "moon: the moon is full", "the config has services.worker.env.MOON")
	says(l.must(0, "doctor", "BERTH5078"), "sun: known issue of 7.4.0: the sun shines", "close the curtains", "!rain", "!moon")
	says(l.must(3, "upgrade", "--yes", "--to", "7.5"), "BERTH3759", "is paused: the moon is full", "https://example.com/moon", "write MOON: new")
	says(l.must(0, "status"), "7.4.0")

	l.write(config + "doctor: {mute: [{code: BERTH3759, subject: moon, reason: it wanes, until: '2100-01-01'}]}\n")
	says(l.must(2, "upgrade", "--plan", "--to", "7.5"), "is paused: the moon is full", "muted: it wanes", "known issue of the upgrade to 7.5", "fog comes up", "use a horn")
	l.write(strings.ReplaceAll(config, "MOON: full", "SUN: up"))
	says(l.must(2, "upgrade", "--plan", "--to", "7.5"), "!BERTH3759")

	l.beside("known-issues.yaml", strings.ReplaceAll(list, "the sun", "the Sun"))
	says(l.must(0, "doctor", "BERTH5078"), "!sun")
	says(l.must(0, "doctor", "BERTH5094"), "BERTH4701", "known-issues.yaml is not trusted")
	says(l.must(0, "catalogue", "issues"), "built in", "BERTH4701", "mesh-trailers: the service mesh takes")
}
