// Package check finds errors in a config's meaning: by itself, for its release, and in the environment that it refers to. Package config
// checks its form. Rules are independent of each other, and all problems are reported at once, each with its place and what to do.
//
// One package because rules are small, many and alike: they share one checker, one order and one set of golden messages. Each file has the
// rules of one group of keys.
package check

import (
	"cmp"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/contents"
	"berth/internal/diag"
)

// World is the environment that a config refers to. File names are as in the config.
type World struct {
	ReadFile  func(name string) ([]byte, error)
	Stat      func(name string) (fs.FileInfo, error)
	Getenv    func(name string) string
	Now       func() time.Time
	Catalogue *catalogue.Catalogue // says which release added or dropped a service; nil: messages don't say it

	// Program runs a reader of a file, such as ssh-keygen, where this machine has it; nil: only the rules of package contents count.
	Program contents.Program

	// Referring says that what is made of the config only refers to secrets on Kubernetes: their values need not be here.
	Referring bool
	// Alone says that only the file is checked, somewhere else than where it is used: values of secrets need not be here.
	Alone bool
}

// Read reads a config, finds its release, and checks both. It checks the meaning even where the form has problems, so that all problems are
// reported at once.
func Read(file string, data []byte, cat *catalogue.Catalogue, world World) (*config.Doc, *catalogue.Release, diag.List) {
	doc, problems := config.Load(file, data)
	release, more := Release(doc, cat)
	problems = withoutEchoes(slices.Concat(problems, more, meaning(doc, release, world)))
	problems.Sort()
	return doc, release, problems
}

// meaning checks a config's meaning, by itself and in its environment. Without a release it skips the rules that need one.
func meaning(doc *config.Doc, rel *catalogue.Release, world World) diag.List {
	c := &checker{doc: doc, Config: doc.Config, rel: rel, world: world, refusedAt: map[string]bool{}}
	for _, rule := range rules {
		rule(c)
	}
	c.problems.Sort()
	return c.problems
}

// rules check one thing each. They are independent of each other, but for variables that are refused: nothing more is said of their values.
var rules = []func(*checker){
	(*checker).needed,
	(*checker).name,
	(*checker).address,
	(*checker).otherTarget,
	(*checker).override,
	(*checker).oneMachine,
	(*checker).files,
	(*checker).secrets,
	(*checker).tlsChoice,
	(*checker).certificate,
	(*checker).letsEncrypt,
	(*checker).bind,
	(*checker).ports,
	(*checker).reached,
	(*checker).front,
	(*checker).services,
	(*checker).features,
	(*checker).replicas,
	(*checker).sharedVolumes,
	(*checker).turnedOff,
	(*checker).notRun,
	(*checker).offAndOn,
	(*checker).attributes,
	(*checker).literals,
	(*checker).references,
	(*checker).volumes,
	(*checker).network,
	(*checker).ownRedis,
	(*checker).externalDatabases,
	(*checker).sameDatabase,
	(*checker).databaseSettings,
	(*checker).storeTexts,
	(*checker).ownStores,
	(*checker).objectStorage,
	(*checker).ownAddress,
	(*checker).podIdentity,
	(*checker).oneIdentity,
	(*checker).images,
	(*checker).proxy,
	(*checker).git,
	(*checker).gitFiles,
	(*checker).configurations,
	(*checker).tracing,
	(*checker).backup,
	(*checker).report,
	(*checker).upgrades,
	(*checker).mutes,
	(*checker).siteConfigKeys,
	(*checker).siteConfigFile,
	(*checker).patches,
	(*checker).ownContainers,
	(*checker).sidecars,
	(*checker).workers,
	(*checker).objectImages,
	(*checker).cluster,
}

type checker struct {
	*config.Config
	doc      *config.Doc
	rel      *catalogue.Release
	world    World
	problems diag.List

	refusedAt map[string]bool // paths of variables that must go, whatever their value
}

// sized is a service with what the config's size says of it.
func (c *checker) sized(service string) config.Service {
	if c.rel == nil {
		return c.Services[service]
	}
	all, _ := config.WithSize(c.Config, c.rel)
	return all.Services[service]
}

// oneMachine: sizes that no machine has are for clusters.
func (c *checker) oneMachine() {
	if c.On == catalogue.Compose && slices.ContainsFunc(catalogue.Embedded().Scaling().Larger, func(s catalogue.Size) bool { return strings.EqualFold(s.Name, c.Size) }) {
		c.errorf("BERTH1106", "size", "write  target: kubernetes; berth help move carries an installation there", "size %s is for a cluster: one machine ends at xl", c.Size)
	}
}

// workload is where a service runs on Kubernetes; nil without a release, or when it has none.
func (c *checker) workload(name string) *catalogue.Workload {
	if c.rel == nil {
		return nil
	}
	return c.rel.Workload(name)
}

// errorf reports a problem with the value at a path.
func (c *checker) errorf(code, path, hint, format string, args ...any) {
	at := c.doc.At(path)
	if at == (diag.Range{}) {
		at = c.doc.Near(path)
	}
	c.add(code, at, hint, format, args...)
}

func (c *checker) add(code string, at diag.Range, hint, format string, args ...any) {
	c.problems = append(c.problems, diag.Diagnostic{Code: code, Severity: diag.Error, Summary: fmt.Sprintf(format, args...), Hint: hint, Range: at})
}

// keyf reports a problem with a key itself, or, where the key is missing, with the one above it.
func (c *checker) keyf(code, path, hint, format string, args ...any) {
	c.add(code, c.doc.Near(path), hint, format, args...)
}

// warnf reports what is allowed, but usually a mistake.
func (c *checker) warnf(code, path, hint, format string, args ...any) {
	c.errorf(code, path, hint, format, args...)
	c.problems[len(c.problems)-1].Severity = diag.Warning
}

// missingf reports a missing key at the place where it belongs. It reports nothing in a file whose form has problems, where the key may
// only be misspelt.
func (c *checker) missingf(code, path, hint, format string, args ...any) {
	if !c.doc.Broken() {
		c.keyf(code, path, hint, format, args...)
	}
}

// needed checks the two keys that have no default.
func (c *checker) needed() {
	if c.On == "" {
		c.missingf("BERTH1130", "target", "add  target: compose", "target is missing: where should Sourcegraph run?")
	}
	if c.URL == "" {
		c.missingf("BERTH1130", "url", "add  url: https://sourcegraph.example.com  or, for a trial,  url: http://localhost",
			"url is missing: which address do people use for Sourcegraph?")
	}
}

// otherTarget checks for keys that only the other target has.
func (c *checker) otherTarget() {
	c.Visit(func(k *config.Key, path string, _ reflect.Value) {
		if k.On != "" && c.On != "" && k.On != c.On {
			c.keyf("BERTH1162", path, instead(k, path), "%s is for %s only, and this config is for %s", path, config.Title(k.On), config.Title(c.On))
		}
	})
}

// instead is what to write for the config's target.
func instead(k *config.Key, path string) string {
	switch k.Name {
	case "instances":
		return "write it under the service itself; all of its pods are made from one template"
	case "ulimits":
		return "set it in the container runtime of the nodes"
	case "logging":
		return "set it in the container runtime of the nodes, or in your log collector"
	case "driver", "options":
		return "use storageClass"
	}
	return cmp.Or(insteadOf[path], "remove it")
}

// insteadOf names what the other target has in place of a key.
var insteadOf = map[string]string{
	"ports":           "write  kubernetes: {service: {type: NodePort, nodePort: 30080}}, or nothing: the Ingress listens on 80 and 443",
	"front.headers":   "let the Ingress's controller set them: docs/ingress.md",
	"tls.letsEncrypt": "let cert-manager create it:  kubernetes: {ingress: {tlsSecret: sourcegraph-tls, annotations: {cert-manager.io/cluster-issuer: ISSUER}}}",
}

// Release is the release that the config asks for, or the newest for its target; nil with the problems.
func Release(doc *config.Doc, cat *catalogue.Catalogue) (*catalogue.Release, diag.List) {
	c := &checker{doc: doc, Config: doc.Config}
	if c.On == "" {
		return nil, nil // config.Load or the rules report it
	}
	version, err := c.Config.Release, error(nil)
	if version == "" {
		version = cat.Newest(c.On)
	} else {
		version, err = cat.Resolve(version, c.On)
	}
	if err != nil {
		c.unknownRelease(err)
		return nil, c.problems
	}
	for _, n := range cat.Notices(version, c.On) {
		if n.Use == catalogue.AnyUse {
			// The release may run already, so the admin must be able to look at it, stop it and leave it. upgrade.Refused refuses an
			// upgrade to it.
			c.warnf("BERTH1134", "release", "if it runs already, upgrade:  berth upgrade --to "+n.Instead+"   otherwise write  release: "+n.Instead,
				"release %s is withdrawn for %s: do not upgrade to it", version, config.Title(c.On))
			c.problems[len(c.problems)-1].Detail = []string{n.Reason, "source: " + n.Source}
		}
	}
	rel, err := cat.Release(version, c.On)
	if err != nil {
		c.errorf("BERTH1133", "release", "", "%v", err)
		return nil, c.problems
	}
	return rel, c.problems
}

func (c *checker) unknownRelease(err error) {
	hint, what := "", err.Error()
	if e, ok := err.(*catalogue.UnknownError); ok {
		what = fmt.Sprintf("release %s is not known", e.Name)
		if len(e.Elsewhere) > 0 {
			what = fmt.Sprintf("release %s is not available for %s, only for %s", e.Name, config.Title(c.On), config.Title(e.Elsewhere[0]))
		}
		switch {
		case e.Oldest != "":
			what = err.Error()
			hint = fmt.Sprintf("if %s runs:  berth upgrade path --from %s   for a new installation write  release: %s", e.Name, e.Name, e.Candidates[0])
		case len(e.Candidates) > 0:
			hint = "write  release: " + e.Candidates[0]
		}
	}
	c.errorf("BERTH1133", "release", cmp.Or(hint, "berth catalogue list shows all releases"), "%s", strings.TrimSpace(what))
}
