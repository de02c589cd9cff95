package config

import (
	"bytes"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	cat := catalogue.Embedded()
	release, err := cat.Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := Load("sourcegraph.yaml", []byte("target: compose\nsize: demo\nservices:\n  gitserver:\n    memory: 16Gi\n    cpu: 4\nlicense: {env: KEY}\n"))
	if len(problems) > 0 {
		t.Fatal(rendered(problems))
	}
	facts := Facts{Doc: doc, Release: release, Services: cat.Describe()}
	for key, want := range map[string]Explanation{
		"services.gitserver.memory":               {Type: "bytes: 8Gi, 500Mi", Default: "8Gi", Value: "16Gi", From: "sourcegraph.yaml:5:13"},
		"services.pgsql.memory":                   {Type: "bytes: 8Gi, 500Mi", Default: "4Gi", Value: "no limit", From: "size demo"},
		"services.gitserver.replicas":             {Type: "a whole number, 1 or more", Default: "1", Value: "1", From: "release 7.5.4453"},
		"services.executor.enabled":               {Type: "true or false", Default: "false", Value: "false", From: "release 7.5.4453"},
		"ports.prometheus":                        {Type: "a whole number from 0 to 65535", Default: "9090", Value: "9090", From: "release 7.5.4453"},
		"ports.grafana":                           {Type: "a whole number from 0 to 65535", Default: "closed", Value: "closed", From: "release 7.5.4453"},
		"databases.pgsql.settings.shared_buffers": {Type: "text", Default: "1GB", Value: "1GB", From: "release 7.5.4453"},
		"license":           {Type: "a secret: {env: NAME} or {file: PATH}", Value: "{env: KEY}", From: "sourcegraph.yaml:7:10"},
		"release":           {Type: "text", Default: "7.5.4453", Value: "7.5.4453", From: "release 7.5.4453"},
		"size":              {Type: "demo, xs, s, m, l, xl, 2xl or 3xl", Default: "as Sourcegraph ships them", Value: "demo", From: "sourcegraph.yaml:2:7"},
		"git.sshKey":        {Type: "a secret: {env: NAME} or {file: PATH}"},
		"patches.service":   {Type: "text"},
		"patches.3.compose": {Type: "a map"},
	} {
		got, err := Explain(key, facts)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got.Means == "" && got.Type != "text" {
			t.Errorf("%s has no meaning", key)
		}
		short := Explanation{Type: got.Type, Default: got.Default, Value: got.Value, From: got.From}
		if diff := cmp.Diff(want, short); diff != "" {
			t.Errorf("%s: -want +got\n%s", key, diff)
		}
	}
	for key, want := range map[string]string{
		"memory":                   `there is no key "memory"; did you mean services.SERVICE.memory?`,
		"services.gitservr.memory": `there is no key "gitservr" under services; did you mean gitserver?`,
		"tls.sertificate":          `there is no key "sertificate" under tls; did you mean certificate?`,
		"databases.mysql":          `there is no key "mysql" under databases; known: pgsql, codeintel-db and codeinsights-db`,
		"redis.x":                  `there is no key "x" under redis; known: redis-cache and redis-store`,
		"banana":                   `there is no key "banana"; berth explain lists them`,
		"on.x":                     `there is no key "x" under on; it has no keys`,
	} {
		if _, err := Explain(key, facts); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", key, err, want)
		}
	}
	var b bytes.Buffer
	x, _ := Explain("services.gitserver.memory", facts)
	x.WriteText(&b, diag.Paper{})
	want := `services.gitserver.memory
  The memory limit: 8Gi, 500Mi. G and M count in thousands, Gi and Mi in 1024s.

  type      bytes: 8Gi, 500Mi
  default   8Gi
  in force  16Gi   sourcegraph.yaml:5:13
  example   memory: 16Gi
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestExplainKubernetes: on Kubernetes, defaults are those of the release's objects.
func TestExplainKubernetes(t *testing.T) {
	cat := catalogue.Embedded()
	release, err := cat.Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := Load("sourcegraph.yaml", []byte("target: kubernetes\nservices:\n  gitserver:\n    memory: 16Gi\n"))
	if len(problems) > 0 {
		t.Fatal(rendered(problems))
	}
	facts := Facts{Doc: doc, Release: release, Services: cat.Describe()}
	for key, want := range map[string][2]string{ // default, value in force
		"services.gitserver.memory":                          {"8G", "16Gi"},
		"services.gitserver.memoryRequest":                   {"8G", "8G"},
		"services.gitserver.storage":                         {"200Gi", "200Gi"},
		"services.gitserver.replicas":                        {"1", "1"},
		"services.sourcegraph-frontend.replicas":             {"2", "2"},
		"services.cadvisor.replicas":                         {"one on each node", "one on each node"},
		"services.pgsql.storage":                             {"200Gi", "200Gi"},
		"services.zoekt-indexserver.cpu":                     {"8", "8"},
		"services.zoekt-indexserver.replicas":                {"as zoekt-webserver has", "as zoekt-webserver has"},
		"services.migrator.memory":                           {"100M", "100M"},
		"services.pgsql-exporter.cpu":                        {"10m", "10m"},
		"services.worker.storage":                            {"", ""},
		"services.prometheus.enabled":                        {"true", "true"},
		"databases.pgsql.settings.shared_buffers":            {"1GB", "1GB"},
		"services.gitserver.env.OTEL_EXPORTER_OTLP_ENDPOINT": {"http://$(OTEL_AGENT_HOST):4317", "http://$(OTEL_AGENT_HOST):4317"},
	} {
		got, err := Explain(key, facts)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got.Default != want[0] || got.Value != want[1] {
			t.Errorf("%s: default %q, value %q, want %q", key, got.Default, got.Value, want)
		}
	}
}

// TestExplainEveryKey: every key has a meaning, and can be explained.
func TestExplainEveryKey(t *testing.T) {
	var walk func(k *Key, path string)
	walk = func(k *Key, path string) {
		e, err := Explain(path, Facts{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		for _, b := range e.Below {
			if b.Means == "" && k.Kind != Named {
				t.Errorf("%s says nothing", b.Key)
			}
		}
		for _, c := range k.Keys() {
			walk(c, trimDot(path+"."+c.Name))
		}
		if k.Elem != nil {
			walk(k.Elem, trimDot(path+"."+k.Elem.Name))
		}
	}
	walk(Root(), "")
}

func trimDot(path string) string {
	if path != "" && path[0] == '.' {
		return path[1:]
	}
	return path
}

func TestQuantities(t *testing.T) {
	for q, want := range map[Quantity]float64{"4": 4, "0.5": 0.5, "500m": 0.5, "0.125": 0.125} {
		if got, err := Cores(q); err != nil || got != want {
			t.Errorf("Cores(%s) = %v, %v", q, got, err)
		}
	}
	for q, want := range map[Quantity]int64{"8Gi": 8 << 30, "500Mi": 500 << 20, "1.5Gi": 3 << 29, "8G": 8e9, "10k": 10_000, "1Ti": 1 << 40} {
		if got, err := Bytes(q); err != nil || got != want {
			t.Errorf("Bytes(%s) = %v, %v", q, got, err)
		}
	}
}

// TestExplainBriefly: each key below another gets one line, with the release's value or the config's.
func TestExplainBriefly(t *testing.T) {
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := Load("sourcegraph.yaml", []byte("target: kubernetes\nservices: {gitserver: {memory: 16Gi}}\n"))
	for key, want := range map[string]string{
		"services.gitserver":       "memory         The memory limit: 8Gi, 500Mi [16Gi]\n",
		"services.pgsql":           "storage        The size of its volume (200Gi)\n",
		"databases.pgsql.settings": "shared_buffers                    1GB\n",
	} {
		x, err := Explain(key, Facts{Doc: doc, Release: release})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		x.WriteText(&b, diag.Paper{})
		if !bytes.Contains(b.Bytes(), []byte("  "+want)) {
			t.Errorf("%s lacks %q:\n%s", key, want, b.String())
		}
	}
}
