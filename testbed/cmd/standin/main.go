// Command standin plays the part of Sourcegraph's services where their images can't be had: one small program that takes a role.
//
// It keeps to the contract that a deployment sees (names, ports, variables, folders, health checks, tables) and does the work in a
// small way: it really clones repositories, indexes and searches them, and keeps its data in the real stores.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/release"
)

// service is what every role knows about itself.
type service struct {
	role    string
	version string
	minor   release.Minor
	env     contract.Env
	args    []string
	started time.Time
	figures figures
}

var roles = map[string]func(context.Context, *service) error{
	"frontend":                    runFrontend,
	"migrator":                    runMigrator,
	"gitserver":                   runGitserver,
	"zoekt-indexserver":           runIndexserver,
	"zoekt-webserver":             runWebserver,
	"searcher":                    runSearcher,
	"symbols":                     runSymbols,
	"worker":                      runWorker,
	"precise-code-intel-worker":   runPreciseWorker,
	"syntactic-code-intel-worker": runSyntacticWorker,
	"syntect-server":              runSyntect,
	"repo-updater":                simple(":3182"),
	"embeddings":                  simple(":9991"),
	"github-proxy":                simple(":3180"),
	"grafana":                     runGrafana,
	"cadvisor":                    runCadvisor,
	"otel-collector":              runOtel,
	"seed":                        runSeed,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv); err != nil {
		if len(os.Args) > 1 && os.Args[1] == "migrator" {
			err = fatal(err, os.Getenv("STANDIN_VERSION"))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// fatal is how the real migrator tells of an error: as its logger's last line.
func fatal(err error, version string) error {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	broken := e.Encode(struct {
		SeverityText         string
		Timestamp            int64
		InstrumentationScope string
		Caller               string
		Function             string
		Body                 string
		Resource             map[string]string
	}{"FATAL", time.Now().UnixNano(), "migrator", "standin/main.go", "main.main", strings.TrimPrefix(err.Error(), "migrator: "),
		map[string]string{"service.name": "migrator", "service.version": version, "service.instance.id": hostname()}})
	return errors.Join(broken, errors.New(strings.TrimSpace(line.String())))
}

func run(ctx context.Context, args []string, env contract.Env) error {
	if len(args) == 0 || roles[args[0]] == nil {
		names := make([]string, 0, len(roles))
		for r := range roles {
			names = append(names, r)
		}
		sort.Strings(names)
		return fmt.Errorf("usage: standin ROLE, which is one of %s", strings.Join(names, ", "))
	}
	s := &service{role: args[0], version: env("STANDIN_VERSION"), env: env, args: args[1:], started: time.Now()}
	var lines []string
	for _, p := range contract.Load().Check(s.role, s.version, env) {
		lines = append(lines, fmt.Sprintf("%s: %v", s.role, p))
	}
	if len(lines) > 0 {
		return fmt.Errorf("%s", strings.Join(lines, "\n"))
	}
	s.minor = release.Must(s.version)
	// A service that was told to end has done what it should; a migrator hasn't.
	if err := roles[s.role](ctx, s); err != nil && (ctx.Err() == nil || s.role == "migrator") {
		return fmt.Errorf("%s: %w", s.role, err)
	}
	return nil
}

func (s *service) logf(format string, a ...any) {
	fmt.Fprintf(os.Stderr, "%s %s: %s\n", time.Now().UTC().Format("15:04:05.000"), s.role, fmt.Sprintf(format, a...))
}

// every runs work now and then again after each pause, until the context ends. What fails is tried again at the next turn.
func (s *service) every(ctx context.Context, pause time.Duration, work func(context.Context) error) {
	last := ""
	for ctx.Err() == nil {
		message := ""
		if err := work(ctx); err != nil && ctx.Err() == nil {
			message = err.Error()
		}
		if message != last && message != "" { // the same error is logged once
			s.logf("%s", message)
		}
		last = message
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
