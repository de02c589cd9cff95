//go:build walks

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestWalksCluster walks on a real API server and a real kubelet.
func TestWalksCluster(t *testing.T) {
	walks(t, []string{"7.6.0"}, func(t *testing.T) *walk {
		const port = "30099"
		s := newCluster(t, "node", "walk", namespaced("walk", ", service: {nodePort: "+port+"}"), "images: {registry: 10.213.0.1:5010/sourcegraph}")
		s.host, s.port = "10.213.0.2", number(t, port)
		w := newWalk(t, s, cluster{s.name})
		w.bases, w.begins = []string{"6.0.0", "7.0.2852", "7.4.0"}, []string{"6.0.0", "7.0.2852", "7.4.0", "7.4.0", release}
		return w
	})
}

// cluster is a namespace of a Kubernetes cluster.
type cluster struct{ namespace string }

func (c cluster) kubectl(args ...string) (string, error) {
	return sh(append([]string{"kubectl", "-n", c.namespace}, args...)...)
}

func (c cluster) running() (units []unit, err error) {
	out, err := c.kubectl("get", "pods", "-l", "app", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct{ Containers []struct{ Image string } }
			Status   struct{ Phase string }
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, err
	}
	for _, p := range list.Items {
		image, _, _ := strings.Cut(p.Spec.Containers[0].Image, "@")
		units = append(units, unit{service: p.Metadata.Labels["app"], release: image[strings.LastIndexByte(image, ':')+1:], runs: p.Status.Phase == "Running"})
	}
	return units, nil
}

func (c cluster) sql(query string) (string, error) {
	pod, err := c.kubectl("get", "pods", "-l", "app=pgsql", "--field-selector=status.phase=Running", "-o", "name")
	if pod == "" {
		return "", errors.Join(err, errors.New("no pod of pgsql runs"))
	}
	pod, _, _ = strings.Cut(pod, "\n")
	return c.kubectl("exec", pod, "-c", "pgsql", "--", "psql", "-U", "sg", "-d", "sg", "-Atc", query)
}

func (c cluster) volumes() ([]string, error) {
	out, err := c.kubectl("get", "pvc", "-o", `jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}`)
	return strings.Fields(out), err
}

// hand: a pod that is deleted comes back by itself; what is scaled by hand is left alone.
func (c cluster) hand(verb, service, to string) (noticed bool, err error) {
	if verb == "stop" {
		_, err := c.kubectl("delete", "pods", "-l", "app="+service, "--wait=false")
		return false, err
	}
	object, err := c.kubectl("get", "deployments,statefulsets", "--field-selector=metadata.name="+service, "-o", "name")
	if err != nil || object == "" {
		return false, errors.Join(err, errors.New("there is no "+service))
	}
	switch verb {
	case "rm":
		_, err = c.kubectl("delete", object)
	case "limit":
		_, err = c.kubectl("annotate", object, "--overwrite", "by-hand=yes")
		return false, err
	case "image":
		var is string
		if is, err = c.kubectl("get", object, "-o", "jsonpath={.spec.template.spec.containers[0].name}={.spec.template.spec.containers[0].image}"); err == nil {
			is, _, _ = strings.Cut(is, "@")
			_, err = c.kubectl("set", "image", object, is[:strings.LastIndexByte(is, ':')+1]+to)
		}
	default:
		err = errors.New("not in a cluster: " + verb)
	}
	return err == nil, err
}

// passwords are the values of the Secret that berth generates.
func (c cluster) passwords() (values []string) {
	out, err := c.kubectl("get", "secrets", "-l", "dev.berth.state", "-o", "json")
	if err != nil {
		return nil
	}
	var list struct {
		Items []struct{ Data map[string]string }
	}
	if json.Unmarshal([]byte(out), &list) != nil {
		return nil
	}
	for _, s := range list.Items {
		for _, v := range s.Data {
			if text, err := base64.StdEncoding.DecodeString(v); err == nil && !strings.ContainsAny(string(text), "{\n") { // a password, no note
				values = append(values, string(text))
			}
		}
	}
	return values
}
