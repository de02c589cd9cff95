//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestClusterWalks walks at random on a cluster with a real node, as TestWalks does.
func TestClusterWalks(t *testing.T) {
	needs(t, node, images("6.0.0", "7.0.2852", "7.4.0", release, "7.6.0"))
	walks(t, 310, func(t *testing.T) *walk {
		s := newOnNode(t, "walk", 30099)
		w := newWalk(t, s, onCluster{s.name})
		w.bases, w.begins = []string{"6.0.0", "7.0.2852", "7.4.0"}, []string{"6.0.0", "7.0.2852", "7.4.0", "7.4.0", release}
		return w
	})
}

// onCluster is an installation in a namespace of a cluster.
type onCluster struct{ namespace string }

func (c onCluster) kubectl(args ...string) (string, error) {
	return sh(append([]string{"kubectl", "-n", c.namespace}, args...)...)
}

func (c onCluster) running() (units []unit, err error) {
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

func (c onCluster) sql(query string) (string, error) {
	pod, err := c.kubectl("get", "pods", "-l", "app=pgsql", "--field-selector=status.phase=Running", "-o", "name")
	if pod == "" {
		return "", errors.Join(err, errors.New("no pod of pgsql runs"))
	}
	pod, _, _ = strings.Cut(pod, "\n")
	return c.kubectl("exec", pod, "-c", "pgsql", "--", "psql", "-U", "sg", "-d", "sg", "-Atc", query)
}

func (c onCluster) volumes() ([]string, error) {
	out, err := c.kubectl("get", "pvc", "-o", `jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}`)
	return strings.Fields(out), err
}

// hand: Kubernetes replaces a deleted pod, so berth need not notice it. It leaves an annotation to whoever made it.
func (c onCluster) hand(verb, service, to string) (noticed bool, err error) {
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
func (c onCluster) passwords() (values []string) {
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
