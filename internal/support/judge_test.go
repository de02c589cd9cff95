package support

import (
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
)

// plain are the top keys about which the record has nothing to say: they set what Sourcegraph's own files let everybody set.
var plain = []string{"url", "name", "containerPrefix", "size", "front", "ports", "network", "allServices", "workers", "git", "siteConfig", "codeHosts", "settings", "license",
	"tracing", "doctor", "backup", "report", "upgrades"}

// TestRules: every top key is judged, or said to be plain; every rule is for a key that there is, and a subject that the record has.
func TestRules(t *testing.T) {
	for _, k := range config.Root().Keys() {
		judged := slices.ContainsFunc(rules, func(r rule) bool { return r.key == k.Name || strings.HasPrefix(r.key, k.Name+".") })
		if judged == slices.Contains(plain, k.Name) {
			t.Errorf("%s: judged %v, and the list of plain keys says otherwise", k.Name, judged)
		}
	}
	r := reader()
	for _, rule := range rules {
		k := config.Root()
		for name := range strings.SplitSeq(rule.key, ".") {
			if k == nil {
				break
			}
			if name == "*" {
				k = k.Elem
			} else {
				k = k.Key(name)
			}
		}
		if k == nil {
			t.Errorf("%s: there is no such key", rule.key)
		}
		if r.index(rule.subject) < 0 {
			t.Errorf("%s: the record has no subject %s", rule.key, rule.subject)
		}
	}
}

// TestJudge: what is plainly supported is nothing to say; the rest is a line for each subject, with what exceptions allow and what an upgrade changes.
func TestJudge(t *testing.T) {
	const own = "patches:\n- {service: worker, compose: {privileged: false}}\n- {service: all, compose: {privileged: false}}\n- {service: caddy, compose: {privileged: false}}\n"
	grant := Grant{ID: "own", Subject: "changes", Releases: "<7.0"}
	for _, c := range []struct {
		name, text, running, release string
		grants                       []Grant
		want                         []string
	}{
		{"nothing to say", "databases: {pgsql: {external: {host: pg}}}\nimages: {registry: r.example.com}\n", "", "7.5.4453", nil, nil},
		{"patches", own, "", "7.5.4453", nil, []string{"patches.0 and 2 more: needs an exception"}},
		{"with guidance", "executors: {}\n", "", "7.5.4453", nil, []string{"executors: supported, with guidance"}},
		{"an exception", own, "", "6.12.0", []Grant{grant}, []string{"patches.0 and 2 more: allowed by the exception own"}},
		{"an exception that an upgrade ends", own, "6.12.0", "7.5.4453", []Grant{grant}, []string{"patches.0 and 2 more: needs an exception; the exception own ends with 6.12.0"}},
		{"a release without support", "release: 5.11.0\n", "", "5.11.0", nil, []string{"release: not supported"}},
		{"an exception that an upgrade makes needless", "release: 5.11.0\n", "5.11.0", "7.5.4453", []Grant{{ID: "old", Subject: "release", Releases: "<6.0"}},
			[]string{"release: supported; the exception old is no longer needed"}},
		{"nobody knows", "services: {gitserver: {volume: {nfs: {server: nfs, path: /a}}}}\n", "", "7.5.4453", nil, []string{"services.gitserver.volume.nfs: the support record does not know"}},
	} {
		doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\nurl: http://localhost\n"+c.text))
		if problems.Failed() {
			t.Fatalf("%s: %v", c.name, problems)
		}
		r := reader()
		r.Accept(c.grants)
		judged := r.Judge(doc, c.running, c.release)
		var got []string
		for _, j := range judged {
			got = append(got, j.Text)
			if j.Range.Line == 0 || len(j.Keys) == 0 {
				t.Errorf("%s: %s has no place", c.name, j.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, p := range Problems(judged) {
			if strings.Contains(p.Summary, "guidance") || strings.Contains(p.Summary, "allowed") {
				t.Errorf("%s: %q is no problem", c.name, p.Summary)
			}
		}
	}
}

// TestReleasesSupported: the record and the catalogue agree on which releases get support.
func TestReleasesSupported(t *testing.T) {
	r, known := reader(), catalogue.Embedded()
	for _, v := range known.Versions("") {
		f := r.findings(named{r.index("release"), ""}, v.Version)
		if agrees := (f[0].Status == catalogue.Supported) == (known.Support(v.Version).Status == "supported"); !agrees {
			t.Errorf("%s: the record says %s, the catalogue %s", v.Version, f[0].Status, known.Support(v.Version).Status)
		}
	}
}
