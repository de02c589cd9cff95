package stack_test

import (
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/stack"
)

// TestLocalURLIsReachableFromThisMachineOnly: the first person to reach a new Sourcegraph becomes its admin, and Prometheus has no password.
func TestLocalURLIsReachableFromThisMachineOnly(t *testing.T) {
	for text, want := range map[string]string{
		"url: http://localhost":                                                    "127.0.0.1",
		"url: http://localhost:7080\nports: {grafana: 3000}":                       "127.0.0.1",
		"url: http://127.0.0.1:7080\ntracing: {jaeger: true}":                      "127.0.0.1",
		"url: http://127.0.0.2":                                                    "127.0.0.2",
		"url: 'http://[::1]:7080'":                                                 "::1",
		"url: https://localhost\ntls: {external: true}":                            "127.0.0.1",
		"url: http://localhost\nports: {bind: 0.0.0.0}":                            "0.0.0.0",
		"url: http://localhost\nports: {bind: '::'}":                               "::",
		"url: http://sourcegraph.example.com":                                      "0.0.0.0",
		"url: http://sourcegraph.example.com\nports: {bind: ::1}":                  "::1",
		"url: http://localhost.example.com\nports: {http: 8080}":                   "0.0.0.0",
		"url: http://192.0.2.7\ntracing: {jaeger: true}":                           "0.0.0.0",
		"url: http://192.0.2.7\nports: {bind: 192.0.2.7}\ntracing: {jaeger: true}": "192.0.2.7",
	} {
		for _, version := range []string{"5.0.0", "6.0.0", "7.5.4453"} {
			doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\n"+text+"\n"))
			if problems.Failed() {
				t.Fatal(problems)
			}
			rel, err := catalogue.Embedded().Release(version, catalogue.Compose)
			if err != nil {
				t.Fatal(err)
			}
			opened := 0
			for _, inst := range stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel}).Instances {
				for _, port := range inst.Ports {
					opened++
					if host, published, inside := stack.Published(port); host != want || published == "" || inside == "" {
						t.Errorf("%s, %s: %s opens %s, want it on %s", version, text, inst.Name, port, want)
					}
				}
			}
			if opened < 2 {
				t.Errorf("%s, %s: only %d ports are opened", version, text, opened)
			}
		}
	}
}
