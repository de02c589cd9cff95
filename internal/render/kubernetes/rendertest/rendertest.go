// Package rendertest has configs and their stacks, for tests of what is rendered for Kubernetes.
package rendertest

import (
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/jsonc"
	"berth/internal/stack"
)

// Cases are configs for tests, by the feature that they show.
var Cases = map[string]string{
	"demo":              "size: demo",
	"replicas":          "services: {gitserver: {replicas: 2}, zoekt-webserver: {replicas: 2}, sourcegraph-frontend: {replicas: 4}}",
	"limits":            "services: {gitserver: {cpu: 500m, memory: 16Gi, storage: 1Ti, storageClass: fast}, pgsql: {memory: 900Mi, storage: 500Gi}, worker: {cpuRequest: 1, memoryRequest: 3Gi}}",
	"env":               "services: {worker: {env: {A: text, TOKEN: {env: TOKEN}, PRICE: \"$(5)\"}}}",
	"disabled":          "services: {cadvisor: {enabled: false}, grafana: {enabled: false}}",
	"insights-off":      "services: {codeinsights-db: {enabled: false}}",
	"tracing-off":       "services: {otel-collector: {enabled: false}}",
	"agent-off":         "services: {otel-agent: {enabled: false}}",
	"monitoring-off":    "services: {prometheus: {enabled: false}, grafana: {enabled: false}, cadvisor: {enabled: false}, node-exporter: {enabled: false}}",
	"prometheus-off":    "services: {prometheus: {enabled: false}}",
	"database":          "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
	"settings":          "databases: {pgsql: {settings: {shared_buffers: 4GB, log_line_prefix: \"%m it's \"}}}",
	"redis":             "redis: {redis-cache: {external: {env: REDIS}}}",
	"object-storage":    "objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}",
	"certificates":      "databases: {pgsql: {external: {host: pg.example.com, user: sg, database: sg, sslmode: verify-full, ca: ca.pem, clientCertificate: client.pem, clientKey: client.key}}}",
	"database-iam":      "databases: {pgsql: {external: {host: a.b.us-east-1.rds.amazonaws.com, user: sg, database: sg, auth: aws-iam}}}",
	"redis-ca":          "redis: {redis-store: {external: {env: REDIS}, ca: redis.pem}}",
	"gcs-identity":      "objectStorage: {backend: gcs, bucket: b, project: p}",
	"s3-identity":       "objectStorage: {backend: s3, bucket: b, endpoint: https://minio.example.com, auth: identity, ca: minio.pem}",
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
	"patch":             "patches: [{service: cadvisor, reason: no kmsg, kubernetes: {spec: {template: {spec: {containers: [{name: cadvisor, securityContext: {privileged: false}, volumeMounts: [{mountPath: /dev/disk, $patch: delete}]}], volumes: [{name: disk, $patch: delete}]}}}}}, {service: worker, kind: Service, kubernetes: {metadata: {annotations: {a: b}}}}]",
	"patch-claim":       "patches: [{service: gitserver, kubernetes: {spec: {volumeClaimTemplates: [{metadata: {name: repos}, spec: {volumeName: old-repos}}]}}}, {service: pgsql, kind: PersistentVolumeClaim, kubernetes: {spec: {volumeName: old-pgsql}}}]",
	"ingress":           "kubernetes: {ingress: {class: alb, annotations: {a: b}, tlsSecret: my-tls}}",
	"load-balancer":     "kubernetes: {ingress: {enabled: false}, service: {type: LoadBalancer, annotations: {a: b}, sourceRanges: [10.0.0.0/8]}}",
	"node-port":         "kubernetes: {service: {nodePort: 30080}}",
	"front":             "front: {hosts: [code.example.com], allow: [10.0.0.0/8, \"2001:db8::/32\"]}\ntls: {certificate: cert.pem, key: key.pem}",
	"gce":               "kubernetes: {ingress: {class: gce}}",
	"azure-gateway":     "kubernetes: {ingress: {class: azure-application-gateway, tlsSecret: my-tls}}",
	"own-class":         "kubernetes: {ingress: {class: public, controller: nginx}}\nfront: {allow: [10.0.0.0/8]}",
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
	"name":              "name: second",
	"objects":           "kubernetes: {objects: [extra.yaml]}",
	"containers":        "containers: {cloudsql: {image: \"proxy:1\", command: [--port=5432, $(HOME)], files: {/key.json: key.json}, ports: [\"5432\"], health: {port: 5432}, before: [migrator]}, tunnel: {image: \"tunnel:1\", entrypoint: [/tunnel], env: {TOKEN: {env: TT}}, cpu: 500m, memory: 256Mi, user: \"1000:1000\", health: {exec: [ok]}, volumes: {data: /data}, storage: 20Gi, labels: {team: code}, after: [sourcegraph-frontend]}}\nkubernetes: {pods: {nodeSelector: {disk: ssd}}}",
	"sidecars":          "services: {sourcegraph-frontend: {sidecars: {csql: {image: \"proxy:1\", command: [--port=5432], files: {/key.json: key.json}, health: {port: 9090, path: /readiness}, user: \"1000\", before: true}}}, gitserver: {sidecars: {save: {image: \"save:1\", volumes: {repos: /repos, tmp: /tmp}}}}}",
	"workers":           "workers: {insights: {jobs: [insights-job, insights-query-runner-job], replicas: 2, memory: 8Gi}, graph: {jobs: [codeintel-commitgraph-updater]}}\nservices: {worker: {env: {A: b}, pods: {serviceAccount: {annotations: {role: b}}}}}\npatches: [{service: worker, kubernetes: {spec: {minReadySeconds: 20}}}]",
	"demo-limits":       "size: demo\nservices: {zoekt-indexserver: {memory: 2Gi}, worker: {memory: 2Gi}}",
	"store-by-secret":   "services: {pgsql: {enabled: false}}\nkubernetes: {existingSecrets: {pgsql-auth: my-pgsql}}",

	"attributes": `allServices: {labels: {team: code}, annotations: {scrape: no}, env: {SRC_LOG_FORMAT: json}, extraHosts: {git.internal: 10.0.0.5}}
services:
  gitserver:
    labels: {team: git}
    env: {TOKEN: {secretKey: {name: code-host, key: token}}, ENDPOINT: {configMapKey: {name: corp, key: endpoint}}}
    extraHosts: {git2.internal: 10.0.0.5, mail.internal: 10.0.0.6}
    dns: {servers: [10.0.0.2], search: [corp.example.com], options: ["ndots:2", edns0]}
    timezone: Europe/Berlin
    sysctls: {net.ipv4.tcp_fin_timeout: 30}
    mounts:
    - {at: /certs, secret: corp-tls}
    - {at: /etc/corp.conf, configMap: corp, key: corp.conf}
    - {at: /etc/note, file: note.txt}
    - {at: /shared, volume: shared, readOnly: true}
    - {at: /host, path: /srv}`,
	"volumes": "services: {gitserver: {replicas: 2, volume: {nfs: {server: nfs.example.com, path: \"/export/repos-{i}\", options: \"nfsvers=4,hard\"}}}, pgsql: {volume: {name: old-pgsql}}, zoekt-webserver: {volume: {name: old-index}}, redis-store: {volume: {path: /mnt/redis}, pods: {nodeSelector: {disk: big}}}}",
}

// extra is the content of extra.yaml: an object of a kind that no release has.
const extra = "apiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: {name: sourcegraph-frontend}\nspec: {healthCheck: {port: 6060}}\n"

// Resolve returns the stack of a config for a release, in the namespace "sg" or the given one. Files that the config names have some
// content.
func Resolve(t *testing.T, version, text string, namespace ...string) *stack.Stack {
	t.Helper()
	if !strings.HasPrefix(text, "url: ") {
		text = "url: https://sourcegraph.example.com\n" + text
	}
	doc, problems := config.Load("sourcegraph.yaml", []byte("target: kubernetes\n"+text+"\n"))
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
	site, _ := jsonc.Parse([]byte(`{"experimentalFeatures": {"theirs": true}, /* and more */}`))
	return stack.Resolve(stack.Input{SiteConfig: site, Config: doc.Config, At: doc.At, Release: rel, Files: files, Namespace: strings.Join(append(namespace, "sg")[:1], "")})
}
