package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/stack"
	"berth/internal/tree"
)

// TestOwnContainersBehindFronts: what serves the migrator runs on while only databases run, and the rest stops with Sourcegraph.
func TestOwnContainersBehindFronts(t *testing.T) {
	set := render(t, "7.5.4453", `containers: {proxy: {image: "a:1", before: [migrator]}, disk: {image: "a:1", before: [pgsql], files: {/a: key.json}}, plain: {image: "a:1"}}`)
	for front, want := range map[stack.Front]string{stack.Open: "disk 1 plain 1 proxy 1", stack.BehindPage: "disk 1 plain 1 proxy 1", stack.Closed: "disk 1 plain 0 proxy 1",
		stack.Stopped: "disk 0 plain 0 proxy 0", stack.DatabasesOnly: "disk 1"} {
		var got []string
		behind := set.With(front, "page", "caddy")
		for i := range behind.Objects {
			if o := &behind.Objects[i]; o.Own && o.Kind() == "Deployment" {
				got = append(got, o.Name()+" "+fmt.Sprint(tree.At(o.Body, "spec")["replicas"]))
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", front, got, want)
		}
	}
	if set.With(stack.DatabasesOnly, "", "").Find("Secret/disk-berth") == nil {
		t.Error("a clone's container lacks its Secret")
	}
}

// TestHeldRequestsAndOwnContainers: while requests are held, no object waits for itself over a container of the admin's own.
func TestHeldRequestsAndOwnContainers(t *testing.T) {
	set := render(t, "7.5.4453", `containers: {proxy: {image: "a:1", before: [migrator, pgsql]}, tunnel: {image: "a:1", after: [sourcegraph-frontend, gitserver]}}`)
	held := set.With(stack.HoldsRequests, "", "caddy")
	waits := map[string][]string{}
	for i := range held.Objects {
		waits[held.Objects[i].Key()] = held.Objects[i].Needs
	}
	var reaches func(from, to string, seen map[string]bool) bool
	reaches = func(from, to string, seen map[string]bool) bool {
		for _, next := range waits[from] {
			if next == to || !seen[next] && func() bool { seen[next] = true; return reaches(next, to, seen) }() {
				return true
			}
		}
		return false
	}
	for key := range waits {
		if reaches(key, key, map[string]bool{}) {
			t.Errorf("%s waits for itself", key)
		}
	}
	for i := range held.Objects {
		if o := &held.Objects[i]; o.OneShot && (!slices.Contains(o.Needs, "Deployment/proxy") || !slices.Contains(o.Needs, "StatefulSet/pgsql")) {
			t.Errorf("the migrator waits for %v", o.Needs)
		}
	}
}

// TestContainersThatWaitForThemselves are refused, with the way that leads back.
func TestContainersThatWaitForThemselves(t *testing.T) {
	for text, want := range map[string]string{
		`containers: {a: {image: "a:1", before: [pgsql], after: [worker]}}`:                                "Deployment/a",
		`containers: {a: {image: "a:1", before: [b]}, b: {image: "b:1", before: [a]}}`:                     "Deployment/b",
		`containers: {a: {image: "a:1", before: [worker], after: [pgsql]}, b: {image: "b:1", after: [a]}}`: "",
	} {
		_, problems := kubernetes.Render(rendertest.Resolve(t, "7.5.4453", text), nil)
		if want == "" {
			if problems.Failed() {
				t.Errorf("%s: %v", text, problems)
			}
			continue
		}
		if len(problems) == 0 || problems[0].Code != "BERTH1604" || !strings.Contains(problems[0].Summary, want) {
			t.Errorf("%s: %v", text, problems)
		}
	}
}

// TestNativeSidecarsComeFirst: before the migrator in the frontend's pods and in its Job, on every kind of security, and the Job has their files.
func TestNativeSidecarsComeFirst(t *testing.T) {
	const sidecars = `services: {sourcegraph-frontend: {sidecars: {a: {image: "a:1", before: true, files: {/key: key.json}}, b: {image: "b:1", before: true}, c: {image: "c:1"}}}}`
	for _, version := range []string{"5.0.6", "6.0.0", "7.5.4453"} {
		for _, more := range []string{"", "\nkubernetes: {podSecurity: restricted}", "\nkubernetes: {openshift: true}", "\nsize: demo"} {
			set := render(t, version, sidecars+more)
			var job *kubernetes.Object
			for i := range set.Objects {
				if set.Objects[i].OneShot {
					job = &set.Objects[i]
				}
			}
			for _, o := range []*kubernetes.Object{set.Find("Deployment/sourcegraph-frontend"), job} {
				spec := tree.At(tree.Pods(o.Body), "spec")
				var order []string
				for _, c := range tree.Items(spec["initContainers"]) {
					order = append(order, tree.Text(c, "name"))
				}
				want := []string{"a", "b", "migrator"}[:len(order)]
				if !slices.Equal(order, want) || len(order) < 2 || kubernetes.NativeSidecars(spec) != 2 {
					t.Errorf("%s %s: %s begins with %v", version, more, o.Key(), order)
				}
				for _, c := range tree.Containers(spec) {
					for _, m := range tree.Items(c["volumeMounts"]) {
						if tree.Named(spec["volumes"], tree.Text(m, "name")) == nil {
							t.Errorf("%s %s: %s mounts %s, which it does not have", version, more, o.Key(), m["name"])
						}
					}
				}
			}
			if len(tree.Items(tree.At(tree.Pods(job.Body), "spec")["containers"])) != 1 {
				t.Errorf("%s: the Job would never end", version)
			}
		}
	}
}

// TestTextsStayAsWritten: what Kubernetes makes of a variable's text is the text of the config.
func TestTextsStayAsWritten(t *testing.T) {
	texts := []string{""}
	for n := 0; n < len(texts) && len(texts[n]) < 4; n++ {
		for _, r := range "$(A)" {
			texts = append(texts, texts[n]+string(r))
		}
	}
	config := ""
	for i, text := range texts {
		config += fmt.Sprintf("V%d: '%s', ", i, text)
	}
	set := render(t, "7.5.4453", "services: {worker: {env: {"+config+"}}}")
	body := set.Objects[slices.IndexFunc(set.Objects, func(o kubernetes.Object) bool { return o.Key() == "Deployment/worker" })].Body
	container := tree.Named(tree.Branch(body, "spec", "template", "spec")["containers"], "worker")
	for i, text := range texts {
		value := tree.Text(tree.Named(container["env"], fmt.Sprintf("V%d", i)), "value")
		if got := expanded(value); got != text {
			t.Errorf("%q is rendered as %q, which is %q", text, value, got)
		}
	}
}

// expanded is what a kubelet makes of a text where no variable is set: $$ is a dollar, and $(NAME) an unknown variable.
func expanded(text string) string {
	out := ""
	for i := 0; i < len(text); i++ {
		if strings.HasPrefix(text[i:], "$$") {
			i++
		} else if strings.HasPrefix(text[i:], "$(") && strings.Contains(text[i:], ")") {
			return "a variable"
		}
		out += text[i : i+1]
	}
	return out
}
