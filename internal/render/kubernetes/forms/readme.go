package forms

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/render/kubernetes"
	"berth/internal/stack"
	"berth/internal/tree"
)

// readme writes a folder's README: what it is, which Secrets it expects, and how it is applied.
func (in *Input) readme(what string, expected []*kubernetes.Object, namespace, guard, apply string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n\n# Sourcegraph %s\n\n%s\n\n", MadeBy, in.Set.Release, what)
	b.WriteString(in.secretsText(expected, namespace))
	b.WriteString(in.guardText(namespace, guard))
	b.WriteString(in.outsideText())
	fmt.Fprintf(&b, "## Apply\n\n```sh\nkubectl create namespace %s    # once, before the Secrets\n%s\n```\n", namespace, apply)
	return []byte(b.String())
}

// outsideText says what another installation in the cluster would share.
func (in *Input) outsideText() string {
	var keys []string
	for i := range in.Set.Objects {
		if o := &in.Set.Objects[i]; o.Namespace() == "" && o.Service != "" {
			keys = append(keys, "`"+o.Key()+"`")
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return "## Outside the namespace\n\n" + strings.Join(keys, ", ") + ". Another installation in this cluster must have other names for them: give it a `name` of its own in\n" +
		"`sourcegraph.yaml`, or `kubernetes: {clusterScoped: false}`.\n\n"
}

func (in *Input) manifestsReadme() []byte {
	return in.readme("One file for each object. The numbers are the order in which they are applied; the frontend's pods bring the databases' schemas to\n"+
		"this release before they start.",
		in.Expected(), in.Set.Namespace, guardInFolder, in.applied("-f", "."))
}

func (in *Input) kustomizeReadme() []byte {
	return in.readme("Each `berth render` overwrites `base/`. `"+Overlay+"/` is yours: put your patches there. berth never changes it.",
		in.Expected(), in.Set.Namespace, guardInFolder, in.applied("-k", Overlay))
}

const (
	guardInPods = "the frontend's pods have a container `guard` before the migrator. One in the pods of each\n" +
		"database refuses data of another major Postgres."
	guardInFolder = "`guard/` is a Job to run before the rest is applied, and " + guardInPods
	guardInChart  = "A Job runs before each upgrade and rollback, and " + guardInPods
	guardInValues = "A Job runs before each upgrade and rollback. The pods of Sourcegraph's own chart have no guard, so don't use `--no-hooks`."
)

// applied are the commands that apply a folder: after the guard succeeded, where there is one.
func (in *Input) applied(flag, folder string) string {
	kubectl := "kubectl -n " + in.Set.Namespace
	apply := "kubectl apply --server-side " + flag + " " + folder + " &&\n  " + kubectl + " rollout status deployment/" + frontend
	if in.Guard == nil || !in.reachable() {
		return apply
	}
	return "kubectl replace --force " + flag + " " + guardDir + "    # asks whether this release may follow the one that runs\n" +
		"until " + kubectl + " get job " + guardJob + " -o jsonpath='{.status.conditions[*].type}' | grep -E 'Complete|Failed'; do sleep 1; done\n" +
		kubectl + " logs job/" + guardJob + " && " + kubectl + " wait --for=condition=complete --timeout=1s job/" + guardJob + " &&\n  " + apply
}

// guardText says what the guard is, and how to override it for a release.
func (in *Input) guardText(namespace, where string) string {
	switch {
	case in.Guard == nil:
		return ""
	case !in.reachable():
		return "## The guard\n\nNothing asks the databases which release ran before: the guard can't sign in with a data source (PGDATASOURCE) or a cloud's role. Run\n" +
			"`berth check --against RELEASE` before you apply these files, where RELEASE is the one that runs.\n\n"
	}
	return "## The guard\n\n" + where + "\nThe guard asks the database which release ran before, and refuses where " + in.Set.Release + " can't follow it by replacing pods; its log says\n" +
		"what to do. To let " + in.Set.Release + " start anyway, such as after you restored a backup, and to end that:\n\n```sh\n" +
		"kubectl -n " + namespace + " create configmap " + guardJob + " --from-literal=allow=" + in.Set.Release + "\n" +
		"kubectl -n " + namespace + " delete configmap " + guardJob + "\n```\n\n"
}

// secretsText says which Secrets are expected and how to create them. It never has their values.
func (in *Input) secretsText(expected []*kubernetes.Object, namespace string) string {
	if in.Seal != nil {
		return "## Secrets\n\nSecrets are encrypted with SOPS for the age recipients that `berth render` was given, and so are the files of yours that may hold some: site\n" +
			"configuration, code hosts, settings, configuration of git and of a collector of traces. Flux decrypts them by itself; kubectl needs\n`sops -d FILE | kubectl apply --server-side -f -`.\n\n"
	}
	if len(expected) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Secrets\n\nThese files hold no secret values, and no site configuration, code hosts, settings, or configuration of git or a collector of traces, which\n" +
		"may hold some. Pods refer to the Secrets below, which must be in the namespace; an existing Secret is left\n" +
		"as it is, with its passwords. Pods read them when they start: after a change, `kubectl rollout restart` those that\nuse it.\n\n" +
		"| Secret | keys |\n|---|---|\n")
	for _, o := range expected {
		fmt.Fprintf(&b, "| %s | %s |\n", o.Name(), strings.Join(tree.Keys(o.Values), ", "))
	}
	b.WriteString("\nRun this with bash, in the folder of sourcegraph.yaml, with the variables set that it names:\n\n```bash\n" + in.secretCommands(expected, namespace) + "```\n\n")
	return b.String()
}

// secretCommands are shell commands that create Secrets: first each secret value as a variable, then the Secrets.
func (in *Input) secretCommands(secrets []*kubernetes.Object, namespace string) string {
	var b strings.Builder
	needed := in.neededSources(secrets)
	if slices.ContainsFunc(in.Sources, func(s stack.Secret) bool {
		return slices.ContainsFunc(s.Parts, func(p stack.Part) bool { return p.To > 0 })
	}) {
		b.WriteString("LC_ALL=C  # places in a text are counted in bytes\n")
	}
	for _, composed := range []bool{false, true} { // values that consist of others come after these
		for _, s := range in.Sources {
			if slices.Contains(needed, s.Name) && composed == (s.Parts != nil) {
				fmt.Fprintf(&b, "%s=%s\n", shellName(s.Name), source(s))
			}
		}
	}
	for _, o := range secrets {
		kind, _ := o.Body["type"].(string)
		fmt.Fprintf(&b, "kubectl -n %s create secret generic %s --type=%s", namespace, o.Name(), kind)
		for _, key := range tree.Keys(o.Values) {
			if file := in.wholeFile(key, o.Values[key]); file != "" {
				fmt.Fprintf(&b, " \\\n  --from-file=%s=%s", key, quoted(file))
				continue
			}
			if !slices.ContainsFunc(o.Values[key], func(p stack.Part) bool { return p.Secret != "" }) {
				fmt.Fprintf(&b, " \\\n  --from-literal=%s=%s", key, shell(o.Values[key]))
				continue
			}
			// Not as an argument, which other users of the machine could read.
			fmt.Fprintf(&b, " \\\n  --from-file=%s=<(printf %%s %s)", key, shell(o.Values[key]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// wholeFile is the file that is the whole value of a key, its last line break included, such as an SSH key; "" for others.
func (in *Input) wholeFile(key string, parts []stack.Part) string {
	if len(parts) != 1 || strings.HasPrefix(key, "env-") || key == "password" || key == "endpoint" {
		return ""
	}
	for _, s := range in.Sources {
		if s.Name == parts[0].Secret {
			return s.File
		}
	}
	return ""
}

// neededSources are the names of secrets in Secrets, by themselves or inside others.
func (in *Input) neededSources(secrets []*kubernetes.Object) []string {
	var names []string
	var need func(parts []stack.Part)
	need = func(parts []stack.Part) {
		for _, p := range parts {
			if p.Secret == "" || slices.Contains(names, p.Secret) {
				continue
			}
			names = append(names, p.Secret)
			for _, s := range in.Sources {
				if s.Name == p.Secret {
					need(s.Parts)
				}
			}
		}
	}
	for _, o := range secrets {
		for _, key := range tree.Keys(o.Values) {
			if in.wholeFile(key, o.Values[key]) == "" {
				need(o.Values[key])
			}
		}
	}
	return names
}

// source is a shell expression for a secret's value.
func source(s stack.Secret) string {
	switch {
	case s.Env != "":
		return `"${` + s.Env + `:?}"`
	case s.File != "":
		return `"$(cat ` + quoted(s.File) + `)"`
	case s.Parts != nil:
		return shell(s.Parts)
	}
	return `"$(openssl rand -hex 16)"`
}

// shell is a value as one word of a shell.
func shell(parts []stack.Part) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.Secret != "" && p.JSON:
			// As the text inside a JSON string.
			fmt.Fprintf(&b, `"$(printf %%s "$%s" | sed 's/[\\"]/\\&/g')"`, shellName(p.Secret))
		case p.To > 0:
			fmt.Fprintf(&b, `"${%s:%d:%d}"`, shellName(p.Secret), p.From, p.To-p.From)
		case p.Secret != "":
			b.WriteString(`"$` + shellName(p.Secret) + `"`)
		default:
			b.WriteString(quoted(p.Text))
		}
	}
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// quoted is a text in a form that a shell does not change.
func quoted(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./:@-", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// shellName is a shell variable for a secret: "pgsql-password" is in PGSQL_PASSWORD.
func shellName(secret string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(secret))
}
