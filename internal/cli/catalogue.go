package cli

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"berth/catalogue"
	"berth/internal/catalogue/maintain"
	"berth/internal/config"
	"berth/internal/render/compose"
	"berth/internal/render/kubernetes"
	"berth/internal/stack"
	"github.com/spf13/cobra"
)

func newCatalogueCmd(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalogue",
		Short: "List Sourcegraph releases, and show what is in them",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newCatalogueListCmd(env), newCatalogueShowCmd(env), newCatalogueImportCmd(env), newCatalogueVerifyCmd(env))
	return cmd
}

func newCatalogueListCmd(env *Env) *cobra.Command {
	var on string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List releases, newest first, with their dates and support status",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			target := catalogue.Target(on)
			if target != "" && target != catalogue.Compose && target != catalogue.Kubernetes {
				return fmt.Errorf("--on %s: can be compose or kubernetes", on)
			}
			versions := env.Catalogue().Versions(target)
			if asJSON {
				return env.printJSON(versions)
			}
			return listReleases(env.Stdout, versions)
		},
	}
	cmd.Flags().StringVar(&on, "on", "", "only releases for one target: compose or kubernetes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func newCatalogueShowCmd(env *Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show RELEASE",
		Short: "Show a release: its source, notices and services",
		Long:  "Show a release. RELEASE is a version (7.5.4453), or a minor release (7.5) for its newest patch.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			summary, err := env.Catalogue().Summarise(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(summary)
			}
			return showRelease(env.Stdout, summary)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// repositoryFlags adds the flags that name Sourcegraph's two repositories.
func repositoryFlags(cmd *cobra.Command, from *maintain.Repositories) {
	cmd.Flags().StringVar(&from.Compose, "compose", "", "a checkout or git directory of sourcegraph/deploy-sourcegraph-docker")
	cmd.Flags().StringVar(&from.Helm, "helm", "", "a checkout or git directory of sourcegraph/deploy-sourcegraph-helm")
	_ = cmd.MarkFlagRequired("compose") // the flags exist
	_ = cmd.MarkFlagRequired("helm")
}

func newCatalogueImportCmd(env *Env) *cobra.Command {
	var from maintain.Repositories
	var out string
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make the catalogue's manifests from Sourcegraph's repositories (for maintainers)",
		Long: `Make the catalogue's manifests and index from the tags of Sourcegraph's two public deployment repositories. Fetch the tags first. Needs the
programs git and helm. The same tags give the same bytes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := maintain.Repositories{Compose: env.Abs(from.Compose), Helm: env.Abs(from.Helm)}
			return maintain.Import(cmd.Context(), from, env.Abs(out), env.say)
		},
	}
	repositoryFlags(cmd, &from)
	cmd.Flags().StringVar(&out, "out", "catalogue", "the catalogue's folder, which holds import.yaml")
	return cmd
}

func newCatalogueVerifyCmd(env *Env) *cobra.Command {
	var from maintain.Repositories
	var dir string
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that what berth renders is what Sourcegraph ships (for maintainers)",
		Long: `Compare the catalogue with Sourcegraph's repositories, for every release:

  importing again gives the same files;
  what berth renders for an untouched config is what Sourcegraph's Compose file says, with the files that it mounts;
  the Kubernetes objects that berth renders for an untouched config are those that Sourcegraph's chart makes with default values,
  and with those for Jaeger and executors.

Each difference is printed. Intended ones are listed with their reason in catalogue/intended.yaml. Exit code 3 when there are
others. Needs the programs git and helm.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := maintain.Repositories{Compose: env.Abs(from.Compose), Helm: env.Abs(from.Helm)}
			report, err := env.verify(cmd.Context(), from, dir)
			if err != nil {
				return err
			}
			if asJSON {
				err = env.printJSON(report)
			} else {
				err = showReport(env.Stdout, report, all)
			}
			if err == nil && !report.Clean() {
				return exit(ExitChecks)
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

func (e *Env) verify(ctx context.Context, from maintain.Repositories, dir string) (*maintain.Report, error) {
	cat := e.Catalogue()
	if dir != "" {
		var err error
		if cat, err = catalogue.Open(os.DirFS(e.Abs(dir))); err != nil {
			return nil, err
		}
	}
	return maintain.Verify(ctx, from, cat, maintain.Renders{Compose: untouchedProject, Kubernetes: untouchedObjects}, e.say)
}

func (e *Env) say(text string) { fmt.Fprintln(e.Stderr, text) }

// untouched resolves a release for a config that says nothing but where.
func untouched(release *catalogue.Release, text, namespace string) (*stack.Stack, error) {
	doc, problems := config.Load("sourcegraph.yaml", []byte(text))
	if problems.Failed() {
		return nil, problems
	}
	return stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: release, Namespace: namespace}), nil
}

// untouchedProject renders a release as a Compose project.
func untouchedProject(release *catalogue.Release) (composeFile []byte, files map[string][]byte, err error) {
	s, err := untouched(release, "on: compose\nurl: http://sourcegraph.example.com\n", "")
	if err != nil {
		return nil, nil, err
	}
	project, problems := compose.Render(s, nil)
	if problems.Failed() {
		return nil, nil, problems
	}
	files = map[string][]byte{}
	for _, file := range project.Files {
		files[file.Path] = file.Content
	}
	composeFile = files[compose.ComposeFile]
	delete(files, compose.ComposeFile)
	return composeFile, files, nil
}

// asking are the lines of a config that ask for an overlay, and for nothing else.
var asking = map[string]string{"": "", catalogue.Jaeger: "tracing: {jaeger: true}\n", catalogue.Executors: "executors: {}\n"}

// untouchedObjects renders a release as Kubernetes objects, with an overlay or without. {NAME} stands in Secrets for the values that are
// generated.
func untouchedObjects(release *catalogue.Release, overlay, namespace string) (map[string]any, error) {
	s, err := untouched(release, "on: kubernetes\nurl: https://sourcegraph.example.com\n"+asking[overlay], namespace)
	if err != nil {
		return nil, err
	}
	set, problems := kubernetes.Render(s, nil)
	if problems.Failed() {
		return nil, problems
	}
	objects := map[string]any{}
	for _, o := range set.Objects {
		if o.Values != nil {
			data := map[string]any{}
			for key, parts := range o.Values {
				text := ""
				for _, p := range parts {
					text += p.Text
					if p.Secret != "" {
						text += "{" + p.Secret + "}"
					}
				}
				data[key] = base64.StdEncoding.EncodeToString([]byte(text))
			}
			o.Body["data"] = data
		}
		objects[o.Key()] = o.Body
	}
	return objects, nil
}

func listReleases(w io.Writer, versions []catalogue.Version) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RELEASE\tCOMPOSE\tKUBERNETES\tSUPPORT\tNOTICE")
	for _, v := range versions {
		notices := make([]string, len(v.Notices))
		for i, n := range v.Notices {
			notices[i] = noticeLine(n)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", v.Version, cmp.Or(v.Dates[catalogue.Compose], "-"), cmp.Or(v.Dates[catalogue.Kubernetes], "-"),
			v.Support.Status, strings.Join(notices, "; "))
	}
	return table.Flush()
}

// noticeLine says in short what a notice speaks against.
func noticeLine(n catalogue.Notice) string {
	what := "not offered"
	if n.Use == catalogue.MultiVersion {
		what = "not as the end of a multi-version upgrade"
	}
	if n.Target != "" {
		what += " on " + string(n.Target)
	}
	return what + ", take " + n.Instead
}

func showRelease(w io.Writer, s *catalogue.Summary) error {
	fmt.Fprintf(w, "Sourcegraph %s: %s (%s, read %s)\n", s.Version.Version, s.Support.Status, s.Support.Source, s.Support.Checked)
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		if tag, ok := s.Tags[target]; ok {
			fmt.Fprintf(w, "  %-10s  %s, commit %s\n", target, tag.Date, tag.Commit)
		} else {
			fmt.Fprintf(w, "  %-10s  not released\n", target)
		}
	}
	for _, n := range s.Notices {
		fmt.Fprintf(w, "\n%s: %s\n  %s\n", noticeLine(n), n.Reason, n.Source)
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tON\tDOES")
	for _, service := range s.Services {
		on := make([]string, len(service.On))
		for i, target := range service.On {
			on[i] = string(target)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", service.Name, strings.Join(on, ", "), service.Does)
	}
	return table.Flush()
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
	for _, entry := range r.Unused {
		fmt.Fprintf(w, "intended.yaml: %s %s %s matches no difference; remove it\n", entry.Target, entry.Part, entry.Path)
	}
	_, err := fmt.Fprintf(w, "%d Compose and %d Kubernetes releases compared: %d differences, of which %d are intended\n",
		r.Compose, r.Kubernetes, len(r.Differences), len(r.Differences)-len(unexplained))
	return err
}
