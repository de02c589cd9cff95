package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"berth/testbed/internal/verify"
)

// runTests adds what go test -json printed to the result in a file.
func runTests(args []string, in io.Reader) error {
	flags := flag.NewFlagSet("contract tests", flag.ContinueOnError)
	out := flags.String("out", "", "file with a result")
	if err := flags.Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile(*out)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	var result verify.Result
	if err := json.Unmarshal(text, &result); err != nil {
		return fmt.Errorf("%s: %w", *out, err)
	}
	if result.Tests, err = tests(in); err != nil {
		return err
	}
	return write(*out, result)
}

// tests gives how each test ended; subtests belong to their test.
func tests(in io.Reader) (map[string]string, error) {
	out := map[string]string{}
	for d := json.NewDecoder(in); ; {
		var e struct{ Action, Test string }
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("this is not what go test -json prints: %w", err)
		}
		if e.Test != "" && !strings.Contains(e.Test, "/") && slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
			out[e.Test] = e.Action
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no test ran")
	}
	return out, nil
}

// next is the newest release of the catalogue with a Compose file, unless there is a result of it.
func next(root fs.FS, releases, results string) (string, error) {
	files, err := fs.Glob(root, releases+"/*.yaml")
	if err != nil {
		return "", err
	}
	newest := ""
	for _, f := range files {
		text, err := fs.ReadFile(root, f)
		if err != nil {
			return "", err
		}
		var minor struct {
			Releases map[string]struct{ Compose *struct{ Date string } }
		}
		if err := yaml.Unmarshal(text, &minor); err != nil {
			return "", fmt.Errorf("%s: %w", f, err)
		}
		for v, r := range minor.Releases {
			if r.Compose != nil && (newest == "" || slices.Compare(numbers(v), numbers(newest)) > 0) {
				newest = v
			}
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s has no release with a Compose file", releases)
	}
	if _, err := fs.Stat(root, path.Join(results, newest+".json")); err == nil {
		return "", nil
	}
	return newest, nil
}

func numbers(version string) []int {
	var out []int
	for _, part := range strings.Split(version, ".") {
		n, _ := strconv.Atoi(part) // the catalogue's tests hold its versions
		out = append(out, n)
	}
	return out
}
