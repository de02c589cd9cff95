package config

// Container is a container of the admin's own beside Sourcegraph's: a service of the project on Compose, a Deployment in a cluster, with a
// Service where it has ports.
type Container struct {
	Image      string            `yaml:"image" doc:"The image. Name a version, so that you decide when it changes." example:"gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.14.1"`
	Entrypoint []string          `yaml:"entrypoint" doc:"The program, instead of the image's own. Kubernetes calls it command." example:"[sh, -c]"`
	Command    []string          `yaml:"command" doc:"The arguments of the program. Kubernetes calls them args." example:"['--port=5432', 'project:region:instance']"`
	Env        map[string]Value  `yaml:"env" each:"NAME" doc:"Environment variables. A value is a text, or {env: NAME} or {file: PATH} for a secret, or {passwordOf: DATABASE}." example:"{TUNNEL_TOKEN: {env: TUNNEL_TOKEN}}"`
	Files      map[string]string `yaml:"files" each:"PATH" file:"text" doc:"Files beside this config that it reads: the path in the container, then the file. berth handles their content as a secret." example:"{/secrets/key.json: key.json}"`
	Volumes    map[string]string `yaml:"volumes" each:"NAME" doc:"Volumes of its own: a name, then the path in the container. They stay when the container is removed." example:"{data: /var/lib/data}"`
	Storage    Quantity          `yaml:"storage" unit:"bytes" doc:"The size of each of its volumes." on:"kubernetes" default:"10Gi" example:"50Gi"`
	Ports      []string          `yaml:"ports" each:"N" doc:"Ports that it listens on. Sourcegraph's services reach them under the container's name. On Compose, HOST:PORT or ADDRESS:HOST:PORT also opens the port on the host." example:"['5432']"`
	Health     *ContainerHealth  `yaml:"health" doc:"Its health check. Without it, the container is healthy when it runs."`
	CPU        Quantity          `yaml:"cpu" unit:"cores" doc:"The limit of processor cores." example:"500m"`
	Memory     Quantity          `yaml:"memory" unit:"bytes" doc:"The memory limit." example:"256Mi"`
	User       string            `yaml:"user" doc:"The user that it runs as, and after a colon the group. In a cluster both are numbers." default:"the image's own" example:"1000:1000"`
	Labels     map[string]string `yaml:"labels" each:"LABEL" doc:"Labels of the container; in a cluster, of its pods." example:"{team: code-search}"`
	Before     []string          `yaml:"before" each:"N" doc:"Services that start when it is healthy. A container before the migrator or a database also runs while an upgrade has only the databases running." example:"[migrator]"`
	After      []string          `yaml:"after" each:"N" doc:"Services that must be healthy before it starts. A container that is only after the front proxy also runs while people see the maintenance page." example:"[pgsql]"`
}

// Sidecar is a container of the admin's own in the pods of a service.
type Sidecar struct {
	Image      string            `yaml:"image" doc:"The image. Name a version, so that you decide when it changes." example:"gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.14.1"`
	Entrypoint []string          `yaml:"entrypoint" doc:"The program, instead of the image's own. Kubernetes calls it command." example:"[sh, -c]"`
	Command    []string          `yaml:"command" doc:"The arguments of the program. Kubernetes calls them args." example:"['--port=5432', 'project:region:instance']"`
	Env        map[string]Value  `yaml:"env" each:"NAME" doc:"Environment variables. A value is a text, or {env: NAME} or {file: PATH} for a secret, or {passwordOf: DATABASE}." example:"{TUNNEL_TOKEN: {env: TUNNEL_TOKEN}}"`
	Files      map[string]string `yaml:"files" each:"PATH" file:"text" doc:"Files beside this config that it reads: the path in the container, then the file. berth handles their content as a secret." example:"{/secrets/key.json: key.json}"`
	Volumes    map[string]string `yaml:"volumes" each:"NAME" doc:"Volumes of the pod that it shares: a name, then the path in the container. A volume that the pod does not have is an empty one." example:"{repos: /data/repos}"`
	Health     *ContainerHealth  `yaml:"health" doc:"Its health check. Without it, the container is healthy when it runs."`
	CPU        Quantity          `yaml:"cpu" unit:"cores" doc:"The limit of processor cores." example:"500m"`
	Memory     Quantity          `yaml:"memory" unit:"bytes" doc:"The memory limit." example:"256Mi"`
	User       string            `yaml:"user" doc:"The user that it runs as, and after a colon the group, as numbers." default:"the image's own" example:"1000:1000"`
	Before     bool              `yaml:"before" doc:"Starts before the pod's other containers, the migrator included, and runs until they have ended. In the frontend's pods, it also runs beside the migrator's Job and beside berth's own tasks for databases. Needs Kubernetes 1.29." example:"true"`
}

// ContainerHealth is how a container of the admin's own is asked whether it is healthy.
type ContainerHealth struct {
	Exec []string `yaml:"exec" doc:"A command in the container that ends with exit code 0." example:"[pg_isready, '--host=localhost']"`
	Port *int     `yaml:"port" min:"1" max:"65535" doc:"A port of the container that takes connections. On Compose only berth checks it, not Docker." example:"5432"`
	Path string   `yaml:"path" doc:"With port: a path that answers a request with a status below 400." example:"/readiness"`
}

// Container is a sidecar as a container that stands by itself: what they have in common is resolved the same way.
func (s Sidecar) Container() Container {
	return Container{Image: s.Image, Entrypoint: s.Entrypoint, Command: s.Command, Env: s.Env, Files: s.Files, Volumes: s.Volumes,
		Health: s.Health, CPU: s.CPU, Memory: s.Memory, User: s.User}
}

// WorkerPool is a second deployment of the worker, for some of its jobs.
type WorkerPool struct {
	Jobs     []string `yaml:"jobs" each:"N" doc:"The jobs that it runs. The other workers then don't run them." example:"[insights-job, insights-query-runner-job]"`
	Replicas *int     `yaml:"replicas" min:"1" doc:"The number of its pods." on:"kubernetes" default:"1" example:"3"`
	CPU      Quantity `yaml:"cpu" unit:"cores" doc:"The limit of processor cores." default:"the worker's" example:"3"`
	Memory   Quantity `yaml:"memory" unit:"bytes" doc:"The memory limit." default:"the worker's" example:"8Gi"`
}
