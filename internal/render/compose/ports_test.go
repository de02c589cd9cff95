package compose_test

import (
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/render/compose"
	"berth/internal/stack"
)

// TestPortsThatClashAreFound: whoever publishes them, the release, a key, or a patch in any of Compose's forms.
func TestPortsThatClashAreFound(t *testing.T) {
	for text, want := range map[string]int{
		"":                        0,
		"ports: {http: 4317}":     0,
		"tracing: {jaeger: true}": 0,
		"tracing: {jaeger: true}\nports: {http: 4317}":                                                                                   1,
		"patches: [{service: worker, compose: {ports: [\"9090:7000\"]}}]":                                                                1,
		"patches: [{service: worker, compose: {ports: [\"9090:7000/udp\"]}}]":                                                            0,
		"patches: [{service: worker, compose: {ports: [\"7000\", 7001]}}]":                                                               0,
		"patches: [{service: worker, compose: {ports: [{target: 7000, published: 9090}]}}]":                                              1,
		"patches: [{service: worker, compose: {ports: [{target: 7000, published: \"9089-9091\"}]}}]":                                     1,
		"patches: [{service: worker, compose: {ports: [\"9089-9091:9089-9091\"]}}]":                                                      1,
		"patches: [{service: worker, compose: {ports: [\"[::1]:9090:7000\"]}}]":                                                          0,
		"patches: [{service: worker, compose: {ports: [\"192.0.2.7:9090:7000\"]}}]":                                                      1,
		"patches: [{service: worker, compose: {ports: [\"192.0.2.7:80:7000\"]}}]\nports: {bind: 192.0.2.8}":                              0,
		"services: {sourcegraph-frontend: {replicas: 2}}\npatches: [{service: sourcegraph-frontend, compose: {ports: [\"7000:3080\"]}}]": 1,
	} {
		doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\nurl: http://sourcegraph.example.com\n"+text+"\n"))
		if problems.Failed() {
			t.Fatal(problems)
		}
		rel, err := catalogue.Embedded().Release("7.5.4453", catalogue.Compose)
		if err != nil {
			t.Fatal(err)
		}
		_, problems = compose.Render(stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel}), nil)
		if len(problems) != want || want > 0 && problems[0].Code != "BERTH1154" {
			t.Errorf("%s: %v", text, problems)
		}
	}
}
