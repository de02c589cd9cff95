package config

import "cmp"

// KubernetesOptions are the settings that only Kubernetes has.
type KubernetesOptions struct {
	Context   string `yaml:"context" doc:"The kube context." default:"the current one" example:"production"`
	Namespace string `yaml:"namespace" doc:"The namespace. berth creates it if it does not exist, and never deletes it." default:"the context's, or sourcegraph" example:"code-search"`

	Pods              Pods              `yaml:"pods" doc:"Where and how the pods of all services run; services.SERVICE.pods is for one service."`
	StorageClass      *StorageClass     `yaml:"storageClass" doc:"The storage class of all volumes, an existing one or one to create." default:"the cluster's own default class"`
	Ingress           *Ingress          `yaml:"ingress" doc:"The Ingress: access from outside the cluster."`
	Service           *FrontendService  `yaml:"service" doc:"The frontend's Service, for access through a load balancer or a node port instead of an Ingress."`
	ImagePullSecrets  []string          `yaml:"imagePullSecrets" doc:"Secrets of the namespace with sign-ins for registries." example:"[regcred]"`
	ExistingSecrets   map[string]string `yaml:"existingSecrets" each:"SECRET" names:"pgsql-auth|codeintel-db-auth|codeinsights-db-auth|redis-cache|redis-store" doc:"Your Secrets that replace Sourcegraph's own, for example from a secrets operator: Sourcegraph's name, then yours. They need the same keys." example:"{pgsql-auth: my-pgsql}"`
	ClusterScoped     *bool             `yaml:"clusterScoped" doc:"false: no object outside the namespace at all, for admins without rights on the whole cluster. Prometheus then sees this namespace only, and services that use ports or folders of the nodes don't run: cadvisor, node-exporter, otel-agent." default:"true" example:"false"`
	DisruptionBudgets bool              `yaml:"disruptionBudgets" doc:"PodDisruptionBudgets: draining a node stops at most one instance of a service at a time." example:"true"`
	NetworkPolicy     bool              `yaml:"networkPolicy" doc:"NetworkPolicies: only pods of this installation reach each other, only the frontend is reached from outside." example:"true"`
	PodSecurity       string            `yaml:"podSecurity" enum:"privileged|baseline|restricted" doc:"The level of Kubernetes' pod security standards that the pods meet. Below privileged, cadvisor and node-exporter can't run." default:"privileged, as Sourcegraph ships it" example:"restricted"`
	RunAs             *RunAs            `yaml:"runAs" doc:"The user of all containers, instead of Sourcegraph's own users; OpenShift requires one from the namespace's range."`
	Mesh              string            `yaml:"mesh" enum:"istio|linkerd" doc:"A service mesh that adds sidecars to the pods: gRPC ports get the names that it needs, and Jobs finish despite the sidecar." example:"istio"`
	OpenShift         bool              `yaml:"openshift" doc:"OpenShift: a Route instead of an Ingress, and nothing that its default security refuses." example:"true"`
	SingleNode        bool              `yaml:"singleNode" doc:"A cluster of one machine, such as k3s: one instance of each service, requests small enough for one machine." example:"true"`
	Conflicts         []Conflict        `yaml:"conflicts" each:"N" doc:"What to do with fields that another program, such as an operator, sets to other values. Without a decision here, berth leaves replicas to autoscalers and kubectl scale, unless they are 0, and resets manual changes of other fields."`
	Objects           []string          `yaml:"objects" file:"text" doc:"Files with your own objects, applied and removed with the rest." example:"[backend-config.yaml]"`
}

// Conflict is a decision about fields that another program sets too.
type Conflict struct {
	Object string `yaml:"object" doc:"The object; * matches anything." default:"*" example:"Deployment/worker"`
	Field  string `yaml:"field" doc:"The field, as plans write it; * matches anything." default:"*" example:"spec.template.spec.tolerations"`
	Choice string `yaml:"choice" enum:"take|yield" doc:"take: use the value of this config. yield: keep the other value." example:"yield"`
}

// Pods says where and how pods run. The maps and lists are those of the Kubernetes API, under its names.
type Pods struct {
	NodeSelector   map[string]string `yaml:"nodeSelector" each:"LABEL" doc:"Labels of the nodes that may run the pods." example:"{disk: ssd}"`
	Tolerations    []map[string]any  `yaml:"tolerations" doc:"Taints of nodes that they tolerate, as Kubernetes writes them." example:"[{key: dedicated, operator: Exists}]"`
	Affinity       map[string]any    `yaml:"affinity" doc:"Affinities, as Kubernetes writes them." example:"{nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}]}}}"`
	TopologySpread []map[string]any  `yaml:"topologySpread" doc:"Topology spread constraints, as Kubernetes writes them; without a labelSelector, the service's own." example:"[{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}]"`
	PriorityClass  string            `yaml:"priorityClass" doc:"A priority class that exists." example:"business-critical"`
	Labels         map[string]string `yaml:"labels" each:"LABEL" doc:"Further labels of the pods." example:"{team: code-search}"`
	Annotations    map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Further annotations of the pods." example:"{prometheus.io/scrape: 'false'}"`
	ServiceAccount *ServiceAccount   `yaml:"serviceAccount" doc:"The identity of the pods in the cloud and the cluster: workload identity."`
}

// ServiceAccount is the account of pods.
type ServiceAccount struct {
	Name        string            `yaml:"name" main:"yes" doc:"An existing service account. Without it, berth creates one for each service that needs one." example:"sourcegraph"`
	Annotations map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Annotations of the created service accounts, such as a cloud's workload identity." example:"{eks.amazonaws.com/role-arn: 'arn:aws:iam::1:role/sourcegraph'}"`
}

// StorageClass is the class of volumes.
type StorageClass struct {
	Name          string            `yaml:"name" main:"yes" doc:"The class's name." example:"ssd"`
	Provisioner   string            `yaml:"provisioner" doc:"Creates the class with this provisioner. Without it, the class must exist." example:"ebs.csi.aws.com"`
	Parameters    map[string]string `yaml:"parameters" each:"PARAMETER" doc:"The provisioner's parameters." example:"{type: gp3}"`
	ReclaimPolicy string            `yaml:"reclaimPolicy" enum:"Retain|Delete" doc:"What happens to a disk when its claim is deleted." default:"Retain" example:"Delete"`
	BindingMode   string            `yaml:"bindingMode" enum:"WaitForFirstConsumer|Immediate" doc:"When a disk is created." default:"WaitForFirstConsumer" example:"Immediate"`
}

// Ingress is the Ingress that leads to the frontend.
type Ingress struct {
	Enabled     *bool             `yaml:"enabled" doc:"false: no Ingress." default:"true" example:"false"`
	Class       string            `yaml:"class" main:"yes" doc:"The ingress class. berth sets what the controller of that name needs: docs/ingress.md." default:"nginx" example:"alb"`
	Controller  string            `yaml:"controller" enum:"nginx|gce|gce-internal|alb|azure-application-gateway|traefik|haproxy|contour|istio|other" doc:"The controller behind the class, if the class has another name." default:"as the class is named" example:"traefik"`
	Annotations map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Annotations for the ingress controller." example:"{cert-manager.io/cluster-issuer: letsencrypt}"`
	TLSSecret   string            `yaml:"tlsSecret" doc:"The Secret with the certificate, such as one that cert-manager maintains. With tls.certificate, berth creates it." example:"sourcegraph-tls"`
}

// FrontendService is the frontend's Service.
type FrontendService struct {
	Type         string            `yaml:"type" main:"yes" enum:"ClusterIP|LoadBalancer|NodePort" doc:"What kind of Service." default:"ClusterIP" example:"LoadBalancer"`
	Port         *int              `yaml:"port" min:"1" max:"65535" doc:"The port of the load balancer. No other port is opened." default:"that of url" example:"8443"`
	NodePort     *int              `yaml:"nodePort" min:"1" max:"65535" doc:"The port of the nodes." default:"that of url if it is one for nodes, else one that the cluster chooses" example:"30080"`
	Annotations  map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Annotations for the cloud's load balancer." example:"{networking.gke.io/load-balancer-type: Internal}"`
	SourceRanges []string          `yaml:"sourceRanges" doc:"Addresses that may reach the load balancer." example:"[10.0.0.0/8]"`
}

// ControllerName is the name of the controller: as the config says, or as the class is named in one of its two forms.
func (i *Ingress) ControllerName() string {
	if i == nil {
		return defaultController
	}
	return cmp.Or(i.Controller, i.Class, i.Annotations["kubernetes.io/ingress.class"], defaultController)
}

// defaultController is the one that Sourcegraph's own Ingress is for.
const defaultController = "nginx"

// Kind is the type of the Service.
func (f *FrontendService) Kind() string {
	switch {
	case f == nil:
		return "ClusterIP"
	case f.Type == "" && f.NodePort != nil:
		return "NodePort"
	}
	return cmp.Or(f.Type, "ClusterIP")
}

// PortFor is the port of a load balancer, where people use a port.
func (f *FrontendService) PortFor(used int) int {
	if f.Port != nil {
		return *f.Port
	}
	return cmp.Or(used, 80)
}

// Node ports are in the range that clusters reserve for them, unless their API server is configured otherwise.
//
// Source: https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport
const FirstNodePort, LastNodePort = 30000, 32767

// NodePortFor is the port of the nodes, where people use a port; 0: the cluster chooses one.
func (f *FrontendService) NodePortFor(used int) int {
	switch {
	case f.NodePort != nil:
		return *f.NodePort
	case used >= FirstNodePort && used <= LastNodePort:
		return used
	}
	return 0
}

// RunAs is the user and group of containers.
type RunAs struct {
	User    *int `yaml:"user" main:"yes" min:"1" doc:"User ID." example:"1000"`
	Group   *int `yaml:"group" min:"1" doc:"Group ID." default:"the user's" example:"2000"`
	FSGroup *int `yaml:"fsGroup" min:"1" doc:"Group of volumes." default:"the group" example:"2000"`
}
