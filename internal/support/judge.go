package support

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/plan"
)

// rule says that a key of a config is about a subject of the record.
type rule struct {
	key     string // as config.Doc has it; * stands for a name or a number
	subject string
	when    func(*config.Config) bool // nil: whenever the key is set
}

// rules are all keys about which the record says something. A test holds them beside all keys that there are.
var rules = []rule{
	{"target", "compose", func(c *config.Config) bool { return c.On == catalogue.Compose }},
	{"target", "kubernetes", func(c *config.Config) bool { return c.On == catalogue.Kubernetes }},
	{"release", "release", nil},
	{"tls", "certificates", nil},
	{"tls.external", "ingress", func(c *config.Config) bool { return c.TLS.External }},
	{"services.*.sidecars", "changes", nil},
	{"services.*.volume.nfs", "nfs", nil},
	{"services.*.instances.*.volume.nfs", "nfs", nil},
	{"containers.*", "changes", nil},
	{"databases.*.external", "postgres", nil},
	{"databases.*.external.auth", "database-iam", signsIn(config.AuthAWSIAM)},
	{"databases.*.external.ca", "database-tls", nil},
	{"redis.*.external", "redis", nil},
	{"objectStorage", "s3", func(c *config.Config) bool { return c.ObjectStorage.Backend == "s3" }},
	{"objectStorage", "gcs", func(c *config.Config) bool { return c.ObjectStorage.Backend == "gcs" }},
	{"images.registry", "private-registry", nil},
	{"certificateAuthorities", "certificates", nil},
	{"proxy", "proxy", nil},
	{"executors", "executors", nil},
	{"kubernetes.mesh", "mesh", nil},
	{"kubernetes.clusterScoped", "clusterless", func(c *config.Config) bool { return c.Kubernetes.ClusterScoped != nil && !*c.Kubernetes.ClusterScoped }},
	{"kubernetes.networkPolicy", "network-policies", func(c *config.Config) bool { return c.Kubernetes.NetworkPolicy }},
	{"kubernetes.podSecurity", "pod-security", nil},
	{"kubernetes.openshift", "openshift", func(c *config.Config) bool { return c.Kubernetes.OpenShift }},
	{"kubernetes.singleNode", "small-kubernetes", func(c *config.Config) bool { return c.Kubernetes.SingleNode }},
	{"kubernetes.objects", "changes", nil},
	{"patches.*", "changes", nil},
}

func signsIn(auth string) func(*config.Config) bool {
	return func(c *config.Config) bool {
		for _, db := range c.Databases {
			if db.External != nil && db.External.Auth == auth {
				return true
			}
		}
		return false
	}
}

// need is a subject that a config needs, and the keys that ask for it.
type need struct {
	subject string
	keys    []string
}

// needs are what a config needs of the record.
func needs(doc *config.Doc) (out []need) {
	for _, r := range rules {
		keys := doc.Matching(r.key)
		if len(keys) == 0 || r.when != nil && !r.when(doc.Config) {
			continue
		}
		if i := slices.IndexFunc(out, func(n need) bool { return n.subject == r.subject }); i >= 0 {
			out[i].keys = append(out[i].keys, keys...)
			continue
		}
		out = append(out, need{r.subject, keys})
	}
	return out
}

// Config answers for each subject that a config needs. Where an exception covers some of its keys, and nothing beside them, the others have an answer of
// their own.
func (r *Reader) Config(doc *config.Doc, release string) (out []Answer) {
	for _, n := range needs(doc) {
		i := r.index(n.subject)
		if i < 0 {
			continue // a record of another day may not have it
		}
		findings := r.findings(named{i, ""}, release)
		if len(findings) == 0 {
			continue
		}
		for _, a := range r.parted(doc, n.keys, findings[0], release) {
			a.Question, a.Release, a.Findings = few(a.Keys), release, slices.Clone(findings)
			a.Verdict = r.verdict(&a)
			out = append(out, a)
		}
	}
	return out
}

// parted are keys in groups: those that one exception covers, and those that none does.
func (r *Reader) parted(doc *config.Doc, keys []string, f Finding, release string) (out []Answer) {
	at := map[string]int{}
	for _, key := range keys {
		name := lasting(doc.Config, key)
		by := r.granted(f, release, []string{name})
		i, ok := at[by]
		if !ok {
			i, at[by] = len(out), len(out)
			out = append(out, Answer{})
		}
		out[i].Keys, out[i].names = append(out[i].Keys, key), append(out[i].names, name)
	}
	return out
}

// lasting is the name of a key that stays when lines are added above it: patches.cadvisor of patches.0.
func lasting(c *config.Config, key string) string {
	number, is := strings.CutPrefix(key, "patches.")
	n, err := strconv.Atoi(number)
	if !is || err != nil || n < 0 || n >= len(c.Patches) {
		return key
	}
	return "patches." + cmp.Or(c.Patches[n].Service, "project")
}

// few names the first of some keys, and how many more there are.
func few(keys []string) string {
	if len(keys) < 3 {
		return diag.Listed(keys, "and")
	}
	return fmt.Sprintf("%s and %d more", keys[0], len(keys)-1)
}

// Judge is what the record says of a config in a release, but for what is plainly supported: a line each. running is the release that runs, "" for
// none; where it is another one, what an upgrade changes is said, too.
func (r *Reader) Judge(doc *config.Doc, running, release string) (out []plan.Judged) {
	before := map[string]Finding{}
	if running != "" && running != release {
		for _, a := range r.Config(doc, running) {
			for _, key := range a.Keys {
				before[a.Findings[0].Subject+" "+key] = a.Findings[0]
			}
		}
	}
	for _, a := range r.Config(doc, release) {
		f := a.Findings[0]
		was, upgraded := before[f.Subject+" "+a.Keys[0]]
		for _, key := range a.Keys { // one that an exception allowed says the most
			if b := before[f.Subject+" "+key]; b.Exception != "" {
				was = b
			}
		}
		j := plan.Judged{Keys: a.Keys, Subject: f.Subject, Status: f.Status, Exception: f.Exception, Text: a.Question + ": " + words(f), Range: doc.Near(a.Keys[0])}
		j.Range.Excerpt = "" // one line says it
		ends := upgraded && was.Exception != "" && f.Exception == ""
		switch {
		case ends && slices.Contains(allowable, f.Status):
			j.Text += "; the exception " + was.Exception + " ends with " + running
		case ends:
			j.Text += "; the exception " + was.Exception + " is no longer needed"
		case f.Status == catalogue.Supported && f.coming() == "":
			continue
		case upgraded && was.Status != f.Status:
			j.Text += "; in " + running + ": " + words(was)
		}
		out = append(out, j)
	}
	return out
}

// words say how far something is supported, and of a way to deploy where its life is and where it leads.
func words(f Finding) string {
	if f.Exception != "" {
		return "allowed by the exception " + f.Exception
	}
	says := statusWords(f.Status)
	if stage, _ := f.Life.Of(f.Stage); stage != nil && f.Status != catalogue.Supported {
		says += ", " + string(stage.Stage) + " since " + stage.When()
	}
	says += f.coming()
	if f.WayOff != nil && f.Status != catalogue.Supported {
		says += "; the way off: " + f.WayOff.Says
	}
	return says
}

// coming says which stage of a life comes next; "" where none is known.
func (f Finding) coming() string {
	if _, next := f.Life.Of(f.Stage); next != nil {
		return "; " + string(next.Stage) + " from " + next.When()
	}
	return ""
}

func statusWords(s catalogue.SupportStatus) string {
	return map[catalogue.SupportStatus]string{catalogue.Supported: "supported", catalogue.Guidance: "supported, with guidance", catalogue.Deprecated: "deprecated",
		catalogue.Exception: "needs an exception", catalogue.Unsupported: "not supported", catalogue.Unknown: "the support record does not know"}[s]
}

// speaks are the codes of what speaks against a part of a config.
var speaks = map[catalogue.SupportStatus]string{catalogue.Deprecated: "BERTH4821", catalogue.Exception: "BERTH4822", catalogue.Unknown: "BERTH4823", catalogue.Unsupported: "BERTH4824"}

// Problems are warnings of what speaks against a part of a config, and is not allowed by an exception. Of the release itself the doctor says it, who
// knows which one runs.
func Problems(judged []plan.Judged) (problems diag.List) {
	for _, j := range judged {
		if code := speaks[j.Status]; code != "" && j.Exception == "" && j.Subject != "release" {
			problems = append(problems, diag.Diagnostic{Code: code, Severity: diag.Warning, Summary: j.Text, Range: j.Range, Hint: "see why: berth support show " + j.Subject})
		}
	}
	return problems
}

// PastItsLife refuses a new installation in a way that is not supported any more, unless an exception allows it. One that is there already goes on, and its
// plans say the way off.
func PastItsLife(all []plan.Judged) (out diag.List) {
	for _, j := range all {
		if slices.Contains(j.Keys, "target") && j.Status == catalogue.Unsupported && j.Exception == "" {
			out = append(out, diag.Diagnostic{Code: "BERTH4825", Severity: diag.Error, Range: j.Range, Subject: "target", Summary: "Sourcegraph no longer supports new installations of this kind", Detail: []string{j.Text},
				Hint: "see the supported options: berth support options"})
		}
	}
	return out
}
