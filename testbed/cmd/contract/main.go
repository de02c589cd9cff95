// Command contract holds the images of a release against the contract of Sourcegraph's images.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/verify"
)

// Exit codes beside 0.
const (
	failed  = 1
	differs = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		code = failed
	}
	os.Exit(code)
}

const usage = `usage:
  contract verify [--images REGISTRY/PATH] [--release VERSION] [--only SERVICES] [--patience 1m] [--json] [--out FILE]
  contract tests --out FILE     adds the results of go test -json, which it reads, to a result
  contract next                 prints the newest release with a Compose file that has no result in contract.d yet, or nothing`

func run(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New(usage)
	}
	switch args[0] {
	case "verify":
		return runVerify(ctx, args[1:])
	case "tests":
		return 0, runTests(args[1:], os.Stdin)
	case "next":
		release, err := next(os.DirFS(".."), "catalogue/releases", "testbed/contract.d")
		if err == nil && release != "" {
			fmt.Println(release)
		}
		return 0, err
	}
	return 0, errors.New(usage)
}

func runVerify(ctx context.Context, args []string) (int, error) {
	flags := flag.NewFlagSet("contract verify", flag.ContinueOnError)
	images := flags.String("images", "index.docker.io/sourcegraph", "registry and path of the images")
	release := flags.String("release", "7.5.4453", "release")
	only := flags.String("only", "", "services to look at, with commas between them; all, if empty")
	patience := flags.Duration("patience", time.Minute, "how long one thing is waited for")
	asJSON := flags.Bool("json", false, "print the result as JSON")
	out := flags.String("out", "", "also write the result as JSON into this file")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	o := verify.Options{Images: *images, Release: *release, Patience: *patience, Contract: contract.Load()}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	began := time.Now()
	o.Say = func(format string, a ...any) {
		fmt.Fprintf(os.Stderr, "contract [%.0fs] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	}
	result, err := verify.Run(ctx, o)
	if err != nil {
		return 0, err
	}
	if *out != "" {
		if err := write(*out, result); err != nil {
			return 0, err
		}
	}
	if *asJSON {
		err = write("/dev/stdout", result)
	} else {
		show(result)
	}
	if len(result.Differences) > 0 {
		return differs, err
	}
	return 0, err
}

func write(file string, result verify.Result) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func show(r verify.Result) {
	for _, d := range r.Differences {
		fmt.Println(d)
	}
	for _, n := range r.NotChecked {
		fmt.Println("not checked:", n)
	}
	fmt.Printf("%s from %s: %d promises of %d services checked, %d differences, %d not checked\n", r.Release, r.Images, r.Checked, len(r.Services),
		len(r.Differences), len(r.NotChecked))
}
