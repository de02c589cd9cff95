package cli_test

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"berth/internal/cli"
	"berth/internal/installation"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write golden files again")

// TestMain makes this test's binary also the berth program, for scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"berth": func() {
			dir, err := os.Getwd()
			if err != nil {
				panic(err)
			}
			os.Exit(cli.Run(context.Background(), &cli.Env{Stdout: os.Stdout, Environment: installation.Environment{Stdin: os.Stdin, Stderr: os.Stderr, Getenv: os.Getenv,
				Now: func() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }, Dir: dir}}, os.Args[1:]))
		},
	})
}

// TestScripts runs what people type, without a Docker Engine; e2e/ has the rest.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
			return nil
		},
	})
}
