package forms_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/render/kubernetes/forms"
	"berth/internal/stack"
	"berth/internal/tree"
	"go.yaml.in/yaml/v4"
)

// psql stands for the client: SERVER is what the database does, RAN the release that it reports.
const psql = `#!/bin/sh
case "$*" in *--version*) echo "psql (PostgreSQL) ${OWN:-16.4}"; exit ;; esac
case $SERVER in
  "answers slowly") [ -e "$0.asked" ] || { touch "$0.asked"; echo 'connection refused' >&2; exit 2; } ;;
  "breaks off") case "$*" in *regclass*) echo 'terminating connection' >&2; exit 2 ;; esac ;;
  answers) ;;
  *) echo "psql: error: $SERVER" >&2; exit 2 ;;
esac
echo 'WARNING:  database "sg" has a collation version mismatch' >&2
case "$*" in
  *regclass*) [ "$RAN" = "no table" ] && echo f || echo t ;;
  *"FROM versions"*) [ "$RAN" = "no row" ] || echo "$RAN" ;;
  *) echo 1 ;;
esac
`

// postgres stands for the server's program: it is not in the path where OWN is set alone.
const postgres = `#!/bin/sh
[ -n "${SERVED:-}" ] || exit 127
echo "postgres (PostgreSQL) $SERVED"
`

// guardOf returns a rendered guard: of an object's pods, or of the Job.
func guardOf(t *testing.T, in *forms.Input, path string) map[string]any {
	t.Helper()
	files, _, err := forms.Render("manifests", in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path != path {
			continue
		}
		var o map[string]any
		if err := yaml.Unmarshal(f.Content, &o); err != nil {
			t.Fatal(err)
		}
		for _, c := range tree.Containers(tree.At(tree.Pods(o), "spec")) {
			if c["name"] == "guard" {
				return c
			}
		}
	}
	t.Fatalf("%s has no guard", path)
	return nil
}

// run runs a rendered guard as a kubelet does, with other values for some variables.
func run(t *testing.T, guard map[string]any, variables ...string) (code int, output string) {
	t.Helper()
	bin := t.TempDir()
	for name, text := range map[string]string{"psql": psql, "postgres": postgres} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var words []string
	for _, word := range tree.List(guard["command"]) {
		words = append(words, word.(string))
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PGHOST=pgsql", "NAMESPACE=sg", "HOSTNAME=pgsql-0"}
	for _, e := range tree.Items(guard["env"]) {
		if value := tree.Text(e, "value"); value != "" {
			cmd.Env = append(cmd.Env, tree.Text(e, "name")+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, variables...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

const (
	frontendFile = "15-deployment-sourcegraph-frontend.yaml"
	jobFile      = "guard/job.yaml"
)

// TestGuardAsks: which release may start after which, and what the guard prints where it may not.
func TestGuardAsks(t *testing.T) {
	in := input(t, "7.5.4453", "")
	in.Guard.After = []string{"7.4.0-", "7.5.0-2", "7.5.7-4453", "6.12.100-"}
	pods, job := guardOf(t, in, frontendFile), guardOf(t, in, jobFile)
	const unknown = `could not translate host name "pgsql" to address: Name or service not known`
	for _, c := range []struct {
		what      string
		guard     map[string]any
		variables []string
		code      int
		says      []string
	}{
		{"the minor before", pods, []string{"RAN=7.4.2513"}, 0, []string{"7.4.2513 ran before: 7.5.4453 may start"}},
		{"itself", pods, []string{"RAN=7.5.4453"}, 0, nil},
		{"as a migrator writes it", pods, []string{"RAN=v7.5.0"}, 0, nil},
		{"a patch that is left out", pods, []string{"RAN=7.5.3"}, 1, []string{"REFUSED"}},
		{"a later patch than is allowed", pods, []string{"RAN=7.5.5000"}, 1, []string{"7.5.4453 is older", "berth rollback"}},
		{"below the first patch of a span", pods, []string{"RAN=6.12.99"}, 1, []string{"REFUSED"}},
		{"over majors", pods, []string{"RAN=6.0.0"}, 1, []string{"of Sourcegraph 6.0.0, and these files are of 7.5.4453", "berth upgrade --to 7.5.4453 --plan",
			"kubectl -n sg create configmap berth-guard --from-literal=allow=7.5.4453"}},
		{"minors are compared as numbers", pods, []string{"RAN=7.10.1"}, 1, []string{"7.5.4453 is older"}},
		{"a minor that begins like another", pods, []string{"RAN=7.41.0"}, 1, []string{"REFUSED"}},
		{"no release at all", pods, []string{"RAN=insiders"}, 1, []string{"REFUSED"}},
		{"over majors, and allowed", pods, []string{"RAN=6.0.0", "ALLOW=7.5.4453"}, 0, []string{"allows 7.5.4453"}},
		{"over majors, and another is allowed", pods, []string{"RAN=6.0.0", "ALLOW=7.4.0"}, 1, []string{"REFUSED"}},
		{"a new database", pods, []string{"RAN=no table"}, 0, []string{"the database is new"}},
		{"a new database of which the migrator has made the tables", pods, []string{"RAN=no row"}, 0, []string{"the database is new"}},
		{"a database that starts", pods, []string{"RAN=7.5.0", "SERVER=answers slowly"}, 0, []string{"waiting for the database: connection refused", "may start"}},
		{"a database that goes while it is asked", pods, []string{"RAN=6.0.0", "SERVER=breaks off"}, 2, []string{"terminating connection"}},
		{"a database that does not answer", pods, []string{"SERVER=no route to host", "PATIENCE=0"}, 1, []string{"does not answer", "no route to host"}},
		{"no such name, in pods whose Service is there", pods, []string{"SERVER=" + unknown, "PATIENCE=0"}, 1, []string{"does not answer"}},
		{"no such name, before the first installation", job, []string{"SERVER=" + unknown, "PATIENCE=0"}, 0, []string{"nothing is installed yet"}},
		{"no Secret, before the first installation", job, []string{"PGHOST="}, 0, []string{"nothing is installed yet"}},
		{"no Secret, in an image that names a folder for sockets", job, []string{"PGHOST=/var/run/postgresql"}, 0, []string{"nothing is installed yet"}},
		{"names are not answered just now", job, []string{"SERVER=could not translate host name \"pgsql\" to address: Temporary failure in name resolution", "PATIENCE=0"}, 1, nil},
		{"the Job refuses as well", job, []string{"RAN=6.0.0"}, 1, []string{"REFUSED"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			code, output := run(t, c.guard, append([]string{"SERVER=answers"}, c.variables...)...)
			if code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(output, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

// TestGuardOfData: a database starts only on data of its own major version.
func TestGuardOfData(t *testing.T) {
	guard := guardOf(t, input(t, "5.11.6271", ""), "09-statefulset-pgsql.yaml")
	for _, c := range []struct {
		what      string
		folders   map[string]string
		variables []string
		code      int
		says      string
	}{
		{"nothing yet", nil, nil, 0, ""},
		{"its own", map[string]string{"pgdata-16": "16"}, nil, 0, ""},
		{"its own, in the volume itself", map[string]string{".": "16"}, nil, 0, ""},
		{"what a conversion left beside", map[string]string{"pgdata-12": "12", "pgdata-16": "16"}, nil, 0, ""},
		{"older data that it would convert", map[string]string{"pgdata-12": "12"}, nil, 1, "kubectl -n sg delete pod pgsql-0"},
		{"that is allowed", map[string]string{"pgdata-12": "12"}, []string{"ALLOW=5.11.6271"}, 0, "allows 5.11.6271"},
		{"data before a conversion, with newer beside", map[string]string{"pgdata-12": "12", "pgdata-16": "16"}, []string{"OWN=12.22"}, 1, "pgdata-16 has data of Postgres 16"},
		{"its own, by an image with a newer client", map[string]string{"pgdata-16": "16"}, []string{"OWN=17.6", "SERVED=16.14"}, 0, ""},
		{"older data, and a client as old", map[string]string{"pgdata-12": "12"}, []string{"OWN=12.22", "SERVED=16.14"}, 1, "of Postgres 16"},
		{"a folder that says nothing", map[string]string{"lost": "", "pgdata-16": "16"}, nil, 0, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			data := t.TempDir()
			for folder, major := range c.folders {
				if err := os.MkdirAll(filepath.Join(data, folder), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(data, folder, "PG_VERSION"), []byte(major+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			code, output := run(t, guard, append([]string{"DATA=" + data}, c.variables...)...)
			if code != c.code || !strings.Contains(output, c.says) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, c.code, c.says, output)
			}
		})
	}
}

// TestGuardIsInEachForm: in each form a Job asks before anything is replaced, and its pod needs nothing from the files.
func TestGuardIsInEachForm(t *testing.T) {
	const annotation = "argocd.argoproj.io/hook: PreSync"
	for form, where := range map[string]struct{ path, text string }{
		"manifests":   {jobFile, annotation},
		"kustomize":   {jobFile, annotation},
		"helm":        {"templates/22-job-berth-guard.yaml", "helm.sh/hook: pre-upgrade,pre-rollback"},
		"helm-values": {"values.yaml", "helm.sh/hook: pre-upgrade,pre-rollback"},
	} {
		t.Run(form, func(t *testing.T) {
			in := input(t, "7.5.4453", "")
			if form == "helm" {
				in = input(t, "7.5.4453", "", forms.ChartNamespace)
			}
			files, _, err := forms.Render(form, in)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(files, func(f stack.File) bool { return f.Path == where.path })
			if at < 0 || !bytes.Contains(files[at].Content, []byte(where.text)) || !bytes.Contains(files[at].Content, []byte("name: berth-guard")) {
				t.Fatalf("no Job with %q in %s", where.text, where.path)
			}
		})
	}
	in := input(t, "7.5.4453", "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}")
	job := guardOf(t, in, jobFile)
	for _, e := range tree.Items(job["env"]) {
		for _, from := range []string{"secretKeyRef", "configMapKeyRef"} {
			if r := tree.At(e, "valueFrom"); r[from] != nil && r[from].(map[string]any)["optional"] != true {
				t.Errorf("the Job can't start before %v is there", e)
			}
		}
	}
	if got := tree.Text(tree.Named(job["env"], "MAYBE_NEW"), "value"); got != "external" {
		t.Errorf("the guard takes a database of the admin's own for %q", got)
	}
}

// TestNoGuardWherePsqlCantLogIn: where psql can't log in there is no guard in the frontend's pods, and the README says so. What berth applies itself
// never has one.
func TestNoGuardWherePsqlCantLogIn(t *testing.T) {
	in := input(t, "7.5.4453", "databases: {pgsql: {external: {host: a.b.eu-west-1.rds.amazonaws.com, user: sg, database: sg, auth: aws-iam}}}")
	files, _, err := forms.Render("manifests", in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		switch guarded := bytes.Contains(f.Content, []byte("name: guard")); {
		case f.Path == jobFile, f.Path == frontendFile && guarded:
			t.Errorf("%s has a guard that can't sign in", f.Path)
		case f.Path == "09-statefulset-pgsql.yaml" && !guarded:
			t.Errorf("%s has no guard", f.Path)
		case f.Path == "README.md" && !bytes.Contains(f.Content, []byte("berth check --against RELEASE")):
			t.Error("the README does not say what to do instead")
		}
	}
	for _, o := range in.Set.Objects {
		if template := tree.Pods(o.Body); template != nil && tree.Named(tree.At(template, "spec")["initContainers"], "guard") != nil {
			t.Errorf("the form changed %s of the set", o.Key())
		}
	}
}
