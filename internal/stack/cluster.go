package stack

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
)

// Cluster is what only an installation on Kubernetes has. Rendering applies it and the Instances to the release's objects.
type Cluster struct {
	Namespace     string
	Options       config.KubernetesOptions
	Owners        map[string]string            // service by object: "sourcegraph-frontend" by "Ingress/sourcegraph-frontend"
	Objects       map[string]any               // the release's, by "Kind/name", with placeholders: see Object
	Containers    map[string]Container         // each instance's container, by service
	Dropped       []Dropped                    // containers of other services' pods that are turned off
	Changed       []string                     // keys of the release's ConfigMaps whose data the config changes
	Secrets       map[string]map[string][]Part // the data of Secrets of the release, by name and key
	Settings      map[string]Wanted            // the config's settings of single services
	TLSKey        string                       // secret with the key of the Ingress's certificate; "" without one
	Certificate   string                       // the Ingress's certificate, PEM
	RegistryLogin []Part                       // a docker config with the sign-in to the admin's registry; nil without one
	Demo          bool                         // a trial: no limits, small volumes, one instance of each service
	Extra         []File                       // the admin's own objects

	release *catalogue.Release // with the images that are run
}

// Object is one of Objects with images and namespace filled in. The caller owns it and may change it.
func (c *Cluster) Object(key string) map[string]any {
	whole, _ := c.release.Object(c.Objects[key], c.Namespace) // the catalogue's test proves that every release is complete
	return whole
}

// Container says which container of which object runs a service.
type Container struct {
	Object string // "Deployment/sourcegraph-frontend"
	Name   string // "frontend"
	Init   bool   // an init container
}

// Dropped is a container that is turned off in the pods of another service.
type Dropped struct {
	Container
	Origin
}

// Wanted has the config's settings of a service's pods; zero values mean the release's.
type Wanted struct {
	Service                   string // whose settings they are; a pool of workers has the worker's
	Sidecars                  []Instance
	Replicas                  *int
	CPU, Memory               config.Quantity // limits
	CPURequest, MemoryRequest config.Quantity
	Storage                   config.Quantity
	StorageClass              string
	Volume                    *config.Volume
	Pods                      config.Pods
	Origins                   []Origin
}

// DefaultNamespace is the namespace when neither config nor context has one.
const DefaultNamespace = "sourcegraph"

// Images are the references of all images of Sourcegraph's that the installation runs, in order.
func (s *Stack) Images() []string {
	refs := map[string]bool{}
	for _, inst := range s.Instances {
		if !inst.Own { // those are of registries of their own
			refs[inst.Image] = true
		}
	}
	if s.Cluster != nil {
		for _, object := range s.Cluster.Objects {
			pods := catalogue.Branch(object, "spec", "template", "spec")
			for _, group := range []string{"initContainers", "containers"} {
				for _, c := range catalogue.Maps(pods[group]) {
					image, _ := c["image"].(string)
					refs[s.Cluster.release.Images[strings.TrimPrefix(image, catalogue.ImagePrefix)]] = true
				}
			}
		}
	}
	delete(refs, "")
	return slices.Sorted(maps.Keys(refs))
}

// clusterFeatures are the parts of the config that change Kubernetes objects, in place of those that only Compose has.
var clusterFeatures = []func(*builder){
	(*builder).storeSecrets,
	(*builder).databaseLogin,
	(*builder).redis,
	(*builder).objectStorage,
	(*builder).siteConfig,
	(*builder).codeHostsAndSettings,
	(*builder).git,
	(*builder).ingressTLS,
	(*builder).registryLogin,
	(*builder).collector,
	(*builder).clusterJaeger,
	(*builder).clusterExecutors,
	(*builder).proxy,
	(*builder).addFetched,
	(*builder).withoutGone,
}

// cluster resolves what should run on Kubernetes. Each service's container is one instance, whatever the number of its pods. Its variables
// are the release's, without their values; features set values over them.
func (b *builder) cluster() {
	c := &Cluster{Objects: map[string]any{}, Owners: map[string]string{}, Containers: map[string]Container{},
		Secrets: map[string]map[string][]Part{}, Settings: map[string]Wanted{}, Demo: b.Config.Size == config.Demo}
	if o := b.Config.Kubernetes; o != nil {
		c.Options = *o
	}
	c.Namespace = cmp.Or(c.Options.Namespace, b.Namespace, DefaultNamespace)
	b.stack.Cluster = c
	b.overlayObjects()
	b.counts, b.gone, b.leads = map[string]int{}, gone(b.Config, b.Release), b.Release.Leads()
	for name, s := range b.Release.Services {
		if s.Kubernetes != nil && !b.gone[name] && !disabled(b.Config, name) && !replaced(b.Config, b.Release, name) {
			b.counts[name] = 1
		}
	}
	b.objects()
	for _, name := range slices.Sorted(maps.Keys(b.counts)) {
		b.container(name)
	}
	b.guestsOff()
	b.clusterPools()
	b.ownContainers()
	for _, apply := range clusterFeatures {
		apply(b)
	}
	for i := range b.stack.Instances {
		b.attributes(&b.stack.Instances[i])
	}
	for _, name := range slices.Sorted(maps.Keys(b.counts)) {
		c.Settings[name] = b.wanted(name)
	}
	b.poolSettings()
	for _, name := range c.Options.Objects {
		c.Extra = append(c.Extra, File{Path: name, Content: b.Files[name]})
	}
}

// objects adds the objects of all services that run. Secrets of replaced services stay: other services read from them where to connect.
func (b *builder) objects() {
	c := b.stack.Cluster
	release := *b.Release
	release.Images = map[string]string{}
	for name := range b.Release.Images {
		release.Images[name] = b.image(name)
	}
	b.postgresSettings(&release)
	c.release = &release
	for name, s := range release.Services {
		if s.Kubernetes == nil {
			continue
		}
		for key, object := range s.Kubernetes.Objects {
			if b.counts[name] > 0 || replaced(b.Config, b.Release, name) && strings.HasPrefix(key, "Secret/") {
				c.Objects[key], c.Owners[key] = object, name
			}
		}
	}
	for key, object := range release.Objects {
		c.Objects[key] = object
	}
}

// postgresSettings merges the admin's settings over the release's.
func (b *builder) postgresSettings(release *catalogue.Release) {
	release.Services = maps.Clone(release.Services)
	for name, d := range b.Config.Databases {
		s := release.Services[name]
		if len(d.Settings) == 0 || s.Kubernetes == nil {
			continue
		}
		key := "ConfigMap/" + name + "-conf"
		conf := maps.Clone(catalogue.Branch(s.Kubernetes.Objects[key]))
		if conf == nil {
			continue
		}
		data, _ := conf["data"].(map[string]any)
		data = maps.Clone(data)
		settings, _ := data["postgresql.conf"].(map[string]any)
		settings = maps.Clone(settings)
		for k, v := range d.Settings {
			settings[k] = v
		}
		data["postgresql.conf"], conf["data"] = settings, data
		k := *s.Kubernetes
		k.Objects = maps.Clone(k.Objects)
		k.Objects[key] = conf
		s.Kubernetes = &k
		release.Services[name] = s
		b.stack.Cluster.Changed = append(b.stack.Cluster.Changed, key)
	}
}

// container finds a service's container, and makes an instance of it.
func (b *builder) container(name string) {
	c := b.stack.Cluster
	there := b.Release.Services[name].Kubernetes.Container
	if c.Objects[there.Object] == nil {
		return
	}
	c.Containers[name] = Container{Object: there.Object, Name: there.Name, Init: there.Init}
	inst := Instance{Name: name, Service: name, Env: make([]EnvVar, len(there.Variables))}
	for i, variable := range there.Variables {
		inst.Env[i] = EnvVar{Name: variable, Shipped: true}
	}
	b.add(inst)
}

// guestsOff finds the services that are turned off and whose container is in pods that stay.
func (b *builder) guestsOff() {
	c := b.stack.Cluster
	for _, name := range slices.Sorted(maps.Keys(b.gone)) {
		k := b.Release.Services[name].Kubernetes
		if k == nil || c.Objects[k.Container.Object] == nil {
			continue
		}
		c.Dropped = append(c.Dropped, Dropped{Container{Object: k.Container.Object, Name: k.Container.Name, Init: k.Container.Init},
			Origin{Text: name + " is off", Range: b.At("services." + name + ".enabled")}})
	}
}

// wanted collects the config's settings of one service.
func (b *builder) wanted(name string) Wanted {
	s := b.Config.Services[name]
	w := Wanted{Service: name, Replicas: s.Replicas, CPU: s.CPU, Memory: s.Memory, CPURequest: s.CPURequest, MemoryRequest: s.MemoryRequest,
		Storage: s.Storage, StorageClass: s.StorageClass, Volume: s.Volume, Pods: b.pods(s)}
	if s.Replicas == nil && (b.stack.Cluster.Demo || b.stack.Cluster.Options.SingleNode) {
		one := 1
		w.Replicas = &one
	}
	at := "services." + name
	for _, setting := range []struct {
		key   string
		value string
	}{{"cpu", string(s.CPU)}, {"memory", string(s.Memory)}, {"cpuRequest", string(s.CPURequest)}, {"memoryRequest", string(s.MemoryRequest)},
		{"storage", string(s.Storage)}, {"storageClass", s.StorageClass}} {
		if setting.value != "" {
			w.Origins = append(w.Origins, Origin{Text: setting.key + " " + setting.value, Range: b.At(at + "." + setting.key)})
		}
	}
	if s.Replicas != nil {
		w.Origins = append(w.Origins, Origin{Text: "replicas", Range: b.At(at + ".replicas")})
	}
	if s.Volume != nil {
		w.Origins = append(w.Origins, Origin{Text: "volume", Range: b.At(at + ".volume")})
	}
	if s.Pods != nil {
		w.Origins = append(w.Origins, Origin{Text: "pods", Range: b.At(at + ".pods")})
	}
	w.Sidecars = b.sidecars(name)
	return w
}

// pods are the settings of a service's pods: those for all, with the service's over them. Labels and annotations of containers are those of
// their pods.
func (b *builder) pods(s config.Service) config.Pods {
	all, own := b.stack.Cluster.Options.Pods, s.Pods
	if a := b.Config.AllServices; a != nil {
		all.Labels, all.Annotations = over(all.Labels, a.Labels), over(all.Annotations, a.Annotations)
	}
	if s.Labels != nil || s.Annotations != nil {
		with := config.Pods{}
		if own != nil {
			with = *own
		}
		with.Labels, with.Annotations = over(with.Labels, s.Labels), over(with.Annotations, s.Annotations)
		own = &with
	}
	return merged(all, own)
}

// merged are the settings for all pods, with those of a service over them.
func merged(all config.Pods, own *config.Pods) config.Pods {
	if own == nil {
		return all
	}
	out := all
	out.NodeSelector = over(all.NodeSelector, own.NodeSelector)
	out.Labels = over(all.Labels, own.Labels)
	out.Annotations = over(all.Annotations, own.Annotations)
	if own.Tolerations != nil {
		out.Tolerations = own.Tolerations
	}
	if own.Affinity != nil {
		out.Affinity = own.Affinity
	}
	if own.TopologySpread != nil {
		out.TopologySpread = own.TopologySpread
	}
	out.PriorityClass = cmp.Or(own.PriorityClass, all.PriorityClass)
	out.ServiceAccount = cmp.Or(own.ServiceAccount, all.ServiceAccount)
	return out
}

// over are the entries of two maps, where those of the second win.
func over[V any](a, b map[string]V) map[string]V {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// storeSecrets fills the Secrets from which services read where databases and Redis are: generated passwords for bundled ones, else the
// admin's addresses. The keys are the chart's.
func (b *builder) storeSecrets() {
	c := b.stack.Cluster
	stores := b.stores()
	for name, d := range stores.Postgres.Databases {
		secret := name + "-auth"
		if c.Objects["Secret/"+secret] == nil || c.Options.ExistingSecrets[secret] != "" {
			continue
		}
		e := b.Config.Databases[name].External
		if e == nil {
			c.Secrets[secret] = map[string][]Part{"password": {b.password(name)}}
			continue
		}
		c.Secrets[secret] = map[string][]Part{}
		address := b.databaseAddress(name, e)
		for end, value := range address {
			c.Secrets[secret][strings.ToLower(end)] = []Part{value}
		}
		b.each(d.Clients, func(inst *Instance) {
			// The chart's own variables read the Secret. Those of charts before 6.0 have none for this.
			if inst.has(d.Prefix+"HOST") && !inst.has(d.Prefix+"SSLMODE") {
				inst.set(d.Prefix+"SSLMODE", address["SSLMODE"])
			}
		})
	}
	for name := range stores.Redis {
		if r := b.Config.Redis[name]; r.External != nil && c.Objects["Secret/"+name] != nil {
			c.Secrets[name] = map[string][]Part{"endpoint": {b.part(name+"-address", r.External, b.At("redis."+name+".external"))}}
		}
	}
}

// ingressTLS keeps the admin's certificate for the Ingress.
func (b *builder) ingressTLS() {
	if t := b.Config.TLS; t.Certificate != "" {
		b.stack.Cluster.Certificate = string(b.Files[t.Certificate])
		b.stack.Cluster.TLSKey = b.secret("tls-key", &config.Secret{File: t.Key}, b.At("tls.key"))
	}
}

// registryLogin writes the login to the admin's registry in the form that Kubernetes accepts.
func (b *builder) registryLogin() {
	l, host := b.Config.Images.Login, b.registryHost()
	if l == nil || l.Password == nil || host == "" {
		return
	}
	head, _ := json.Marshal(host) // texts always marshal
	username, _ := json.Marshal(l.Username)
	b.stack.Cluster.RegistryLogin = []Part{{Text: `{"auths":{` + string(head) + `:{"username":` + string(username) + `,"password":"`},
		{Secret: b.secret("registry-password", l.Password, b.At("images.login.password")), JSON: true}, {Text: `"}}}`}}
}

// collector gives the collector of traces the admin's configuration.
func (b *builder) collector() {
	t := b.Config.Tracing
	if t == nil || t.Collector == "" {
		return
	}
	const path = "/etc/otel-collector/berth/config.yaml"
	file := b.secretFile("tracing-collector", t.Collector, b.At("tracing.collector"))
	b.each([]string{"otel-collector"}, func(inst *Instance) {
		inst.mount(Mount{Path: path, Secret: file})
		inst.Command = []string{"/bin/otelcol-sourcegraph", "--config=" + path}
		inst.origin("tracing", b.At("tracing"))
	})
}
