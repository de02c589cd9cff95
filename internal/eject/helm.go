package eject

import (
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/forms"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// instance is the name of the Helm release: Sourcegraph's chart writes it into the selectors of pods, which can't be changed. Charts of other
// names have other selectors, and berth has those of this one.
const instance = "sourcegraph"

// Helm returns values with which Sourcegraph's own chart makes the objects that are in the cluster. left are the fields that berth leaves to
// others: the chart has no such exception.
func Helm(set *kubernetes.Set, release *catalogue.Release, left []plan.Conflict) (*Result, error) {
	if problems := classless(set); problems != nil {
		return nil, problems
	}
	in := &forms.Input{Set: set, Release: release, Running: true}
	v, err := in.Values()
	if err != nil {
		return nil, err
	}
	r := &Result{Unsaid: lost(v.Lost), Restarts: v.Moved}
	for _, c := range left {
		if c.Decision == plan.Yield {
			r.Unsaid = append(r.Unsaid, unsaid(c.Object, fmt.Sprintf("%s is left to %s, and Sourcegraph's chart sets it: %s becomes %s", c.Field, c.Manager, c.Theirs, c.Ours),
				"give the chart the value of "+c.Manager+", or let "+c.Manager+" set it again", diag.Range{}))
		}
	}
	comment := head + "\nValues for Sourcegraph's own Helm chart, version " + in.Release.Version + "."
	for _, note := range v.Notes {
		comment += "\nWith them the chart " + note + "."
	}
	r.Files = []stack.File{{Path: "values.yaml", Content: yaml.Encode(comment, v.Tree)}, helmReadme(in, r)}
	return r, nil
}

// classless refuses claims without a storage class. Kubernetes wrote the default one into them, and the chart can't leave the field out: it would ask to
// take the class away, which Kubernetes refuses.
func classless(set *kubernetes.Set) diag.List {
	var claims []string
	for i := range set.Objects {
		o := &set.Objects[i]
		all := tree.Items(tree.At(o.Body, "spec")["volumeClaimTemplates"])
		if o.Kind() == "PersistentVolumeClaim" {
			all = []map[string]any{o.Body}
		}
		if slices.ContainsFunc(all, func(claim map[string]any) bool { return tree.Text(claim, "spec", "storageClassName") == "" }) {
			claims = append(claims, o.Key())
		}
	}
	if claims == nil {
		return nil
	}
	return diag.List{{Code: "BERTH4334", Severity: diag.Error, Subject: claims[0], Summary: "the config names no storage class, and Sourcegraph's chart needs the one that the volumes have; nothing was written",
		Detail: []string{"which one they have: kubectl -n " + set.Namespace + " get persistentvolumeclaims"},
		Hint:   "write  kubernetes: {storageClass: {name: CLASS}}  with the class that they have; then: berth up"}}
}

// lost are the chart's gaps as warnings, those of one line of the config together.
func lost(gaps diag.List) diag.List {
	var out diag.List
	at := map[diag.Range]int{}
	for _, gap := range gaps {
		i, seen := at[gap.Range]
		if seen && gap.Range != (diag.Range{}) {
			out[i].Detail = append(out[i].Detail, gap.Subject+": "+gap.Summary)
			continue
		}
		at[gap.Range] = len(out)
		out = append(out, unsaid(gap.Subject, gap.Summary, "helm upgrade makes it as the chart ships it; keep it by a patch afterwards, or stay with: berth render --as helm", gap.Range))
	}
	return out
}

func helmReadme(in *forms.Input, r *Result) stack.File {
	namespace, release := in.Set.Namespace, in.Set.Release
	chart := "sourcegraph sourcegraph/sourcegraph --version " + release + " --namespace " + namespace + " --values values.yaml"
	var secrets []string
	for _, o := range in.Expected() {
		secrets = append(secrets, o.Name())
	}
	slices.Sort(secrets)
	keep := ""
	if len(secrets) > 0 {
		keep = "Pods read these Secrets, which stay in the namespace. The chart does not make them, and these files don't have their values: " + marked(secrets) +
			".\nThe first command below keeps Helm from deleting those that an earlier release of the chart made.\n"
	}
	apply := []string{"helm repo add sourcegraph https://helm.sourcegraph.com/release"}
	if len(secrets) > 0 {
		apply = append(apply, "kubectl -n "+namespace+" annotate secret helm.sh/resource-policy=keep --overwrite "+strings.Join(secrets, " "))
	}
	apply = append(apply,
		"helm template "+chart+" | kubectl -n "+namespace+" diff -f -    # shows labels of the objects, and what restarts",
		"helm upgrade --install "+chart+" --take-ownership")
	return readme(release,
		[2]string{"", "Values with which Sourcegraph's own Helm chart makes the objects that run now, so that Helm maintains them from here on. " +
			restarts(r.Restarts, "because the chart writes the variables of values in another order")},
		[2]string{"What the chart can't say", list(r.Unsaid)},
		[2]string{"Secrets", keep},
		[2]string{"Apply", "With Helm 3.17 or later. The release of Helm must have the name `" + instance + "`: it is in the selectors of pods.\n\n" + commands(apply...)},
		[2]string{"Then", afterwards(in.Set)})
}

// afterwards removes what berth keeps in the cluster.
func afterwards(set *kubernetes.Set) string {
	text := "Delete the CronJob of `berth agent`, if there is one. berth's own records are no longer needed:\n\n" +
		commands("kubectl -n "+set.Namespace+" delete lease,secret,configmap -l dev.berth.installation="+set.Name+",dev.berth.state")
	var jobs []string
	for i := range set.Objects {
		if o := &set.Objects[i]; o.OneShot {
			jobs = append(jobs, "kubectl -n "+set.Namespace+" delete "+strings.ToLower(o.Kind())+" "+o.Name())
		}
	}
	if len(jobs) > 0 {
		text += "\nThe migrator runs in the frontend's pods. The Job that berth ran it as can go:\n\n" + commands(jobs...)
	}
	return text
}
