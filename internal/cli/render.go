package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/diag"
	"berth/internal/render/compose"
	"berth/internal/state"
	"github.com/spf13/cobra"
)

func newRenderCmd(env *Env) *cobra.Command {
	var file, as, out string
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Write the Compose project, for docker compose alone",
		Long: `Write the project that berth up would run: docker-compose.yaml and all files that it mounts. It works with docker compose alone:

  berth render --as compose --out DIR
  docker compose --project-directory DIR up -d

Secret values go into DIR/.env, which only you can read. Rendering twice gives the same bytes, and keeps the secrets that are there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if as != "compose" {
				return fmt.Errorf("--as %s: can only be compose so far", as)
			}
			return env.render(cmd.Context(), file, out)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&as, "as", "compose", "the form: compose")
	cmd.Flags().StringVar(&out, "out", "", "the folder to write to")
	_ = cmd.MarkFlagRequired("out") // the flag exists
	return cmd
}

func (e *Env) render(ctx context.Context, file, out string) error {
	l, err := e.must(file)
	if err != nil {
		return err
	}
	dir := e.abs(out)
	if err := foreignFolder(dir, out); err != nil {
		return err
	}
	// An installation that is there has its passwords already; otherwise those that an earlier rendering made here are kept.
	secrets := state.At(l.dir, l.stack.Name)
	if there, err := secrets.Generated(ctx); err != nil {
		return err
	} else if len(there) == 0 {
		secrets = state.Rendering(dir)
	}
	generated, err := secrets.Generate(ctx, generatedNames(l.stack.Secrets))
	if err != nil {
		return err
	}
	i := &installation{loaded: l}
	if err := i.render(e, generated); err != nil {
		return err
	}
	if err := state.WriteProject(dir, i.project, func(name string) string { return i.values[name] }); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "wrote %d files to %s\n", len(i.project.Files)+1, out)
	fmt.Fprintf(e.Stdout, "next: docker compose --project-directory %s up -d\n", out)
	return nil
}

// foreignFolder refuses a folder that holds something else than a project of berth's: rendering would write over it.
func foreignFolder(dir, out string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the folder to render to: %w", err)
	}
	if ours, err := startsAsOurs(filepath.Join(dir, compose.ComposeFile)); err == nil && ours {
		return nil
	}
	return diag.List{{Code: "BERTH1120", Severity: diag.Error, Subject: out, Summary: "the folder holds other files; nothing was written",
		Hint: "name a new or empty folder, or one that berth render wrote"}}
}

// startsAsOurs reports whether a file begins with the comment that berth writes.
func startsAsOurs(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return bytes.Contains(head[:n], []byte("made by berth from sourcegraph.yaml")), nil
}
