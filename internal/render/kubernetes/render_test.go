package kubernetes_test

import (
	"encoding/base64"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
)

var update = flag.Bool("update", false, "write golden files anew")

// cases are configs, by the feature that they show. Each golden file holds what the feature changes in the objects of the release's
// defaults, as a difference, so that a reviewer sees just that.
var cases = map[string]string{
	"demo":              "size: demo",
	"replicas":          "services: {gitserver: {replicas: 2}, zoekt-webserver: {replicas: 2}, sourcegraph-frontend: {replicas: 4}}",
	"limits":            "services: {gitserver: {cpu: 500m, memory: 16Gi, storage: 1Ti, storageClass: fast}, pgsql: {memory: 900Mi, storage: 500Gi}, worker: {cpuRequest: 1, memoryRequest: 3Gi}}",
	"env":               "services: {worker: {env: {A: text, TOKEN: {env: TOKEN}, PRICE: \"$(5)\"}}}",
	"disabled":          "services: {cadvisor: {enabled: false}, grafana: {enabled: false}}",
	"database":          "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
	"settings":          "databases: {pgsql: {settings: {shared_buffers: 4GB, log_line_prefix: \"%m it's \"}}}",
	"redis":             "redis: {redis-cache: {external: {env: REDIS}}}",
	"object-storage":    "objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}",
	"tls":               "tls: {certificate: cert.pem, key: key.pem}",
	"proxy":             "proxy: {http: \"http://proxy:3128\", https: \"http://proxy:3128\", none: [git.example.com]}",
	"git":               "git: {sshKey: {file: id}, knownHosts: known_hosts, config: gitconfig, netrc: {file: netrc}}",
	"site-config":       "siteConfig: {file: site.json}\nlicense: {env: LICENSE}\ncertificateAuthorities: [ca.pem]",
	"code-hosts":        "codeHosts: {file: hosts.json, allowEdits: true}\nsettings: {file: settings.json}",
	"registry":          "images: {registry: registry.example.com/mirror, login: {username: robot, password: {env: PW}}}",
	"collector":         "tracing: {collector: otel.yaml}",
	"jaeger":            "tracing: {jaeger: true}\nservices: {jaeger: {memory: 2Gi}}",
	"executors":         "executors: {}\nsiteConfig: {file: site.json}",
	"executors-queue":   "executors: {queues: [batches]}\nsiteConfig: {file: site.json}\nservices: {executor: {storage: 50Gi, env: {EXECUTOR_MAXIMUM_NUM_JOBS: \"2\"}}}",
	"patch":             "patches: [{service: cadvisor, reason: no kmsg, kubernetes: {spec: {template: {spec: {containers: [{name: cadvisor, securityContext: {privileged: false}}], volumes: [{name: disk, $patch: delete}]}}}}}, {service: worker, kind: Service, kubernetes: {metadata: {annotations: {a: b}}}}]",
	"patch-claim":       "patches: [{service: gitserver, kubernetes: {spec: {volumeClaimTemplates: [{metadata: {name: repos}, spec: {volumeName: old-repos}}]}}}, {service: pgsql, kind: PersistentVolumeClaim, kubernetes: {spec: {volumeName: old-pgsql}}}]",
	"ingress":           "kubernetes: {ingress: {class: alb, annotations: {a: b}, tlsSecret: my-tls}}",
	"load-balancer":     "kubernetes: {ingress: {enabled: false}, service: {type: LoadBalancer, annotations: {a: b}, sourceRanges: [10.0.0.0/8]}}",
	"node-port":         "kubernetes: {service: {nodePort: 30080}}",
	"placement":         "kubernetes: {pods: {nodeSelector: {disk: ssd}, tolerations: [{key: dedicated, operator: Exists}], priorityClass: high, labels: {team: code}}}\nservices: {gitserver: {pods: {nodeSelector: {big: \"true\"}, topologySpread: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}], affinity: {nodeAffinity: {}}}}}",
	"storage-class":     "kubernetes: {storageClass: {name: ssd, provisioner: ebs.csi.aws.com, parameters: {type: gp3}}}",
	"existing-class":    "kubernetes: {storageClass: {name: ssd}}",
	"budgets":           "kubernetes: {disruptionBudgets: true}",
	"network-policy":    "kubernetes: {networkPolicy: true}",
	"restricted":        "kubernetes: {podSecurity: restricted}",
	"baseline":          "kubernetes: {podSecurity: baseline}",
	"namespaced":        "kubernetes: {clusterScoped: false}",
	"openshift":         "kubernetes: {openshift: true}",
	"run-as":            "kubernetes: {runAs: {user: 1000, fsGroup: 2000}}",
	"istio":             "kubernetes: {mesh: istio}",
	"linkerd":           "kubernetes: {mesh: linkerd}",
	"single-node":       "kubernetes: {singleNode: true}",
	"existing-secrets":  "kubernetes: {existingSecrets: {pgsql-auth: my-pgsql, redis-cache: my-redis}, imagePullSecrets: [regcred]}",
	"workload-identity": "services: {sourcegraph-frontend: {pods: {serviceAccount: {annotations: {role: a}}}}, worker: {pods: {serviceAccount: {annotations: {role: b}}}}, prometheus: {pods: {serviceAccount: {name: mine}}}}",
	"objects":           "kubernetes: {objects: [extra.yaml]}",
	"demo-limits":       "size: demo\nservices: {zoekt-indexserver: {memory: 2Gi}, worker: {memory: 2Gi}}",
	"store-by-secret":   "services: {pgsql: {enabled: false}}\nkubernetes: {existingSecrets: {pgsql-auth: my-pgsql}}",
}

const extra = "apiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: {name: sourcegraph-frontend}\nspec: {healthCheck: {port: 6060}}\n"

func resolve(t *testing.T, version, text string, namespace ...string) *stack.Stack {
	t.Helper()
	doc, problems := config.Load("sourcegraph.yaml", []byte("on: kubernetes\nurl: https://sourcegraph.example.com\n"+text+"\n"))
	if problems.Failed() {
		t.Fatal(problems)
	}
	rel, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"extra.yaml": []byte(extra)}
	for _, name := range stack.FileNames(doc.Config) {
		if files[name] == nil {
			files[name] = []byte("the content of " + name + "\n")
		}
	}
	return stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel, Files: files, Namespace: strings.Join(append(namespace, "sg")[:1], "")})
}

func render(t *testing.T, version, text string) *kubernetes.Set {
	t.Helper()
	set, problems := kubernetes.Render(resolve(t, version, text), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

// written is a set as one text.
func written(set *kubernetes.Set) string {
	var b strings.Builder
	for _, o := range set.Objects {
		b.Write(yaml.Encode(o.Key()+" "+o.Service+" after "+strings.Join(o.Needs, " "), o.Body))
		for _, key := range slices.Sorted(maps.Keys(o.Values)) {
			b.WriteString("# value " + key + ":")
			for _, p := range o.Values[key] {
				if p.Secret != "" {
					b.WriteString(" {" + p.Secret + "}")
				} else {
					b.WriteString(" " + strings.ReplaceAll(p.Text, "\n", "\\n"))
				}
			}
			b.WriteString("\n")
		}
		b.WriteString("---\n")
	}
	return b.String()
}

func TestGoldenFeatures(t *testing.T) {
	const version = "7.5.4453"
	defaults := written(render(t, version, ""))
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			now := written(render(t, version, text))
			if now == defaults {
				t.Error("the config changes nothing")
			}
			golden(t, name+".diff", string(diff.Diff("defaults", []byte(defaults), name, []byte(now))))
		})
	}
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff("golden", want, "now", []byte(text)); d != nil {
		t.Errorf("%s: not as the golden file says; if this is right: make golden\n%s", name, d)
	}
}

// TestUntouchedIsTheChart: without a word in the config, the objects of every release are those that Sourcegraph's chart makes, but for
// what catalogue/intended.yaml gives reasons for.
func TestUntouchedIsTheChart(t *testing.T) {
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		if catalogue.Minor(v.Version) == "7.5" || strings.HasSuffix(v.Version, ".0") {
			t.Run(v.Version, func(t *testing.T) { chart(t, v.Version) })
		}
	}
}

func chart(t *testing.T, version string) {
	rel, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	want, err := rel.Recompose("sg")
	if err != nil {
		t.Fatal(err)
	}
	delete(want, "StorageClass/sourcegraph")
	for _, o := range render(t, version, "").Objects {
		if o.OneShot {
			continue
		}
		shipped, _ := want[o.Key()].(map[string]any)
		delete(want, o.Key())
		if shipped == nil {
			t.Errorf("%s is not in the chart", o.Key())
			continue
		}
		if diff := cmp.Diff(comparable(shipped), comparable(o.Body)); diff != "" {
			t.Errorf("%s: chart (-), berth (+)\n%s", o.Key(), diff)
		}
		for key, parts := range o.Values {
			encoded, _ := shipped["data"].(map[string]any)[key].(string)
			plain, _ := base64.StdEncoding.DecodeString(encoded)
			if parts[0].Secret == "" && parts[0].Text != string(plain) {
				t.Errorf("%s: %s is %q, in the chart %q", o.Key(), key, parts[0].Text, plain)
			}
			if parts[0].Secret != "" && key != "password" {
				t.Errorf("%s: %s is generated, in the chart %q", o.Key(), key, plain)
			}
		}
	}
	for key := range want {
		t.Errorf("%s of the chart is missing", key)
	}
}

// comparable leaves out what differs on purpose: labels of whose it is, the namespace, nulls, the class of volumes, the host of the ingress.
func comparable(v any) any {
	m, ok := v.(map[string]any)
	if l, isList := v.([]any); isList {
		out := make([]any, len(l))
		for i := range l {
			out[i] = comparable(l[i])
		}
		return out
	}
	if !ok {
		return v
	}
	out := map[string]any{}
	for key, value := range m {
		switch {
		case value == nil, key == "storageClassName", key == "host" && m["http"] != nil, key == "namespace", key == "data" && m["kind"] == "Secret":
			continue
		case key == "labels":
			labels := map[string]any{}
			for name, label := range value.(map[string]any) {
				if !strings.HasPrefix(name, "dev.berth.") && name != "helm.sh/chart" && name != "app.kubernetes.io/managed-by" {
					labels[name] = label
				}
			}
			if len(labels) > 0 {
				out[key] = labels
			}
			continue
		}
		out[key] = comparable(value)
	}
	return out
}

// TestOnlyTheFrontendOpensDatabases: in every release all other services that need the schema learn from the frontend where it is.
func TestOnlyTheFrontendOpensDatabases(t *testing.T) {
	minors := map[string]bool{}
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) { // the newest first
		if minors[catalogue.Minor(v.Version)] {
			continue
		}
		minors[catalogue.Minor(v.Version)] = true
		var impatient []string
		patient := 0
		for _, o := range render(t, v.Version, "").Objects {
			switch {
			case o.Patient:
				patient++
			case !o.OneShot && len(o.Needs) > 0:
				impatient = append(impatient, o.Key())
			}
		}
		if !slices.Equal(impatient, []string{"Deployment/sourcegraph-frontend"}) || patient < 5 {
			t.Errorf("%s: %d objects wait for the frontend, and these don't: %v", v.Version, patient, impatient)
		}
	}
}
