package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var update = flag.Bool("update", false, "write types.json")

// kinds are the kinds of Sourcegraph's releases, of what berth adds, and of what is often beside them.
var kinds = []any{appsv1.Deployment{}, appsv1.StatefulSet{}, appsv1.DaemonSet{}, batchv1.Job{}, batchv1.CronJob{}, corev1.Pod{}, corev1.Service{},
	corev1.ConfigMap{}, corev1.Secret{}, corev1.PersistentVolumeClaim{}, corev1.PersistentVolume{}, corev1.ServiceAccount{}, corev1.Namespace{},
	networkingv1.Ingress{}, networkingv1.NetworkPolicy{}, policyv1.PodDisruptionBudget{}, storagev1.StorageClass{}, rbacv1.Role{}, rbacv1.RoleBinding{},
	rbacv1.ClusterRole{}, rbacv1.ClusterRoleBinding{}, schedulingv1.PriorityClass{}, autoscalingv2.HorizontalPodAutoscaler{}}

// unions are the types of which an object has one field; the comments of k8s.io/api say so, and no tag does. Those that are embedded in others
// (VolumeSource in Volume, ProbeHandler in Probe) count there.
var unions = []any{corev1.VolumeSource{}, corev1.PersistentVolumeSource{}, corev1.ProbeHandler{}, corev1.LifecycleHandler{}, corev1.EnvVarSource{},
	corev1.VolumeProjection{}, networkingv1.IngressBackend{}}

// oneOf are further fields that exclude each other: "must not be set at the same time" in the same comments.
var oneOf = map[string][][]string{
	"EnvVar":                  {{"value", "valueFrom"}},
	"EnvFromSource":           {{"configMapRef", "secretRef"}},
	"PodDisruptionBudgetSpec": {{"minAvailable", "maxUnavailable"}},
	"ServiceBackendPort":      {{"name", "number"}},
}

var only = map[string]map[string][2]string{
	"DeploymentStrategy":        {"rollingUpdate": {"type", "RollingUpdate"}},
	"StatefulSetUpdateStrategy": {"rollingUpdate": {"type", "RollingUpdate"}},
	"DaemonSetUpdateStrategy":   {"rollingUpdate": {"type", "RollingUpdate"}},
	"SeccompProfile":            {"localhostProfile": {"type", "Localhost"}},
	"AppArmorProfile":           {"localhostProfile": {"type", "Localhost"}},
}

// must are fields that the API server asks for although the types allow to leave them out.
var must = map[string][]string{"Container": {"image"}}

type generator struct {
	Table
	t *testing.T
}

func generate(t *testing.T) []byte {
	g := generator{Table{Types: map[string]map[string]string{}, OneOf: oneOf, Only: only, Unique: map[string]string{"ServicePort": "name", "ContainerPort": "name"}}, t}
	for _, kind := range kinds {
		g.add(reflect.TypeOf(kind))
	}
	for name, keys := range must {
		for _, key := range keys {
			g.Types[name][key] += "!"
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(g.Table); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// add adds a struct and all that it refers to.
func (g generator) add(s reflect.Type) string {
	name := s.Name()
	if g.Types[name] != nil {
		return name
	}
	g.Types[name] = map[string]string{}
	g.fields(name, s)
	return name
}

func (g generator) fields(name string, s reflect.Type) {
	if slices.ContainsFunc(unions, func(u any) bool { return reflect.TypeOf(u) == s }) {
		var group []string
		for i := range s.NumField() {
			key, _, _ := strings.Cut(s.Field(i).Tag.Get("json"), ",")
			group = append(group, key)
		}
		g.OneOf[name] = append(g.OneOf[name], group)
	}
	for i := range s.NumField() {
		f := s.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && key == "" {
			g.fields(name, f.Type)
			continue
		}
		if key == "status" || key == "managedFields" || key == "-" {
			continue
		}
		text := g.holds(f.Type)
		if strings.Contains(f.Tag.Get("patchStrategy"), "merge") && strings.HasPrefix(text, "[]") {
			merge := f.Tag.Get("patchMergeKey")
			if merge == "" {
				merge = "*" // items are texts
			}
			text += "=" + merge
		}
		if key == "volumeClaimTemplates" {
			text += "=metadata.name" // not the API's: kubectl replaces the list, but nobody means that
		}
		required := !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")
		if k := f.Type.Kind(); required && k != reflect.Pointer && k != reflect.Slice && k != reflect.Map && k != reflect.Struct {
			text += "!"
		}
		g.Types[name][key] = text
	}
}

func (g generator) holds(f reflect.Type) string {
	switch f {
	case reflect.TypeFor[resource.Quantity]():
		return "quantity"
	case reflect.TypeFor[intstr.IntOrString]():
		return "number or string"
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime](), reflect.TypeFor[metav1.Duration]():
		return "string"
	case reflect.TypeFor[runtime.RawExtension](), reflect.TypeFor[metav1.FieldsV1]():
		return "anything"
	}
	switch f.Kind() {
	case reflect.Pointer:
		return g.holds(f.Elem())
	case reflect.Slice:
		if f.Elem().Kind() == reflect.Uint8 {
			return "string"
		}
		return "[]" + g.holds(f.Elem())
	case reflect.Map:
		return "map " + g.holds(f.Elem())
	case reflect.Struct:
		return g.add(f)
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Float64:
		return "number"
	}
	g.t.Fatalf("%v is of no known kind", f)
	return ""
}

// TestTypesAreThoseOfTheModule: the table is that of the release of k8s.io/api in go.mod.
func TestTypesAreThoseOfTheModule(t *testing.T) {
	now := generate(t)
	if *update {
		if err := os.WriteFile("types.json", now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(now, text) {
		t.Error("types.json is not that of k8s.io/api; write it: go test ./internal/render/kubernetes/api -update")
	}
}
