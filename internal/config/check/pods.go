package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/diag"
)

// allPods checks where and how pods run, for all services and for single ones.
func (c *checker) allPods(o *config.KubernetesOptions) {
	c.pods("kubernetes.pods", &o.Pods)
	for _, name := range c.serviceNames() {
		if p := c.Services[name].Pods; p != nil {
			c.pods("services."+name+".pods", p)
		}
	}
}

func (c *checker) pods(path string, p *config.Pods) {
	c.labels(path+".nodeSelector", p.NodeSelector)
	c.podLabels(path+".labels", p.Labels)
	c.annotations(path+".annotations", p.Annotations)
	for i, t := range p.Tolerations {
		at := path + ".tolerations." + strconv.Itoa(i)
		c.form(at, t, toleration)
		c.toleration(at, t)
	}
	if p.Affinity != nil {
		c.form(path+".affinity", p.Affinity, affinity)
	}
	for i, t := range p.TopologySpread {
		c.form(path+".topologySpread."+strconv.Itoa(i), t, spread)
	}
	c.objectName(path+".priorityClass", p.PriorityClass)
	a := p.ServiceAccount
	if a == nil {
		return
	}
	c.objectName(path+".serviceAccount.name", a.Name)
	c.annotations(path+".serviceAccount.annotations", a.Annotations)
	if a.Name != "" && len(a.Annotations) > 0 {
		c.keyf("BERTH1305", path+".serviceAccount.annotations", "annotate it in the cluster, or remove name so that berth creates one",
			"the service account %s is your own, so berth does not annotate it", a.Name)
	}
}

// podLabels: labels of pods are none of those by which pods are found.
func (c *checker) podLabels(path string, labels map[string]string) {
	c.labels(path, labels)
	for _, own := range slices.Sorted(maps.Keys(labels)) {
		if slices.Contains(selectorLabels, own) {
			c.keyf("BERTH1305", path+"."+own, "choose another name", "the label %s is Sourcegraph's own", own)
		}
	}
}

// selectorLabels are the labels that Sourcegraph's objects have, and by most of which they select their pods.
var selectorLabels = []string{"app", "deploy", "app.kubernetes.io/name", "app.kubernetes.io/instance"}

var (
	qualifiedForm  = lazy(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)
	labelValueForm = lazy(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
)

func (c *checker) labels(path string, labels map[string]string) {
	c.qualified(path, labels, "a label")
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if !labelValueForm().MatchString(labels[name]) {
			c.errorf("BERTH1305", path+"."+name, "at most 63 letters, digits, dashes, dots and underscores", "%q can't be the value of a label", labels[name])
		}
	}
}

func (c *checker) annotations(path string, annotations map[string]string) {
	c.qualified(path, annotations, "an annotation")
}

func (c *checker) qualified(path string, names map[string]string, what string) {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !qualifiedForm().MatchString(name) {
			c.keyf("BERTH1305", path+"."+name, "write it as NAME or example.com/NAME", "%q can't be the name of %s", name, what)
		}
	}
}

// form describes a part of the Kubernetes API, as far as people make mistakes in it.
type form struct {
	list  bool            // a list of these
	keys  map[string]form // nil: not checked
	needs []string
	enum  []string
}

// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#scheduling
var (
	toleration = form{keys: map[string]form{"key": {}, "operator": {enum: []string{"Exists", "Equal"}}, "value": {},
		"effect": {enum: []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}}, "tolerationSeconds": {}}}
	selector = form{keys: map[string]form{"matchLabels": {}, "matchExpressions": {list: true, needs: []string{"key", "operator"},
		keys: map[string]form{"key": {}, "operator": {enum: []string{"In", "NotIn", "Exists", "DoesNotExist"}}, "values": {}}}}}
	spread = form{needs: []string{"maxSkew", "topologyKey", "whenUnsatisfiable"}, keys: map[string]form{"maxSkew": {}, "topologyKey": {},
		"whenUnsatisfiable": {enum: []string{"DoNotSchedule", "ScheduleAnyway"}}, "labelSelector": selector, "minDomains": {},
		"nodeAffinityPolicy": {enum: policies}, "nodeTaintsPolicy": {enum: policies}, "matchLabelKeys": {}}}
	policies = []string{"Honor", "Ignore"}

	nodeTerms = form{list: true, needs: []string{"key", "operator"},
		keys: map[string]form{"key": {}, "operator": {enum: []string{"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"}}, "values": {}}}
	nodeTerm = map[string]form{"matchExpressions": nodeTerms, "matchFields": nodeTerms}
	podTerm  = map[string]form{"labelSelector": selector, "topologyKey": {}, "namespaces": {}, "namespaceSelector": selector,
		"matchLabelKeys": {}, "mismatchLabelKeys": {}}
	podAffinity = form{keys: map[string]form{
		required: {list: true, needs: []string{"topologyKey"}, keys: podTerm},
		preferred: {list: true, needs: []string{"weight", "podAffinityTerm"}, keys: map[string]form{"weight": {},
			"podAffinityTerm": {needs: []string{"topologyKey"}, keys: podTerm}}}}}
	affinity = form{keys: map[string]form{"podAffinity": podAffinity, "podAntiAffinity": podAffinity, "nodeAffinity": {keys: map[string]form{
		required: {needs: []string{"nodeSelectorTerms"}, keys: map[string]form{"nodeSelectorTerms": {list: true, keys: nodeTerm}}},
		preferred: {list: true, needs: []string{"weight", "preference"}, keys: map[string]form{"weight": {},
			"preference": {keys: nodeTerm}}}}}}}
)

const (
	required  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferred = "preferredDuringSchedulingIgnoredDuringExecution"
)

// form reports what does not have the form of a part of the Kubernetes API.
func (c *checker) form(path string, v any, f form) {
	switch {
	case f.list:
		items, ok := v.([]any)
		if !ok {
			c.errorf("BERTH1304", path, "begin each item with a dash", "%s must be a list", short(path))
			return
		}
		f.list = false
		for i, item := range items {
			c.form(path+"."+strconv.Itoa(i), item, f)
		}
	case f.enum != nil:
		if text, _ := v.(string); !slices.Contains(f.enum, text) {
			hint := ""
			if guess := diag.Closest(text, f.enum); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			c.errorf("BERTH1304", path, hint, "%s must be %s, got %s", short(path), diag.Listed(f.enum, "or"), cmp.Or(plain(v), "nothing"))
		}
	case f.keys != nil:
		c.formKeys(path, v, f)
	}
}

func (c *checker) formKeys(path string, v any, f form) {
	m, ok := v.(map[string]any)
	if !ok {
		c.errorf("BERTH1304", path, "known here: "+diag.Listed(slices.Sorted(maps.Keys(f.keys)), "and"), "%s must be a map", short(path))
		return
	}
	known := slices.Sorted(maps.Keys(f.keys))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		below, ok := f.keys[key]
		if ok {
			c.form(path+"."+key, m[key], below)
			continue
		}
		hint := "known here: " + diag.Listed(known, "and")
		if guess := diag.Closest(key, known); guess != "" {
			hint = "did you mean " + guess + "?"
		}
		c.keyf("BERTH1304", path+"."+key, hint, "Kubernetes has no %q in %s", key, short(path))
	}
	for _, key := range f.needs {
		if m[key] == nil {
			c.missingf("BERTH1304", path, "add  "+key, "%s needs %s", short(path), key)
		}
	}
}

var itemNumber = lazy(`\.[0-9]+$`)

// short is the last name of a path, for messages that show the place anyway.
func short(path string) string {
	path = itemNumber().ReplaceAllString(path, "")
	return path[strings.LastIndexByte(path, '.')+1:]
}

// toleration checks how the parts of a toleration fit together.
func (c *checker) toleration(path string, t map[string]any) {
	switch {
	case t["operator"] == "Exists" && plain(t["value"]) != "":
		c.errorf("BERTH1304", path+".value", "remove it, or write  operator: Equal", "a toleration with operator Exists has no value")
	case plain(t["key"]) == "" && t["operator"] != "Exists":
		c.missingf("BERTH1304", path, "add  key: NAME, or  operator: Exists  for all taints", "the toleration names no key")
	case t["tolerationSeconds"] != nil && t["effect"] != "NoExecute":
		c.errorf("BERTH1304", path+".tolerationSeconds", "write  effect: NoExecute, or remove it", "tolerationSeconds applies only to the effect NoExecute")
	}
}

// plain is a single value as text; "" for none.
func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
