package cli

import (
	"cmp"
	"context"
	"fmt"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/engine"
	"berth/internal/render/compose"
	"berth/internal/target/compose/project"
	"berth/internal/target/compose/store"
	"github.com/spf13/cobra"
)

// renderFlags are what berth render is asked for.
type renderFlags struct {
	as, out, secrets string
	recipients       []string
}

func newRenderCmd(env *Env) *cobra.Command {
	var file string
	var r renderFlags
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Write what berth up would run, for other tools",
		Long: `Write what berth up would run as files, for other tools.

With target: compose, a project that works with docker compose alone. Secret values, and your files that may contain some (siteConfig, codeHosts,
settings, git.config, tracing.collector), go into DIR/.env, which only you can read:

  berth render --as compose --out DIR
  docker compose --project-directory DIR up -d

With target: kubernetes, one of four forms of the same objects. No cluster is needed:

  berth render --as manifests --out DIR     one file for each object, for kubectl, Argo CD or Flux
  berth render --as kustomize --out DIR     a base that berth writes, and an overlay that is yours
  berth render --as helm --out DIR          a Helm chart of its own
  berth render --as helm-values --out DIR   values for Sourcegraph's own Helm chart

--out - writes manifests as one YAML stream to the standard output, and helm-values as one file:

  berth render --out - | kubectl diff -f -

Secrets, and files that may contain some, are never in these files in clear text. With --secrets reference, Secrets are left out and DIR/README.md
says how to create them. With --secrets age, they are encrypted in the format of SOPS for the --recipient keys. Text in the config, in
patches and in kubernetes.objects is written as it is.

Rendering twice gives the same bytes. Your own files in DIR do not change.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.render(cmd.Context(), file, r)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&r.as, "as", "", "the form: compose, manifests, kustomize, helm or helm-values (default: compose or manifests, as the config's target)")
	cmd.Flags().StringVar(&r.out, "out", "", "the folder to write to; - is standard output, where it is one file or stream")
	cmd.Flags().StringVar(&r.secrets, "secrets", "reference", "secrets of Kubernetes objects: reference or age")
	cmd.Flags().StringArrayVar(&r.recipients, "recipient", nil, "who can read encrypted secrets: a public key of age, age1...")
	_ = cmd.MarkFlagRequired("out") // the flag exists
	return cmd
}

func (e *Env) render(ctx context.Context, file string, r renderFlags) error {
	load := e.Load
	if r.secrets == "reference" {
		load = e.LoadReferring
	}
	l, err := e.usable(load(file))
	if err != nil {
		return err
	}
	if l.Stack.Target == catalogue.Kubernetes {
		r.as = cmp.Or(r.as, "manifests")
		if clusterForms[r.as] == "" {
			return usageError("--as", fmt.Sprintf("%q is no form for target: kubernetes", r.as), "it can be manifests, kustomize, helm or helm-values")
		}
		if err := r.checkSecrets(); err != nil {
			return err
		}
		return e.renderCluster(ctx, l, r)
	}
	if as := cmp.Or(r.as, "compose"); as != "compose" {
		return usageError("--as", fmt.Sprintf("%q is no form for target: compose", as), "leave --as out")
	}
	if r.out == standardOutput {
		return notOneFile("a Compose project is several files: the services read their configuration and passwords from those beside " + compose.ComposeFile)
	}
	return e.renderProject(ctx, l, r.out)
}

// notOneFile refuses to write to the standard output what is no single file.
func notOneFile(reason string) error {
	return diag.List{{Code: "BERTH4120", Severity: diag.Error, Subject: "--out", Summary: reason + "; nothing was written", Hint: "write it to a folder: --out DIR"}}
}

// renderProject writes a config's Compose project.
func (e *Env) renderProject(ctx context.Context, l *installation.Want, out string) error {
	dir := e.Abs(out)
	f := &folder{path: dir, name: out, marker: compose.ComposeFile}
	if err := f.foreign(); err != nil {
		return err
	}
	e.follows(l, f)
	// An installation that is there has its passwords already; otherwise those that an earlier rendering made here are kept.
	secrets := store.At(l.Dir, l.Stack.Name)
	if there, err := secrets.Generated(ctx); err != nil {
		return err
	} else if len(there) == 0 {
		secrets = store.Rendering(dir)
	}
	generated, err := secrets.Generate(ctx, installation.GeneratedNames(l.Stack.Secrets))
	if err != nil {
		return err
	}
	rendered, values, err := engine.Render(&e.Environment, l, generated)
	if err != nil {
		return err
	}
	if err := project.Write(dir, rendered, func(name string) string { return values[name] }); err != nil {
		return err
	}
	e.out.result = filesWritten(out, rendered.Files)
	fmt.Fprintf(e.Stdout, "wrote %d files to %s\n", len(rendered.Files)+1, out)
	fmt.Fprintf(e.raw(), "next: docker compose --project-directory %s up -d\n", out)
	return nil
}

// follows warns where a folder holds another release that this one can't follow by replacing containers or pods. It is no error: after berth
// upgrade has led the installation there, the folder is rendered for the new release, too.
func (e *Env) follows(l *installation.Want, f *folder) {
	before := f.release()
	if _, err := e.Catalogue().Release(before, l.Stack.Target); err != nil || before == l.Release.Version {
		return
	}
	found := e.checkAgainst(l, before)
	if !found.Failed() {
		return
	}
	warning := diag.Diagnostic{Code: "BERTH1195", Severity: diag.Warning, Subject: f.name, Range: l.Doc.At("release"),
		Summary: fmt.Sprintf("the folder was rendered for %s; going from there to %s needs more than replacing what runs", before, l.Release.Version),
		Hint:    fmt.Sprintf("apply it only after berth upgrade; the stops: berth upgrade path --from %s --to %s", before, l.Release.Version)}
	for _, d := range found {
		warning.Detail = append(warning.Detail, d.Summary)
	}
	e.warn(diag.List{warning})
}
