package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"berth/catalogue"
	"github.com/spf13/cobra"
)

func newCatalogueCmd(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalogue",
		Short: "List Sourcegraph releases, and show what is in them",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newCatalogueListCmd(env), newCatalogueShowCmd(env), newCatalogueIssuesCmd(env))
	return cmd
}

func newCatalogueListCmd(env *Env) *cobra.Command {
	var on string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List releases, newest first, with their dates and support status",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			target := catalogue.Target(on)
			if target != "" && target != catalogue.Compose && target != catalogue.Kubernetes {
				return usageError("--target", fmt.Sprintf("%q is no target", on), "it can be compose or kubernetes")
			}
			versions := env.Catalogue().Versions(target)
			return env.give(versions, func() { listReleases(env.Stdout, versions) })
		},
	}
	cmd.Flags().StringVar(&on, "target", "", "only releases for one target: compose or kubernetes")
	return cmd
}

func newCatalogueShowCmd(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show RELEASE",
		Short: "Show a release: its source, notices and services",
		Long:  "Show a release. RELEASE is a version (7.5.4453), or a minor release (7.5) for its newest patch.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			summary, err := env.Catalogue().Summarise(args[0])
			if unknown := (*catalogue.UnknownError)(nil); errors.As(err, &unknown) {
				return usageError("berth catalogue show", unknown.Error(), "see all releases: berth catalogue list")
			}
			if err != nil {
				return err
			}
			return env.give(summary, func() { showRelease(env.Stdout, summary) })
		},
	}
	return cmd
}

func listReleases(w io.Writer, versions []catalogue.Version) {
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
	_ = table.Flush() // a closed pipe is nobody's fault
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

// since says from when on; nothing where there is no such day.
func since(day string) string {
	if day == "" {
		return ""
	}
	return " since " + day
}

func showRelease(w io.Writer, s *catalogue.Summary) {
	fmt.Fprintf(w, "Sourcegraph %s: %s%s (%s, read %s)\n", s.Version.Version, s.Support.Status, since(s.Support.Ended), s.Support.Source, s.Support.Checked)
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
	_ = table.Flush() // a closed pipe is nobody's fault
}
