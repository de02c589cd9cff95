package catalogue

import (
	"slices"
	"strings"
	"sync"
)

// Controller is what an ingress controller needs, so that people reach Sourcegraph through it.
type Controller struct {
	Name            string            `yaml:"name"` // the value of kubernetes.ingress.class
	Title           string            `yaml:"title"`
	ClassAnnotation string            `yaml:"classAnnotation"` // it takes its class from the annotation with this value, not from ingressClassName
	Route           bool              `yaml:"route"`           // its objects are Routes
	Annotations     map[string]string `yaml:"annotations"`     // that it needs on the Ingress
	Secure          map[string]string `yaml:"secure"`          // that it needs, too, where it ends TLS
	SecureBySecret  bool              `yaml:"secureWithSecret"`
	NoSecrets       string            `yaml:"noSecrets"`     // it reads no certificate from our Secret: what to do instead
	NoSecretsFrom   string            `yaml:"noSecretsFrom"` // "files": only one that berth would make of files is out of its reach
	Must            []Must            `yaml:"must"`
	Allow           *Allow            `yaml:"allow"`   // how it takes the ranges of addresses that may reach Sourcegraph; nil: by AllowBy only
	AllowBy         string            `yaml:"allowBy"` // what people use for that, where no annotation can do it

	Uploads string `yaml:"uploads"`
	Streams string `yaml:"streams"`
	TLS     string `yaml:"tls"`
	Headers string `yaml:"headers"`
	More    string `yaml:"more"`
	Source  string `yaml:"source"`
}

// Must is something that only the admin can do.
type Must struct {
	Unless struct {
		Service string `yaml:"serviceAnnotation"` // an annotation of the frontend's Service that says that it is done
		Or      string `yaml:"or"`
	} `yaml:"unless"`
	What string `yaml:"what"`
	Do   string `yaml:"do"`
}

// Allow is the annotation that takes ranges of addresses.
type Allow struct {
	Annotation string `yaml:"annotation"`
	Between    string `yaml:"between"`
}

// Ingress are the annotations of an Ingress with a controller. secret: TLS ends there, with a certificate in a Secret; https: people use https.
func (c *Controller) Ingress(secret, https bool, allow []string) map[string]string {
	out := map[string]string{}
	for k, v := range c.Annotations {
		out[k] = v
	}
	if secret || https && !c.SecureBySecret {
		for k, v := range c.Secure {
			out[k] = v
		}
	}
	if c.Allow != nil && len(allow) > 0 {
		out[c.Allow.Annotation] = strings.Join(allow, c.Allow.Between)
	}
	return out
}

// Done reports whether the annotations of the frontend's Service say that the admin did it.
func (m *Must) Done(service map[string]string) bool {
	return service[m.Unless.Service] != "" || m.Unless.Or != "" && service[m.Unless.Or] != ""
}

// controllersFile is the catalogue's file with the ingress controllers.
const controllersFile = "controllers.yaml"

// Controllers are the ingress controllers that people name most, as controllers.yaml has them.
var Controllers = sync.OnceValue(func() []Controller { return *must(read[[]Controller](files, controllersFile)) })

// DefaultController is the one that Sourcegraph's own Ingress is for.
const DefaultController = "nginx"

// ControllerOf is the controller of an ingress class; nil when it is none of Controllers.
func ControllerOf(class string) *Controller {
	all := Controllers()
	i := slices.IndexFunc(all, func(c Controller) bool { return c.Name == class || c.ClassAnnotation == class && class != "" })
	if i < 0 {
		return nil
	}
	return &all[i]
}
