//go:build engine

package main

import (
	"strings"
	"testing"
)

// The image runs Alertmanager beside Prometheus, as Sourcegraph's does, and says so by ending when Alertmanager ends. Needs
// testbed/images build 7.5.4453.
func TestPrometheusHasAlertmanager(t *testing.T) {
	d := &database{T: t, name: "berth-testbed-alertmanager"}
	_, _ = d.docker("rm", "-f", "-v", d.name)
	t.Cleanup(func() { _, _ = d.docker("rm", "-f", "-v", d.name) })
	d.must("run", "-d", "--pull", "always", "--name", d.name, "-e", "SRC_FRONTEND_INTERNAL=sourcegraph-frontend-internal:3090",
		registry()+"/sourcegraph/prometheus:"+after)

	ask := func(url string) string {
		out, _ := d.docker("exec", d.name, "curl", "-fsS", "-m", "5", url)
		return out
	}
	d.await("Alertmanager answers", func() bool { return ask("http://127.0.0.1:9093/alertmanager/-/ready") == "OK" })
	d.await("Prometheus knows Alertmanager", func() bool {
		return strings.Contains(ask("http://127.0.0.1:9090/api/v1/alertmanagers"), "http://127.0.0.1:9093/alertmanager/api/v2/alerts")
	})

	d.must("exec", d.name, "sh", "-c", `for p in /proc/[0-9]*; do case $(tr '\0' ' ' <$p/cmdline) in prometheus-alertmanager*) kill ${p#/proc/} ;; esac; done`)
	d.await("end", func() bool { return d.must("inspect", "-f", "{{.State.Running}}", d.name) == "false" })
}
