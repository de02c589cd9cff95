package kubernetes

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"berth/internal/adopt"
	render "berth/internal/render/kubernetes"
	"berth/internal/tree"
)

// unsaid are fields with the value that the API server gives them where nobody says one, by the end of their path.
//
// Source: https://kubernetes.io/docs/reference/kubernetes-api/, of each kind
var unsaid = []struct {
	kinds []string
	path  []string // * stands for any name
	value any
}{
	{nil, []string{"ports", "*", "protocol"}, "TCP"},
	{[]string{"Service"}, []string{"spec", "type"}, "ClusterIP"},
	{[]string{"Deployment", "StatefulSet", "DaemonSet"}, []string{"spec", "revisionHistoryLimit"}, 10},
	{[]string{"StatefulSet"}, []string{"spec", "podManagementPolicy"}, "OrderedReady"},
}

// usual: a field of theirs says what Kubernetes does where nobody says anything, and the release leaves it out.
func (k *known) usual(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if d.Theirs == nil || d.Ours != nil {
		return nil
	}
	for _, u := range unsaid {
		end := d.Path[max(0, len(d.Path)-len(u.path)):]
		if (u.kinds == nil || slices.Contains(u.kinds, kindOf(d.Object))) && tree.Same(d.Theirs, u.value) &&
			slices.EqualFunc(end, u.path, func(name, wanted string) bool { return wanted == "*" || name == wanted }) {
			return &adopt.Answer{Fate: adopt.Default, Why: "Kubernetes' own default"}
		}
	}
	return nil
}

// value: a variable of pods that are made again has a text, and the release takes the same text from a Secret or from other variables.
func (k *known) value(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	theirs, ours, name := k.variables(d)
	text, plain := d.Theirs.(string)
	if !plain {
		return nil
	}
	if source, is := strings.CutSuffix(name, "PGDATASOURCE"); is {
		return k.dataSource(theirs[name], source, ours)
	}
	if name == "" || ours[name] == "" || theirs[name] != ours[name] {
		return k.moved(d, name, text)
	}
	return &adopt.Answer{Fate: adopt.Default, Why: "the release takes the same value from a Secret"}
}

// dataSource: a database as one text, where the release has its parts. The password is the one that the database's own pods have, which berth keeps.
func (k *known) dataSource(text, prefix string, ours map[string]string) *adopt.Answer {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil
	}
	for variable, part := range map[string]string{"PGHOST": u.Hostname(), "PGPORT": u.Port(), "PGUSER": u.User.Username(), "PGDATABASE": strings.TrimPrefix(u.Path, "/")} {
		if ours[prefix+variable] != part {
			return nil
		}
	}
	password, _ := u.User.Password()
	if database := "StatefulSet/" + u.Hostname(); password != k.password(database) || password == "" {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Secret, Why: "the release takes its parts from a Secret, which gets this password"}
}

// moved: the password of a database that is made again, which moves from a variable into the database's Secret.
func (k *known) moved(d adopt.Difference, name, text string) *adopt.Answer {
	secret := stores[d.Object]
	if k.source.raw["Secret/"+secret] != nil || !slices.Contains(render.Referring(k.raw[d.Object], secret, "password"), name) || text == "" {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Secret, Why: "it moves into Secret/" + secret}
}

// password is that of a database of theirs that has it in a variable, and no Secret; "" where it has none.
func (k *known) password(database string) string {
	return render.Plain(k.source.raw[database], render.Referring(k.raw[database], stores[database], "password"))
}

// variables are what the variables of a container say, theirs and ours, and the name of the one that differs; none where its pods are not made again.
func (k *known) variables(d adopt.Difference) (theirs, ours map[string]string, name string) {
	path := inPods(d)
	if len(path) != 4 || path[2] != "env" || !k.reselected(d.Object) {
		return nil, nil, ""
	}
	said := func(all map[string]map[string]any) map[string]string {
		return meant(tree.Items(tree.Named(tree.Branch(tree.Pods(all[d.Object]), "spec")[path[0]], path[1])["env"]), all)
	}
	return said(k.source.raw), said(k.raw), path[3]
}

// meant is what variables say, those included that read Secrets which are among the objects. Kubernetes expands what comes before.
func meant(env []map[string]any, all map[string]map[string]any) map[string]string {
	out := map[string]string{}
	for _, e := range env {
		name, value := tree.Text(e, "name"), tree.Text(e, "value")
		if ref := tree.Branch(e, "valueFrom", "secretKeyRef"); ref != nil {
			secret, err := base64.StdEncoding.DecodeString(tree.Text(all["Secret/"+tree.Text(ref, "name")], "data", tree.Text(ref, "key")))
			if err != nil {
				continue
			}
			value = string(secret)
		}
		for known, text := range out {
			value = strings.ReplaceAll(value, "$("+known+")", text)
		}
		out[name] = value
	}
	return out
}
