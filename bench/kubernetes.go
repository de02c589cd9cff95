package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The namespaces of the measured installations.
const (
	oursNamespace   = "berth-bench"       // berth's, where there is nothing to do
	theirsNamespace = "berth-bench-apply" // the same objects, by kubectl
	helmNamespace   = "berth-bench-helm"  // the official chart's
	firstNamespace  = "berth-bench-first" // that comes up from nothing, by turns

	largestNamespace = "berth-bench-xl"
)

// extras is how many objects of an admin's own the measured installation has beside Sourcegraph's: with them, it is about 150.
const extras = 68

// The official chart's values that make it the same installation: no class of volumes of its own, nothing outside the namespace.
const chartValues = "storageClass: {create: false, name: local-path}\ncadvisor: {enabled: false}\nnodeExporter: {enabled: false}\nprometheus: {privileged: false}\n"

// kubernetes compares with a real API server and simulated nodes: testbed/kubernetes up control.
func (b *bench) kubernetes() ([]contest, error) {
	list, err := b.clusterRender()
	if err != nil {
		return nil, err
	}
	if os.Getenv("KUBECONFIG") == "" || os.Getenv("BENCH_HELM") == "" {
		fmt.Fprintln(os.Stderr, `bench: KUBECONFIG or BENCH_HELM is not set, so clusters are NOT measured; eval "$(testbed/kubernetes env control)"`)
		return list, nil
	}
	chart := filepath.Join(b.dir, "chart")
	if err := checkout(os.Getenv("BENCH_HELM"), chartTag, chart); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "values.yaml"), []byte(chartValues), 0o600); err != nil {
		return nil, err
	}
	helm := func(verb, namespace string, more ...string) command {
		args := append([]string{verb, "sourcegraph", filepath.Join(chart, "charts/sourcegraph"), "--namespace", namespace, "--values", filepath.Join(b.dir, "values.yaml")}, more...)
		c := shell(b.dir, "helm", args...)
		c.name = strings.Join(append([]string{"helm", verb}, more...), " ") + " of Sourcegraph's own chart"
		return c
	}
	first, err := b.clusterSite(firstNamespace, "clusterScoped: false", "")
	if err != nil {
		return nil, err
	}
	const budgets = "clusterScoped: false, disruptionBudgets: true, networkPolicy: true, objects: [extra.yaml]"
	ours, err := b.clusterSite(oursNamespace, budgets, "")
	if err != nil {
		return nil, err
	}
	same, err := b.clusterSite(theirsNamespace, budgets, "")
	if err != nil {
		return nil, err
	}
	manifests := filepath.Join(same, "manifests")
	removeFirst := func() error { return deleteNamespaces(firstNamespace) }
	apply := shell(b.dir, "kubectl", "apply", "--server-side", "-f", manifests)
	apply.name = "kubectl apply --server-side -f"
	differ := shell(b.dir, "kubectl", "diff", "--server-side", "-f", manifests)
	differ.name = "kubectl diff --server-side -f"
	settle := func() error {
		for _, prepare := range []command{shell(ours, b.berth, "up"),
			shell(same, b.berth, "render", "--as", "manifests", "--out", manifests),
			shell(b.dir, "kubectl", "create", "namespace", theirsNamespace), apply,
			shell(b.dir, "kubectl", "create", "namespace", helmNamespace), helm("install", helmNamespace)} {
			if err := prepare.do(); err != nil {
				return fmt.Errorf("%s: %w", prepare.name, err)
			}
		}
		return nil
	}
	b.namespaces = []string{oursNamespace, theirsNamespace, helmNamespace, firstNamespace, largestNamespace}
	memory, err := b.largest()
	if err != nil {
		return nil, err
	}
	b.bounds = append(b.bounds, memory)
	nothing := "nothing to do, 150 objects"
	return append(list,
		contest{what: "`berth up` from nothing to all ready, simulated nodes", rounds: 3, goal: 1,
			prepare: func() error { return deleteNamespaces(b.namespaces...) },
			ours:    command{name: "berth up", before: removeFirst, do: shell(first, b.berth, "up").do},
			theirs: command{name: "helm install --wait of Sourcegraph's own chart", before: removeFirst,
				do: helm("install", firstNamespace, "--create-namespace", "--wait", "--timeout", "3m").do}},
		contest{what: "`berth plan` with " + nothing, rounds: 15, goal: 5, most: 150 * time.Millisecond, ours: shell(ours, b.berth, "plan"), theirs: differ,
			prepare: func() error { return errors.Join(removeFirst(), settle()) }},
		contest{what: "`berth up` with " + nothing, rounds: 15, goal: 3, ours: shell(ours, b.berth, "up"), theirs: apply},
		contest{what: "`berth up` with " + nothing, rounds: 15, goal: 3, ours: shell(ours, b.berth, "up"), theirs: helm("upgrade", helmNamespace)},
	), nil
}

// clusterRender compares rendering all Kubernetes objects with what Sourcegraph's own chart and base take.
func (b *bench) clusterRender() ([]contest, error) {
	dir, err := b.clusterSite("sourcegraph", "", "")
	if err != nil {
		return nil, err
	}
	return b.against("`berth render --as manifests`", shell(dir, b.berth, "render", "--as", "manifests", "--out", filepath.Join(dir, "manifests")))
}

// clusterSite writes a config for a namespace, with an admin's own objects beside it.
func (b *bench) clusterSite(namespace, options, more string) (string, error) {
	dir := filepath.Join(b.dir, "kubernetes", namespace)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	config := fmt.Sprintf("target: kubernetes\nrelease: %s\nurl: http://localhost\nname: %s\nkubernetes: {namespace: %s, %s}\n%s", release, namespace, namespace, options, more)
	if err := os.WriteFile(filepath.Join(dir, "sourcegraph.yaml"), []byte(config), 0o600); err != nil {
		return "", err
	}
	var text strings.Builder
	for i := range extras {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra-%03d}\ndata: {note: object %d of the admin's own}\n", i, i)
	}
	return dir, os.WriteFile(filepath.Join(dir, "extra.yaml"), []byte(text.String()), 0o600)
}

// deleteNamespaces waits until they are gone.
func deleteNamespaces(names ...string) error {
	return shell(".", "kubectl", append([]string{"delete", "namespace", "--ignore-not-found", "--timeout=3m"}, names...)...).do()
}

// largest is the memory of a plan with as many instances as size XL has. They ask for little, so that they fit the simulated nodes.
func (b *bench) largest() (bound, error) {
	dir, err := b.clusterSite(largestNamespace, "clusterScoped: false, disruptionBudgets: true, networkPolicy: true, objects: [extra.yaml]", `size: demo
services:
  gitserver: {replicas: 20}
  searcher: {replicas: 20}
  zoekt-webserver: {replicas: 20}
  sourcegraph-frontend: {replicas: 10}
`)
	if err != nil {
		return bound{}, err
	}
	return bound{what: "memory of `berth plan` at size XL", most: 150, unit: "MB", measure: func() (float64, error) {
		if err := errors.Join(deleteNamespaces(oursNamespace, theirsNamespace, helmNamespace), shell(dir, b.berth, "up").do()); err != nil {
			return 0, err
		}
		cmd := exec.Command(b.berth, "plan")
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%w: %s", err, text)
		}
		return float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1000, nil
	}}, nil
}
