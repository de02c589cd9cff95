package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The node of testbed/kubernetes, and the port of it that people use.
const (
	nodeAddress = "10.213.0.2"
	nodePort    = 30795
)

// benchNamespace is the namespace of the installation that is upgraded.
const benchNamespace = "bench"

// upgradeCluster is upgrade on a node with real containers: testbed/kubernetes up node. The documented procedure is that for Helm, which needs the fewest
// commands; the objects of the new release are those that berth renders, in place of the chart's, so that both sides run the same.
//
// Source: https://sourcegraph.com/docs/self-hosted/deploy/kubernetes/upgrade, multi-version upgrades
func (b *bench) upgradeCluster() ([]contest, error) {
	if os.Getenv("KUBECONFIG") == "" || os.Getenv("BERTH_REGISTRY") == "" {
		fmt.Fprintln(os.Stderr, `bench: there is no node, so upgrades in a cluster are NOT measured; eval "$(testbed/kubernetes env node)"`)
		return nil, nil
	}
	b.namespaces = append(b.namespaces, benchNamespace)
	return b.upgrades(&upgrading{on: "kubernetes", name: "sourcegraph", port: nodePort, address: nodeAddress,
		starts: []string{"StatefulSet/pgsql", "Deployment/sourcegraph-frontend"}, byHand: (*bench).clusterByHand})
}

// clusterByHand is what Sourcegraph's guide says to do, without the time that a person takes to do it.
func (b *bench) clusterByHand(site string, at func(string) error) error {
	if err := at(release); err != nil {
		return err
	}
	next := filepath.Join(site, "next")
	if err := errors.Join(os.RemoveAll(next), shell(site, b.berth, "render", "--as", "manifests", "--out", next).do()); err != nil {
		return err
	}
	job, err := migratorJob(filepath.Join(next, "15-deployment-sourcegraph-frontend.yaml"), filepath.Join(site, "migrator.yaml"))
	if err != nil {
		return err
	}
	kubectl := func(args ...string) command {
		return shell(site, "kubectl", append([]string{"--namespace", benchNamespace}, args...)...)
	}
	const databases = "deploy=sourcegraph,app.kubernetes.io/component notin (pgsql, codeintel-db, codeinsights-db)"
	for _, c := range []command{
		kubectl("scale", "deployment,statefulset", "--selector", databases, "--replicas", "0"),
		kubectl("apply", "-f", job),
		kubectl("wait", "--for=condition=complete", "job/migrator", "--timeout", "5m"),
		kubectl("apply", "--server-side", "--force-conflicts", "-f", next),
	} {
		if err := c.do(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// migratorJob writes the Job by which the guide migrates the databases: the migrator as the frontend's pods have it, with other arguments.
func migratorJob(deployment, to string) (string, error) {
	text, err := os.ReadFile(deployment)
	if err != nil {
		return "", err
	}
	var frontend struct {
		Spec struct {
			Template struct {
				Spec struct {
					InitContainers []map[string]any `yaml:"initContainers"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &frontend); err != nil {
		return "", fmt.Errorf("%s: %w", deployment, err)
	}
	containers := frontend.Spec.Template.Spec.InitContainers
	i := slices.IndexFunc(containers, func(c map[string]any) bool { return strings.Contains(fmt.Sprint(c["image"]), "/migrator:") })
	if i < 0 {
		return "", fmt.Errorf("%s has no migrator", deployment)
	}
	migrator := containers[i]
	delete(migrator, "volumeMounts")
	migrator["args"] = []string{"upgrade", "--from=v" + older, "--to=v" + release, "--ignore-migrator-update"}
	job, err := yaml.Marshal(map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "migrator"},
		"spec": map[string]any{"backoffLimit": 0, "template": map[string]any{"spec": map[string]any{"restartPolicy": "Never", "containers": []any{migrator}}}}})
	if err != nil {
		return "", err
	}
	return to, os.WriteFile(to, job, 0o600)
}
