// Package kubernetes reads objects of a cluster for package adopt: those that Helm or kubectl deployed, and those that berth renders. Pure.
//
// Theirs are objects as they are in the cluster now, without what the API server and controllers wrote into them: see package wanted. So what somebody changed
// by hand counts, and what Helm only planned does not.
//
// One package because both sides, and the rules between them, share one form of an object and the last rendering of the draft.
package kubernetes

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/adopt/candidate"
	"berth/internal/adopt/kubernetes/wanted"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan/fields"
	"berth/internal/registry"
	render "berth/internal/render/kubernetes"
	"berth/internal/stack"
	"berth/internal/tree"
)

// Source is an installation of theirs.
type Source struct {
	Origin    Origin
	Context   string // the kube context, where it was named
	Namespace string

	Objects adopt.Objects
	Images  map[string]string // by object and container
	Guessed bool              // nothing of theirs says the address that people use
	Notes   []string          // for the report

	raw    map[string]map[string]any // theirs as Kubernetes writes them
	kinds  map[string]string         // of workloads that are compared with one of another kind, the kind that theirs has
	wishes map[string]wanted.Object  // of objects without a record
	former *former

	maintainers map[[2]string]int // who else maintains the objects, with what switches that off, and how many
	before      []wanted.Former
}

// Origin is where an installation of theirs comes from.
type Origin struct {
	Name   string // "Helm release sourcegraph"
	Record string // what says what was wanted: "Helm's record"
	Own    string // what it is upgraded by: "chart"
	Next   string // the command of theirs that goes on without berth; "": there is none, or Helm's record tells it
	// Deployers are the names under which it is deployed. What they set beside the record is a default.
	Deployers []string
}

const helmsRecord = "Helm's record"

// OfHelm is the origin of a Helm release.
func OfHelm(release string) Origin {
	return Origin{Name: "Helm release " + release, Record: helmsRecord, Own: "chart", Deployers: []string{"helm", "terraform-provider-helm"}}
}

// OfFiles is the origin of what kubectl, or a tool that follows a repository, applied from files.
// next is the command that goes on.
func OfFiles(dir, next string) Origin {
	return Origin{Name: dir, Next: next, Record: "your files", Own: "files", Deployers: []string{"kubectl-client-side-apply", "kubectl-create", "kubectl-replace", "before-first-apply", wanted.Argo, "kustomize-controller", "helm-controller"}}
}

// OfNamespace is the origin of what runs in a namespace, of which nobody has a record.
func OfNamespace(name string) Origin {
	return Origin{Name: "namespace " + name, Own: "means"}
}

// ReadLive reads what runs without any record: what is wanted of each object.
func ReadLive(from Origin, all []wanted.Object, context, namespace string) *Source {
	s := newSource(from, context, namespace)
	s.wishes = map[string]wanted.Object{}
	for _, w := range all {
		key := keyOf(w.Body)
		if s.wishes[key] = w; w.Scaled {
			s.scaledBy(key, "an autoscaler")
		}
		s.add(key, w.Body)
		s.remember(w.Body, w.Live)
	}
	slices.Sort(s.Notes)
	return s
}

func newSource(from Origin, context, namespace string) *Source {
	return &Source{Origin: from, Context: context, Namespace: namespace, Objects: adopt.Objects{}, Images: map[string]string{}, raw: map[string]map[string]any{}, kinds: map[string]string{}, former: &former{}, maintainers: map[[2]string]int{}}
}

// add adds what is wanted of an object. Records of tools in its labels and annotations are no wishes, so no patch may repeat them.
func (s *Source) add(key string, body map[string]any) {
	once(body)
	metadata := maps.Clone(tree.Branch(body, "metadata"))
	for _, name := range []string{"labels", "annotations"} {
		all := said(tree.Branch(metadata, name))
		delete(metadata, name)
		put(metadata, name, all)
	}
	body = fields.With(body, "metadata", metadata)
	s.raw[key], s.Objects[key] = body, s.former.form(body)
	for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
		s.Images[key+" "+tree.Text(c, "name")] = tree.Text(c, "image")
	}
}

// maintained are the notes on who else maintains the objects.
func (s *Source) maintained() (notes []string) {
	for who, n := range s.maintainers {
		notes = append(notes, fmt.Sprintf("%s maintains %d of these objects, and would change them back after berth up. Switch its automatic sync off before: %s", who[0], n, who[1]))
	}
	slices.Sort(notes)
	return notes
}

func (s *Source) scaledBy(key, who string) {
	s.Notes = append(s.Notes, key+" has the number of pods that "+who+" set; berth does not change it")
}

// Read reads what was deployed: the objects of a record, each as it is in the cluster. live are these by their keys, with the Secrets that their pods refer to.
func Read(from Origin, record []map[string]any, live map[string]map[string]any, context, namespace string) *Source {
	s := newSource(from, context, namespace)
	for _, manifest := range record {
		key := keyOf(manifest)
		if live[key] == nil {
			s.Notes = append(s.Notes, key+" is in "+from.Record+" and not in the cluster; what is in the cluster counts")
			continue
		}
		body, scaled := wanted.Recorded(manifest, live[key], from.Deployers)
		if scaled != "" {
			s.scaledBy(key, scaled)
		}
		s.add(key, body)
		s.remember(body, live[key])
	}
	for key, body := range live { // what pods refer to, and no record has
		if kindOf(key) == "Secret" && s.raw[key] == nil {
			s.raw[key] = body
		}
	}
	slices.Sort(s.Notes)
	return s
}

// Adopt finds the config for an installation of theirs. url is what people use; "" where it is not known.
func Adopt(s *Source, cat *catalogue.Catalogue, base adopt.Base, url, dir string, now func() time.Time) (adopt.Result, diag.List) {
	release, err := cat.Release(base.Release, catalogue.Kubernetes)
	if err != nil {
		return adopt.Result{}, candidate.Failed(err)
	}
	d := &adopt.Draft{}
	d.Set("kubernetes", "target")
	d.Set(base.Release, "release")
	s.address(d, url)
	if s.Context != "" {
		d.Set(s.Context, "kubernetes", "context")
	}
	d.Set(s.Namespace, "kubernetes", "namespace")
	s.registry(d, release)
	k := &known{source: s, release: release}
	r := &renderer{reader: candidate.Reader{Catalogue: cat, Dir: dir, Now: now}, known: k}
	if _, problems := r.render(d.Text(""), d.Files(), nil); problems.Failed() {
		return adopt.Result{}, problems
	}
	k.pair()
	out, problems := adopt.Invert(adopt.Input{Theirs: s.Objects, Draft: d, Render: r.render, Rules: k.rules()})
	if problems.Failed() {
		return adopt.Result{}, problems
	}
	return adopt.Result{Text: d.Text(header), Files: d.Files(),
		Report: adopt.Report{Target: catalogue.Kubernetes, Base: base, Items: out.Items, Notes: slices.Concat(s.maintained(), s.Notes, k.placed(), k.hashed(), k.unlocked())}}, nil
}

// unlocked says which databases of theirs have no Secret with a password: berth makes one. A database that asks for another would let nobody in, so a password
// that stands in a variable of theirs is kept.
func (k *known) unlocked() (notes []string) {
	for _, object := range tree.Keys(k.source.raw) {
		name := stores[object]
		if kindOf(object) != "StatefulSet" || name == "" || k.source.raw["Secret/"+name] != nil || k.raw["Secret/"+name] == nil {
			continue
		}
		if render.Plain(k.source.raw[object], render.Referring(k.raw[object], name, "password")) != "" {
			notes = append(notes, "Secret/"+name+" is created with the password that "+object+" has in a variable now")
			continue
		}
		notes = append(notes, "Secret/"+name+" is created with a new password, since you have none: Sourcegraph's own files let everybody in the namespace into "+nameOf(object)+
			". If yours asks for a password, make this Secret with it before berth up")
	}
	return notes
}

// hashed says which pods get a hash of berth's, of files that the config changes: theirs have none, so they are replaced once.
func (k *known) hashed() (notes []string) {
	for _, object := range tree.Keys(k.raw) {
		path := []string{"spec", "template", "metadata", "annotations"}
		hash := tree.Text(tree.Branch(k.raw[object], path...), render.AnnotationConfig)
		if k.source.raw[object] != nil && hash != tree.Text(tree.Branch(k.source.raw[object], path...), render.AnnotationConfig) {
			notes = append(notes, object+" gets a hash of the files that your settings change, so that a later change reaches its pods: they are replaced once")
		}
	}
	return notes
}

const header = "What you want of Sourcegraph; everything else has Sourcegraph's default. Made by berth adopt. See: berth explain, berth plan"

// frontend is the service that people reach.
const frontend = "sourcegraph-frontend"

// address says where people reach Sourcegraph: as asked, else as the Ingress says it. What it does not say is left to the admin.
func (s *Source) address(d *adopt.Draft, asked string) {
	spec := tree.Branch(s.raw["Ingress/"+frontend], "spec")
	var hosts []string
	for _, rule := range tree.Items(spec["rules"]) {
		if host := tree.Text(rule, "host"); host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	scheme := "http://"
	if spec["tls"] != nil {
		scheme = "https://"
	}
	if len(hosts) > 0 {
		d.Set(cmp.Or(asked, scheme+hosts[0]), "url")
		if len(hosts) > 1 {
			d.Set(tree.OfList(hosts[1:]), "front", "hosts")
		}
	} else {
		s.Guessed = asked == ""
		d.Set(cmp.Or(asked, scheme+"localhost"), "url")
	}
	if strings.HasPrefix(asked, "https:") && spec["tls"] == nil {
		d.Set(true, "tls", "external")
	}
}

// registry says which registry the images come from, where all of them come from one that is not Sourcegraph's, and records the digests that they have
// there.
func (s *Source) registry(d *adopt.Draft, release *catalogue.Release) {
	folders, digests := map[string]bool{}, map[string]string{}
	for _, image := range s.Images {
		tagged, digest, _ := strings.Cut(image, "@")
		folder, name := cut(tagged)
		for own, ref := range release.Images {
			shipped, shippedDigest, _ := strings.Cut(ref, "@")
			if _, as := cut(shipped); as == name {
				if folders[folder] = true; digest != "" && digest != shippedDigest {
					digests[own] = digest
				}
			}
		}
	}
	if len(folders) != 1 {
		return
	}
	for folder := range folders {
		if slices.Contains([]string{"", "sourcegraph", "docker.io/sourcegraph", "index.docker.io/sourcegraph"}, folder) {
			return
		}
		d.Set(folder, "images", "registry")
		if len(digests) > 0 {
			d.Keep(registry.LockName, registry.Lock{Registry: folder, Releases: map[string]map[string]string{release.Version: digests}}.Bytes())
		}
	}
}

// cut is an image's folder and its name there.
func cut(image string) (folder, name string) {
	i := strings.LastIndexByte(image, '/')
	return image[:max(i, 0)], image[i+1:]
}

// renderer renders drafts for package adopt.
type renderer struct {
	reader candidate.Reader
	known  *known
}

// render is an adopt.Render.
func (r *renderer) render(text []byte, files map[string][]byte, _ map[string]string) (adopt.Rendering, diag.List) {
	c, problems := r.reader.Read(text, files)
	out := adopt.Rendering{At: c.At}
	if problems.Failed() {
		return out, problems
	}
	set, problems := render.Render(c.Stack, nil)
	if problems.Failed() {
		return out, problems
	}
	values, err := c.Values(r.known.source.passwords(set))
	if err != nil {
		return out, candidate.Failed(err)
	}
	out.Objects = r.known.objects(set, c, values)
	return out, nil
}

// passwords are the secrets that berth would make itself, and that their Secrets have already.
func (s *Source) passwords(set *render.Set) map[string]string {
	out := map[string]string{}
	for i := range set.Objects {
		o := &set.Objects[i]
		for key, parts := range o.Values {
			if len(parts) == 1 && parts[0].Secret != "" && parts[0].To == 0 {
				plain, err := base64.StdEncoding.DecodeString(tree.Text(s.raw[o.Key()], "data", key))
				if err == nil && len(plain) > 0 {
					out[parts[0].Secret] = string(plain)
				}
			}
		}
	}
	return out
}

// objects are rendered objects in the form in which they are compared. What only says the same in another way is as they have it: a secret in a variable
// that berth keeps in a Secret of its own, and hashes that are left to Helm.
func (k *known) objects(set *render.Set, c candidate.Candidate, values installation.Values) adopt.Objects {
	out := adopt.Objects{}
	k.raw, k.owners, k.containers = map[string]map[string]any{}, map[string]string{}, map[string]string{}
	for service, place := range c.Stack.Cluster.Containers {
		k.containers[place.Object+" "+place.Name] = service
	}
	own := map[string]string{} // values of berth's own Secrets, by name and key
	for i := range set.Objects {
		o := &set.Objects[i]
		k.owners[o.Key()] = o.Service
		for key, parts := range o.Values {
			if strings.HasSuffix(o.Name(), "-berth") {
				own[o.Name()+" "+key] = installation.Assembled(parts, values)
			}
		}
	}
	for i := range set.Objects {
		o := &set.Objects[i]
		if o.OneShot || o.Kind() == "Secret" && strings.HasSuffix(o.Name(), "-berth") {
			continue
		}
		body := tree.WithoutNulls(o.Whole(func(p stack.Part) string { return installation.Assembled([]stack.Part{p}, values) })).(map[string]any)
		k.inline(o.Key(), body, own)
		if w, found := k.source.wishes[o.Key()]; found {
			body = w.Heard(body)
		}
		k.raw[o.Key()], out[o.Key()] = body, k.source.former.form(body)
		if left(c) {
			k.leave(out, o.Key())
		}
	}
	return out
}

// inline puts the values of berth's own Secrets into the variables that read them; where theirs reads the same value from a Secret of their own, that is as good.
func (k *known) inline(key string, body map[string]any, own map[string]string) {
	theirs := tree.Branch(tree.Pods(k.source.raw[key]), "spec")
	for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
		for _, e := range tree.Items(c["env"]) {
			ref := tree.Branch(e, "valueFrom", "secretKeyRef")
			value, found := own[tree.Text(ref, "name")+" "+tree.Text(ref, "key")]
			if !found || ref == nil {
				continue
			}
			their := tree.Branch(tree.Named(tree.Named(tree.OfList(tree.Containers(theirs)), tree.Text(c, "name"))["env"], tree.Text(e, "name")), "valueFrom")
			if their != nil && strings.TrimSpace(k.secretValue(their)) == strings.TrimSpace(value) {
				e["valueFrom"] = their
				continue
			}
			delete(e, "valueFrom")
			e["value"] = value
		}
	}
}

// secretValue is the value of a Secret that a variable of theirs reads; "" where it is not known.
func (k *known) secretValue(from map[string]any) string {
	ref := tree.Branch(from, "secretKeyRef")
	plain, err := base64.StdEncoding.DecodeString(tree.Text(k.source.raw["Secret/"+tree.Text(ref, "name")], "data", tree.Text(ref, "key")))
	if err != nil {
		return ""
	}
	return string(plain)
}

// left reports whether a draft leaves the chart's hashes to Helm.
func left(c candidate.Candidate) bool {
	for _, conflict := range c.Doc.Config.Kubernetes.Conflicts {
		if conflict.Field == hashes+"*" {
			return true
		}
	}
	return false
}

// hashes are the chart's annotations of pods with a hash of passwords and of configuration. Their values must not get into a config.
const hashes = "spec.template.metadata.annotations.checksum/"

// leave gives an object of ours the hashes that theirs has.
func (k *known) leave(ours adopt.Objects, key string) {
	path := []string{"spec", "template", "metadata", "annotations"}
	mine, theirs := tree.Branch(ours[key], path...), tree.Branch(k.source.Objects[key], path...)
	for name := range maps.Clone(mine) {
		if strings.HasPrefix(name, "checksum/") && theirs[name] != nil {
			mine[name] = theirs[name]
		}
	}
}

// Known is what is wrong with an installation, before anything is compared.
func Known(base adopt.Base, s *Source) diag.List {
	what := "release of Sourcegraph's chart"
	switch {
	case s.wishes != nil:
		what = "namespace in which Sourcegraph runs"
	case s.Origin.Own != "chart":
		what = "folder of your overlay or of your manifests"
	}
	if unknown := base.Unknown(s.Origin.Name, s.Images, what, s.Origin.Own); unknown != nil {
		return unknown
	}
	return slices.Concat(base.Half(s.Origin.Name, s.Origin.Own), s.several(), s.selectors(s.Origin.Name))
}

// several refuses objects of more than one Sourcegraph.
func (s *Source) several() diag.List {
	var frontends []string
	for _, who := range slices.Sorted(maps.Keys(s.Images)) {
		tagged, _, _ := strings.Cut(s.Images[who], "@")
		_, name := cut(tagged)
		if name, _, _ = strings.Cut(name, ":"); name == "frontend" {
			frontends = append(frontends, strings.Fields(who)[0])
		}
	}
	if len(frontends) < 2 {
		return nil
	}
	return diag.List{{Code: "BERTH4316", Severity: diag.Error, Subject: s.Origin.Name, Summary: "it has more than one Sourcegraph: " + strings.Join(frontends, ", ") + "; nothing was changed",
		Hint: "name the folder of one of them: berth adopt DIR"}}
}

// selectors refuses an installation whose selectors have another name of a release in them than those of berth's objects.
func (s *Source) selectors(subject string) diag.List {
	const instance = "app.kubernetes.io/instance"
	for _, object := range tree.Keys(s.raw) {
		if name := tree.Text(s.raw[object], "spec", "selector", "matchLabels", instance); name != "" && name != stack.DefaultName {
			return diag.List{{Code: "BERTH4313", Severity: diag.Error, Subject: subject, Summary: fmt.Sprintf("the selector of %s has the name %s, and Kubernetes never changes a selector; nothing was changed", object, name),
				Hint: "berth takes over a release with the name " + stack.DefaultName + " in place; see: berth explain BERTH4313"}}
		}
	}
	return nil
}
