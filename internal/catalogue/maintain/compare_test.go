package maintain

import (
	"strings"
	"testing"

	"berth/catalogue"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

const shipped = `
version: '2.4'
services:
  a-0:
    image: x:1@sha256:1
    cpus: .5
    mem_limit: '500m'
    shm_size: 1g
    command: run  --fast
    environment: ['A=1', 'B=x=y', 'L=[ {"n": "a"} ]', 'EMPTY=']
    ports: ['0.0.0.0:80:8080']
    expose: [9100]
    volumes: ['data:/data/', '../conf/a.conf:/etc/a.conf', '/:/rootfs:ro']
    healthcheck: {test: "wget -q x || exit 1", interval: 1h, retries: 3}
    depends_on: {b: {condition: service_healthy}}
    networks: [n]
    stop_grace_period: 120s
  b: {image: 'y:1', depends_on: [a-0], command: ['x', '($$|/)']}
volumes: {data: }
networks: {n: }
`

// same is the same file in all the other forms that Compose allows.
const same = `
version: '2.4'
services:
  a-0:
    image: x:1@sha256:1
    cpus: 0.50
    mem_limit: 524288000
    shm_size: 1024m
    command: [run, --fast]
    environment: {A: 1, B: x=y, L: '[{"n":"a"}]', EMPTY: ''}
    ports: [{host_ip: 0.0.0.0, published: "80", target: 8080, protocol: tcp, mode: ingress}]
    expose: ['9100']
    volumes:
    - {type: bind, source: ./conf/a.conf, target: /etc/a.conf}
    - {type: volume, source: data, target: /data}
    - {type: bind, source: /, target: /rootfs, read_only: true}
    healthcheck: {test: [CMD-SHELL, "wget -q x || exit 1"], interval: 60m, retries: 3}
    depends_on: {b: {condition: service_healthy, required: true}}
    networks: {n: }
    stop_grace_period: 2m
  b: {image: 'y:1', depends_on: {a-0: {condition: service_started}}, command: ['x', '($$|/)']}
volumes: {data: {}}
networks: {n: {}}
`

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := yaml.Load([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestCompareCompose(t *testing.T) {
	if found := CompareCompose(parse(t, shipped), parse(t, same)); len(found) > 0 {
		t.Errorf("the same project differs: %v", found)
	}
	for _, test := range []struct{ from, to, want string }{
		{"A: 1", "A: 2", `a-0 environment.A: shipped "1", rendered "2"`},
		{"B: x=y, ", "", `a-0 environment.B: shipped "x=y", rendered nothing`},
		{"EMPTY: ''", "EMPTY: '', NEW: 1", `a-0 environment.NEW: shipped nothing, rendered "1"`},
		{`"n":"a"`, `"n":"b"`, `a-0 environment.L[0].n: shipped "a", rendered "b"`},
		{"sha256:1", "sha256:2", `a-0 image: shipped "x:1@sha256:1", rendered "x:1@sha256:2"`},
		{"524288000", "500000000", `a-0 mem_limit: shipped "524288000 bytes", rendered "500000000 bytes"`},
		{"0.50", "1", `a-0 cpus: shipped 0.5, rendered 1`},
		{`published: "80"`, `published: "81"`, `a-0 ports[0]: shipped "0.0.0.0:80:8080/tcp", rendered "0.0.0.0:81:8080/tcp"`},
		{", read_only: true", "", `a-0 volumes./rootfs: shipped "/ ro", rendered "/ rw"`},
		{"./conf/a.conf", "./conf/b.conf", `a-0 volumes./etc/a.conf: shipped "file conf/a.conf rw", rendered "file conf/b.conf rw"`},
		{"source: data", "source: other", `a-0 volumes./data: shipped "data rw", rendered "other rw"`},
		{"60m", "61m", `a-0 healthcheck.interval: shipped 3600, rendered 3660`},
		{"service_healthy", "service_started", `a-0 depends_on.b.condition: shipped "service_healthy", rendered "service_started"`},
		{"[run, --fast]", "[run]", `a-0 command: shipped ["run","--fast"], rendered ["run"]`},
		{"2m", "3m", `a-0 stop_grace_period: shipped 120, rendered 180`},
		{"  b: {image", "  c: {image", "b: shipped a service, rendered nothing"},
		{"volumes: {data: {}}", "volumes: {data: {}, more: {}}", "project volumes.more: shipped nothing, rendered {}"},
		{"image: x:1", "privileged: true\n    image: x:1", "a-0 privileged: shipped nothing, rendered true"},
	} {
		var lines []string
		for _, d := range CompareCompose(parse(t, shipped), parse(t, strings.Replace(same, test.from, test.to, 1))) {
			d.Release, d.Target = "1.2.3", catalogue.Compose
			lines = append(lines, d.String())
		}
		if len(lines) == 0 || lines[0] != "1.2.3 compose "+test.want {
			t.Errorf("%s -> %s: got %q, want %s", test.from, test.to, lines, test.want)
		}
	}
}

func TestExplain(t *testing.T) {
	differences := []Difference{
		{Target: catalogue.Compose, Part: "pgsql", Path: "labels.dev.berth.release"},
		{Target: catalogue.Compose, Part: "pgsql", Path: "environment.X"},
		{Target: catalogue.Kubernetes, Part: "pgsql", Path: "labels.dev.berth.release"},
	}
	unused := explain(differences, []Intended{
		{Target: catalogue.Compose, Part: "*", Path: "labels.dev.berth.*", Reason: "ours"},
		{Target: catalogue.Compose, Part: "gone", Path: "*", Reason: "was once"},
	})
	got := []string{differences[0].Reason, differences[1].Reason, differences[2].Reason}
	if diff := cmp.Diff([]string{"ours", "", ""}, got); diff != "" {
		t.Error(diff)
	}
	if len(unused) != 1 || unused[0].Part != "gone" {
		t.Errorf("unused: %v", unused)
	}
	if report := (&Report{Differences: differences}); report.Clean() || len(report.Unexplained()) != 2 {
		t.Error("a report with unexplained differences is clean")
	}
}

func TestCompareObjects(t *testing.T) {
	from := parse(t, `
Secret/s: {kind: Secret, data: {password: cGFzc3dvcmQ=}}
ConfigMap/c: {kind: ConfigMap, data: {a.yaml: "x: 1 # a comment\n", a.conf: "a = 1 # b"}}
Service/gone: {kind: Service}
`)
	to := parse(t, `
Secret/s: {kind: Secret, data: {password: e3NlY3JldH0=}}
ConfigMap/c: {kind: ConfigMap, data: {a.yaml: "{x: 1}", a.conf: "a = '2'"}}
Job/new: {kind: Job}
`)
	var lines []string
	for _, d := range compareObjects(from, to) {
		lines = append(lines, strings.TrimSpace(d.String()))
	}
	want := []string{
		`ConfigMap/c data.a.conf.a: shipped "1", rendered "2"`,
		"Job/new: shipped nothing, rendered an object",
		`Secret/s data.password: shipped "password", rendered "{secret}"`,
		"Service/gone: shipped an object, rendered nothing",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// TestExplainValues: an intended difference may be for one value only.
func TestExplainValues(t *testing.T) {
	differences := []Difference{{Path: "a", Shipped: "null", Rendered: nothing}, {Path: "b", Shipped: "1", Rendered: nothing}, {Path: "c", Shipped: "null", Rendered: "1"}}
	explain(differences, []Intended{{Part: "*", Path: "*", Shipped: "null", Rendered: nothing, Reason: "says nothing"}})
	if got := []string{differences[0].Reason, differences[1].Reason, differences[2].Reason}; !cmp.Equal(got, []string{"says nothing", "", ""}) {
		t.Errorf("reasons: %q", got)
	}
}
