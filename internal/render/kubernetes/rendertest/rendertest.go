// Package rendertest has configs and their stacks, for tests of what is rendered for Kubernetes.
package rendertest

import (
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/stack"
)

// Cases are configs for tests, by the feature that they show.
var Cases = map[string]string{
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

// extra is the content of extra.yaml: an object of a kind that no release has.
const extra = "apiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: {name: sourcegraph-frontend}\nspec: {healthCheck: {port: 6060}}\n"

// Resolve returns the stack of a config for a release, in the namespace "sg" or the given one. Files that the config names have some
// content.
func Resolve(t *testing.T, version, text string, namespace ...string) *stack.Stack {
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
