// Command tests is about the tests of this repository: which ones need a real engine or cluster, and what a run of tests came to.
//
//	go run ./e2e/tests list                        the tests of e2e, what each needs, and what it proves
//	go run ./e2e/tests releases                    the releases whose images a short run of them needs
//	go run ./e2e/tests releases --pg-upgrade       likewise, of images with the real pg_upgrade
//	go test -json ... | go run ./e2e/tests report  the output of packages that fail; at the end what failed, what was not run and why, what took long.
//	                                               With -v all output; then with the name of a test or of a subtest, which must have been run
//
// Run it in the root folder. Exit code 1: a test failed, or none was run.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "list":
		s, err := read("e2e")
		if err != nil {
			return err
		}
		list(os.Stdout, s.tests())
		return nil
	case len(args) == 1 && args[0] == "releases", len(args) == 2 && args[0] == "releases" && args[1] == "--pg-upgrade":
		s, err := read("e2e")
		if err != nil {
			return err
		}
		need := "images("
		if len(args) == 2 {
			need = "pgUpgradeImages("
		}
		fmt.Println(strings.Join(s.releases(need), " "))
		return nil
	case len(args) == 1 && args[0] == "report":
		return report(os.Stdin, os.Stdout, options{})
	case len(args) >= 2 && len(args) <= 3 && args[0] == "report" && args[1] == "-v":
		return report(os.Stdin, os.Stdout, options{all: true, subtest: strings.Contains(strings.Join(args[2:], ""), "/")})
	}
	return fmt.Errorf("usage: tests list | tests releases [--pg-upgrade] | tests report [-v [RUN]]")
}
