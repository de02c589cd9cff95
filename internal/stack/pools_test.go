package stack_test

import (
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/stack"
)

// TestEachJobHasItsWorker: in every minor release, on both targets, a pool runs its jobs alone, and is measured like the worker.
func TestEachJobHasItsWorker(t *testing.T) {
	const workers = "workers: {insights: {jobs: [insights-job, codemonitors-job]}, graph: {jobs: [codeintel-commitgraph-updater]}}\n"
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		seen := map[string]bool{}
		for _, v := range catalogue.Embedded().Versions(target) {
			if seen[catalogue.Minor(v.Version)] {
				continue
			}
			seen[catalogue.Minor(v.Version)] = true
			doc, problems := config.Load("sourcegraph.yaml", []byte("target: "+string(target)+"\nurl: http://localhost\n"+workers))
			if problems.Failed() {
				t.Fatal(problems)
			}
			rel, err := catalogue.Embedded().Release(v.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			s := stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel})
			lists := map[string]string{}
			for _, i := range s.Instances {
				for _, e := range i.Env {
					if i.Service == "worker" && (e.Name == stack.JobsAllowed || e.Name == stack.JobsBlocked) {
						lists[i.Name] += e.Name + "=" + e.Value[0].Text
					}
				}
			}
			for name, want := range map[string]string{"worker": stack.JobsBlocked + "=codeintel-commitgraph-updater,codemonitors-job,insights-job",
				"worker-insights": stack.JobsAllowed + "=insights-job,codemonitors-job", "worker-graph": stack.JobsAllowed + "=codeintel-commitgraph-updater"} {
				if lists[name] != want {
					t.Errorf("%s %s: %s has %q, want %q", target, v.Version, name, lists[name], want)
				}
			}
			if target == catalogue.Compose && !scraped(s, "worker-graph:") {
				t.Errorf("%s: Prometheus does not measure worker-graph", v.Version)
			}
			if target == catalogue.Kubernetes && (s.Cluster.Objects["Service/worker-graph"] == nil || s.Cluster.Objects["Deployment/worker-graph"] == nil) {
				t.Errorf("%s: worker-graph has no objects", v.Version)
			}
		}
	}
}

func scraped(s *stack.Stack, begin string) bool {
	return slices.ContainsFunc(s.Settings.Scrape, func(job stack.Scrape) bool {
		return slices.ContainsFunc(job.Targets, func(target string) bool { return strings.HasPrefix(target, begin) })
	})
}
