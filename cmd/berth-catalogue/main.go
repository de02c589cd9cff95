// Command berth-catalogue makes and proves the catalogue of Sourcegraph's releases. It is for berth's maintainers; site admins need only berth.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"berth/catalogue"
	"berth/internal/catalogue/maintain"
	"berth/internal/catalogue/rendered"
	"github.com/spf13/cobra"
)

// errDiffers ends the program with exit code 3: the report was printed.
var errDiffers = errors.New("the catalogue differs from Sourcegraph's repositories")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := newRoot().ExecuteContext(ctx); {
	case errors.Is(err, errDiffers):
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, "berth-catalogue:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "berth-catalogue",
		Short:         "Make and prove the catalogue of Sourcegraph's releases (for maintainers)",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newImportCmd(), newVerifyCmd())
	return root
}

// repositoryFlags adds the flags that name Sourcegraph's two repositories.
func repositoryFlags(cmd *cobra.Command, from *maintain.Repositories) {
	cmd.Flags().StringVar(&from.Compose, "compose", "", "a checkout or git directory of sourcegraph/deploy-sourcegraph-docker")
	cmd.Flags().StringVar(&from.Helm, "helm", "", "a checkout or git directory of sourcegraph/deploy-sourcegraph-helm")
	_ = cmd.MarkFlagRequired("compose") // the flags exist
	_ = cmd.MarkFlagRequired("helm")
}

// say prints progress where errors go.
func say(cmd *cobra.Command) func(string) {
	return func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }
}

func newImportCmd() *cobra.Command {
	var from maintain.Repositories
	var out string
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make the catalogue's manifests from Sourcegraph's repositories",
		Long: `Make the catalogue's manifests and index from the tags of Sourcegraph's two public deployment repositories. Fetch the tags first. Needs the
programs git and helm. The same tags give the same bytes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return maintain.Import(cmd.Context(), from, out, say(cmd))
		},
	}
	repositoryFlags(cmd, &from)
	cmd.Flags().StringVar(&out, "out", "catalogue", "the catalogue's folder, which holds import.yaml")
	return cmd
}

func newVerifyCmd() *cobra.Command {
	var from maintain.Repositories
	var dir string
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that what berth renders is what Sourcegraph ships",
		Long: `Compare the catalogue with Sourcegraph's repositories, for every release:

  importing again gives the same files;
  what berth renders for an untouched config is what Sourcegraph's Compose file says, with the files that it mounts;
  the Kubernetes objects that berth renders for an untouched config are those that Sourcegraph's chart makes with default values,
  and with those for Jaeger and executors.

Images with another release's tag are listed, too; relations.yaml explains or corrects them.

Each difference is printed. Intended ones are listed with their reason in catalogue/intended.yaml. Exit code 3 when there are
others. Needs the programs git and helm.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cat := catalogue.Embedded()
			if dir != "" {
				var err error
				if cat, err = catalogue.Open(os.DirFS(dir)); err != nil {
					return err
				}
			}
			report, err := maintain.Verify(cmd.Context(), from, cat, maintain.Renders{Compose: rendered.Project, Kubernetes: rendered.Objects}, say(cmd))
			if err != nil {
				return err
			}
			if asJSON {
				document := json.NewEncoder(cmd.OutOrStdout())
				document.SetIndent("", "  ")
				err = document.Encode(report)
			} else {
				err = showReport(cmd.OutOrStdout(), report, all)
			}
			if err == nil && !report.Clean() {
				return errDiffers
			}
			return err
		},
	}
	repositoryFlags(cmd, &from)
	cmd.Flags().StringVar(&dir, "catalogue", "", "a catalogue's folder (default the one built in)")
	cmd.Flags().BoolVar(&all, "all", false, "print intended differences as well, with their reasons")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func showReport(w io.Writer, r *maintain.Report, all bool) error {
	for _, name := range r.Stale {
		fmt.Fprintf(w, "%s is not what importing again gives\n", name)
	}
	unexplained := r.Unexplained()
	differences := unexplained
	if all {
		differences = r.Differences
	}
	for _, d := range differences {
		fmt.Fprintln(w, d)
		if d.Reason != "" {
			fmt.Fprintf(w, "  intended: %s\n", d.Reason)
		}
	}
	for _, s := range r.Strays {
		if s.Reason == "" {
			s.Reason = "explain or correct it in images of relations.yaml"
		} else if !all {
			continue
		}
		fmt.Fprintf(w, "not of its release: %s\n", s)
	}
	for _, entry := range r.Unused {
		fmt.Fprintf(w, "intended.yaml: %s %s %s matches no difference; remove it\n", entry.Target, entry.Part, entry.Path)
	}
	_, err := fmt.Fprintf(w, "%d Compose and %d Kubernetes releases compared: %d differences, of which %d are intended\n",
		r.Compose, r.Kubernetes, len(r.Differences), len(r.Differences)-len(unexplained))
	return err
}
