package config

// KubernetesOptions are what only Kubernetes has.
type KubernetesOptions struct {
	Context   string `yaml:"context" doc:"The kube context." default:"the current one"`
	Namespace string `yaml:"namespace" doc:"The namespace. It is made when it does not exist, and never deleted." default:"the context's, or sourcegraph" example:"sourcegraph"`

	Pods              Pods              `yaml:"pods" doc:"Where and how the pods of all services run; services.SERVICE.pods says it for one."`
	StorageClass      *StorageClass     `yaml:"storageClass" doc:"The class of all volumes, one that exists or one to make." default:"the cluster's own default class"`
	Ingress           *Ingress          `yaml:"ingress" doc:"The way in from outside the cluster."`
	Service           *FrontDoor        `yaml:"service" doc:"The frontend's Service, where the way in is a load balancer or a node port instead of an Ingress."`
	ImagePullSecrets  []string          `yaml:"imagePullSecrets" doc:"Secrets of the namespace with sign-ins for registries." example:"[regcred]"`
	ExistingSecrets   map[string]string `yaml:"existingSecrets" each:"SECRET" names:"pgsql-auth|codeintel-db-auth|codeinsights-db-auth|redis-cache|redis-store" doc:"Secrets of yours that stand for Sourcegraph's own, such as one that a secrets operator keeps: by Sourcegraph's name, yours. They need the same keys." example:"{pgsql-auth: my-pgsql}"`
	ClusterScoped     *bool             `yaml:"clusterScoped" doc:"false: no object outside the namespace at all, for admins without rights on the whole cluster. Prometheus then sees this namespace only, and cadvisor and node-exporter don't run." default:"true"`
	DisruptionBudgets bool              `yaml:"disruptionBudgets" doc:"PodDisruptionBudgets: a drained node takes at most one instance of a service at a time."`
	NetworkPolicy     bool              `yaml:"networkPolicy" doc:"NetworkPolicies: only pods of this installation reach each other, only the frontend is reached from outside."`
	PodSecurity       string            `yaml:"podSecurity" enum:"privileged|baseline|restricted" doc:"The level of Kubernetes' pod security standards that the pods keep to. Below privileged, cadvisor and node-exporter can't run." default:"privileged, as Sourcegraph ships it" example:"restricted"`
	RunAs             *RunAs            `yaml:"runAs" doc:"Who all containers run as, in place of Sourcegraph's own users; OpenShift wants it from the namespace's range."`
	Mesh              string            `yaml:"mesh" enum:"istio|linkerd" doc:"A service mesh that puts sidecars into the pods: gRPC ports are named for it, Jobs end in spite of it."`
	OpenShift         bool              `yaml:"openshift" doc:"OpenShift: a Route instead of an Ingress, nothing that its default security refuses."`
	SingleNode        bool              `yaml:"singleNode" doc:"A cluster of one machine, such as k3s: one instance of each service, requests small enough for one machine."`
	Conflicts         []Conflict        `yaml:"conflicts" each:"N" doc:"What to do about fields that something else in the cluster sets to other values, such as an operator. Replicas are left to autoscalers and kubectl scale without a word here; hand-made changes of other fields are put back."`
	Objects           []string          `yaml:"objects" file:"text" doc:"Files with further objects of yours, applied and removed with the rest." example:"[backend-config.yaml]"`
}

// Conflict is a decision about fields that something else sets too.
type Conflict struct {
	Object string `yaml:"object" doc:"The object; * stands for anything." default:"*" example:"Deployment/worker"`
	Field  string `yaml:"field" doc:"The field, as plans write it; * stands for anything." default:"*" example:"spec.template.spec.tolerations"`
	Choice string `yaml:"choice" enum:"take|yield" doc:"take: the value of this config holds. yield: the other one stays." example:"yield"`
}

// Pods is where and how pods run. The maps and lists are those of the Kubernetes API, under its own names.
type Pods struct {
	NodeSelector   map[string]string `yaml:"nodeSelector" each:"LABEL" doc:"Labels of the nodes that may run them." example:"{disk: ssd}"`
	Tolerations    []map[string]any  `yaml:"tolerations" doc:"Taints of nodes that they tolerate, as Kubernetes writes them." example:"[{key: dedicated, operator: Exists}]"`
	Affinity       map[string]any    `yaml:"affinity" doc:"Affinities, as Kubernetes writes them."`
	TopologySpread []map[string]any  `yaml:"topologySpread" doc:"Topology spread constraints, as Kubernetes writes them; without a labelSelector, the service's own."`
	PriorityClass  string            `yaml:"priorityClass" doc:"A priority class that exists." example:"business-critical"`
	Labels         map[string]string `yaml:"labels" each:"LABEL" doc:"Further labels of the pods."`
	Annotations    map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Further annotations of the pods."`
	ServiceAccount *ServiceAccount   `yaml:"serviceAccount" doc:"Who the pods are for the cloud and the cluster: workload identity."`
}

// ServiceAccount is who pods are.
type ServiceAccount struct {
	Name        string            `yaml:"name" doc:"A service account that exists. Without it, one is made for each service that needs one."`
	Annotations map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Annotations of the service accounts that are made, such as a cloud's workload identity." example:"{eks.amazonaws.com/role-arn: 'arn:aws:iam::1:role/sourcegraph'}"`
}

// StorageClass is the class of volumes.
type StorageClass struct {
	Name          string            `yaml:"name" doc:"The class's name." example:"ssd"`
	Provisioner   string            `yaml:"provisioner" doc:"Makes the class, with this provisioner. Without it, the class must exist." example:"ebs.csi.aws.com"`
	Parameters    map[string]string `yaml:"parameters" each:"PARAMETER" doc:"The provisioner's parameters." example:"{type: gp3}"`
	ReclaimPolicy string            `yaml:"reclaimPolicy" enum:"Retain|Delete" doc:"What becomes of a disk whose claim is deleted." default:"Retain"`
	BindingMode   string            `yaml:"bindingMode" enum:"WaitForFirstConsumer|Immediate" doc:"When a disk is made." default:"WaitForFirstConsumer"`
}

// Ingress is the way in.
type Ingress struct {
	Enabled     *bool             `yaml:"enabled" doc:"false: no Ingress." default:"true"`
	Class       string            `yaml:"class" doc:"The ingress class." default:"nginx" example:"alb"`
	Annotations map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Annotations for the ingress controller." example:"{cert-manager.io/cluster-issuer: letsencrypt}"`
	TLSSecret   string            `yaml:"tlsSecret" doc:"The Secret with the certificate, such as one that cert-manager keeps. With tls.certificate, berth makes it." example:"sourcegraph-tls"`
}

// FrontDoor is the frontend's Service.
type FrontDoor struct {
	Type         string            `yaml:"type" enum:"ClusterIP|LoadBalancer|NodePort" doc:"What kind of Service." default:"ClusterIP" example:"LoadBalancer"`
	NodePort     *int              `yaml:"nodePort" min:"1" max:"65535" doc:"The port of the nodes." default:"one that the cluster chooses" example:"30080"`
	Annotations  map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Annotations for the cloud's load balancer."`
	SourceRanges []string          `yaml:"sourceRanges" doc:"Addresses that may reach the load balancer." example:"[10.0.0.0/8]"`
}

// RunAs is who containers run as.
type RunAs struct {
	User    *int `yaml:"user" min:"1" doc:"User ID." example:"1000"`
	Group   *int `yaml:"group" min:"1" doc:"Group ID." default:"the user's" example:"1000"`
	FSGroup *int `yaml:"fsGroup" min:"1" doc:"Group of volumes." default:"the group" example:"1000"`
}
