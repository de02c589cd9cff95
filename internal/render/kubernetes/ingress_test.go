package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/tree"
)

var frontendAddress = regexp.MustCompile(`sourcegraph-frontend:(\d+)`)

// TestServiceOpensThePortOfURLOnly: from outside people reach Sourcegraph on the port of url, and nothing else, in every release; and what refers
// to the Service inside the cluster follows.
func TestServiceOpensThePortOfURLOnly(t *testing.T) {
	for text, want := range map[string]string{
		"kubernetes: {service: {type: LoadBalancer}}":                                                      "http 443 <nil>",
		"kubernetes: {ingress: {enabled: false}, service: {type: LoadBalancer, port: 8443}}":               "http 8443 <nil>",
		"url: https://a.example.com:8443\nkubernetes: {service: {type: LoadBalancer}}":                     "http 8443 <nil>",
		"url: http://a.example.com\nkubernetes: {service: {type: LoadBalancer}}\nexecutors: {}":            "http 80 <nil>",
		"kubernetes: {service: {type: LoadBalancer, nodePort: 30123}}":                                     "http 443 30123",
		"kubernetes: {service: {type: NodePort}}":                                                          "http 30080 <nil>",
		"kubernetes: {service: {nodePort: 30123}}":                                                         "http 30080 30123",
		"url: http://a.example.com:30123\nkubernetes: {service: {type: NodePort}}":                         "http 30080 30123",
		"url: http://a.example.com:30123\nkubernetes: {service: {type: NodePort, nodePort: 30124}}":        "http 30080 30124",
		"url: http://a.example.com:30123\nkubernetes: {ingress: {class: alb}, service: {nodePort: 30124}}": "http 30080 30124",
	} {
		for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
			if short := v.Version == "7.5.4453" || v.Version == "5.1.0"; !short && (testing.Short() || !strings.Contains(text, "executors")) ||
				catalogue.CompareVersions(v.Version, "5.1.0") < 0 && strings.Contains(text, "executors") {
				continue
			}
			set := rendered(t, v.Version, text)
			service := set.Find("Service/sourcegraph-frontend")
			var got []string
			for _, p := range tree.Items(tree.At(service.Body, "spec")["ports"]) {
				got = append(got, fmt.Sprint(p["name"], " ", p["port"], " ", p["nodePort"]))
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("%s, %s: ports %v, want %s", v.Version, text, got, want)
			}
			port := strings.Fields(want)[1]
			for i := range set.Objects {
				all, _ := json.Marshal(set.Objects[i].Body)
				for _, m := range frontendAddress.FindAllStringSubmatch(string(all), -1) {
					if m[1] != port {
						t.Errorf("%s, %s: %s refers to port %s of the frontend, which has %s", v.Version, text, set.Objects[i].Key(), m[1], port)
					}
				}
				if set.Objects[i].Kind() == "Ingress" && !strings.Contains(string(all), `"number":`+port) {
					t.Errorf("%s, %s: the Ingress does not lead to port %s", v.Version, text, port)
				}
			}
		}
	}
}

// TestIngressOfAnAddressHasNoHost: Kubernetes takes only names there.
func TestIngressOfAnAddressHasNoHost(t *testing.T) {
	for text, want := range map[string]string{
		"url: https://203.0.113.5":                                         "[<nil>]",
		"url: 'http://[2001:db8::5]'":                                      "[<nil>]",
		"url: http://localhost":                                            "[<nil>]",
		"url: https://203.0.113.5\nfront: {hosts: [b.example.com]}":        "[b.example.com]",
		"url: https://a.example.com:8443\nfront: {hosts: [b.example.com]}": "[a.example.com b.example.com]",
	} {
		var hosts []any
		for _, rule := range tree.Items(tree.At(rendered(t, "7.5.4453", text).Find("Ingress/sourcegraph-frontend").Body, "spec")["rules"]) {
			hosts = append(hosts, rule["host"])
		}
		if fmt.Sprint(hosts) != want {
			t.Errorf("%s: hosts %v, want %s", text, hosts, want)
		}
	}
}

// TestRoutesOfSeveralNames: OpenShift has a Route for each name, and each refuses the same addresses.
func TestRoutesOfSeveralNames(t *testing.T) {
	set := rendered(t, "7.5.4453", "kubernetes: {openshift: true}\nfront: {hosts: [b.example.com], allow: [10.0.0.0/8, \"2001:db8::/32\"]}")
	for name, host := range map[string]string{"sourcegraph-frontend": "sourcegraph.example.com", "sourcegraph-frontend-1": "b.example.com"} {
		route := set.Find("Route/" + name)
		if route == nil || tree.Text(route.Body, "spec", "host") != host ||
			tree.Text(route.Body, "metadata", "annotations", "haproxy.router.openshift.io/ip_whitelist") != "10.0.0.0/8 2001:db8::/32" {
			t.Errorf("%s: %+v", name, route)
		}
	}
}

// TestControllersHaveAKey: each controller of the catalogue can be named in the config.
func TestControllersHaveAKey(t *testing.T) {
	for _, c := range catalogue.Controllers() {
		_, problems := config.Load("sourcegraph.yaml", []byte("target: kubernetes\nurl: http://localhost\nkubernetes: {ingress: {controller: "+c.Name+"}}\n"))
		if problems.Failed() != c.Route {
			t.Errorf("%s: %v", c.Name, problems)
		}
	}
}

// rendered are the objects of a config.
func rendered(t *testing.T, version, text string) *kubernetes.Set {
	t.Helper()
	set, problems := kubernetes.Render(rendertest.Resolve(t, version, text), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}
