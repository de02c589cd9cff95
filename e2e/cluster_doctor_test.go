//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// fault is what goes wrong in a cluster, and how it ends.
type fault struct {
	name   string
	inject []string // a kubectl command, in the installation's namespace
	cause  string   // the code of the cause that must stand first
	below  []string // what must follow from it
	before []string // a kubectl command that an admin gives before the one that the doctor names; none: it is not needed
	fixed  bool     // berth doctor --fix ends it
}

// clusterFaults are the faults. What a person changes by hand is put back by the command that the doctor names.
var clusterFaults = []fault{
	{name: "an image that can't be pulled is set by hand", inject: []string{"set", "image", "statefulset/searcher", "searcher=index.example.com/searcher:none"}, cause: "BERTH3422"},
	{name: "a command is changed by hand, and its container crashes", cause: "BERTH3423", inject: []string{"patch", "deployment", "otel-collector", "--type=json",
		`-p=[{"op":"replace","path":"/spec/template/spec/containers/0/command","value":["/bin/otelcol-sourcegraph","--config=/nowhere.yaml"]}]`}},
	{name: "a database is scaled to 0", inject: []string{"scale", "statefulset/pgsql", "--replicas=0"}, cause: "BERTH5002", below: []string{"BERTH5050", "BERTH5051"}},
	{name: "the number of a database's pods is edited to 0", inject: []string{"patch", "statefulset/codeintel-db", "--type=merge", `-p={"spec":{"replicas":0}}`}, cause: "BERTH5002"},
	{name: "a Service leads nowhere", inject: []string{"patch", "service/gitserver", "--type=merge", `-p={"spec":{"selector":{"app":"nowhere"}}}`}, cause: "BERTH5082"},
	{name: "a Service is deleted", inject: []string{"delete", "service/searcher"}, cause: "BERTH5082"},
	{name: "a quota leaves no room", inject: []string{"create", "quota", "small", "--hard=pods=1"}, cause: "BERTH3427", before: []string{"delete", "quota", "small"}},
	{name: "a Deployment is deleted", inject: []string{"delete", "deployment/worker"}, cause: "BERTH5003"},
	{name: "a database takes no writes", inject: []string{"exec", "pgsql-0", "-c", "pgsql", "--", "psql", "-U", "sg", "-c", "ALTER SYSTEM SET default_transaction_read_only = on", "-c", "SELECT pg_reload_conf()"}, cause: "BERTH5021"},
	{name: "an index is invalid", cause: "BERTH5024", fixed: true, inject: []string{"exec", "pgsql-0", "-c", "pgsql", "--", "psql", "-U", "sg", "-c", "CREATE INDEX doctored ON repo (name)",
		"-c", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'doctored'::regclass"}},
	{name: "a collation changed", cause: "BERTH5023", fixed: true, inject: []string{"exec", "pgsql-0", "-c", "pgsql", "--", "psql", "-U", "sg", "-c",
		"UPDATE pg_database SET datcollversion = '2.28' WHERE datname = current_database()"}},
}

// TestClusterDoctor injects faults into an installation on a real node, one after the other. The doctor names the cause first, the command that it names
// fixes it, and then it finds nothing.
func TestClusterDoctor(t *testing.T) {
	needs(t, long, node, images(release))
	s := newOnNode(t, "doctor", 30171, mutes("BERTH5058", "BERTH5010", "BERTH5013")) // nobody listens at its url, and the disk is the machine's
	s.must(0, "lock")
	s.must(0, "up")
	s.well("up")
	p := proof{head: ofFaults, well: 1}
	for _, f := range clusterFaults {
		t.Run(f.name, func(t *testing.T) {
			s := s.in(t)
			p.injected++
			s.kubectl(f.inject...)
			if f.cause == "BERTH3427" { // a quota counts when a pod is made
				s.kubectl("delete", "pod", "searcher-0")
			}
			r := s.diagnosed(f.cause, f.below...)
			p.saw(r, f.name, f.cause, strings.Join(f.below, ", "))
			switch {
			case f.before != nil:
				s.kubectl(f.before...)
				s.must(0, "up")
			case f.fixed:
				byItself(s)
			default:
				s.obeys(r)
			}
			s.well(f.name)
			p.well++
		})
	}
	p.keep(t, len(clusterFaults))
}
