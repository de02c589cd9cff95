package installation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
)

// TestSignIn: berth's own questions to databases at RDS get a token for each, and say what is missing where none can be made. Others need none.
func TestSignIn(t *testing.T) {
	const external = "{external: {host: sg.c1a2b3.eu-west-1.rds.amazonaws.com, user: u, database: NAME, auth: aws-iam}}"
	text := "target: compose\nrelease: 7.5.4453\nurl: http://localhost\ndatabases:\n"
	for _, name := range []string{"pgsql", "codeintel-db", "codeinsights-db"} {
		text += "  " + name + ": " + strings.ReplaceAll(external, "NAME", name) + "\n"
	}
	env := map[string]string{}
	e := &Environment{Getenv: func(name string) string { return env[name] }, Now: time.Now}
	w, problems, err := e.Another(&Want{File: "sourcegraph.yaml", Dir: t.TempDir()}, []byte(text))
	if err != nil || problems.Failed() {
		t.Fatal(problems, err)
	}
	_, err = e.SignIn(w)
	if found := (diag.List)(nil); !errors.As(err, &found) || found[0].Code != "BERTH1650" || found[0].Range.Line == 0 {
		t.Errorf("without credentials: %v", err)
	}
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "id", "key"
	tokens, err := e.SignIn(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PGPASSWORD", "CODEINTEL_PGPASSWORD", "CODEINSIGHTS_PGPASSWORD"} {
		if !strings.HasPrefix(tokens[name], "sg.c1a2b3.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=u&") {
			t.Errorf("%s is %q", name, tokens[name])
		}
	}
	for _, inst := range w.Stack.Instances {
		for _, v := range inst.Env {
			if strings.HasSuffix(v.Name, "PGPASSWORD") {
				t.Errorf("%s has %s", inst.Name, v.Name)
			}
		}
	}
}
