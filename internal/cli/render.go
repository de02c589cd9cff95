package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"berth/internal/render/compose"
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
		RunE: func(*cobra.Command, []string) error {
			if as != "compose" {
				return fmt.Errorf("--as %s: can only be compose so far", as)
			}
			return env.render(file, out)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&as, "as", "compose", "the form: compose")
	cmd.Flags().StringVar(&out, "out", "", "the folder to write to")
	_ = cmd.MarkFlagRequired("out") // the flag exists
	return cmd
}

func (e *Env) render(file, out string) error {
	l, problems, err := e.load(file)
	if err != nil {
		return err
	}
	if problems.Failed() {
		return problems
	}
	problems.WriteText(e.Stderr, e.Color)
	dir := e.abs(out)
	secrets, err := e.secretsFor(l, dir)
	if err != nil {
		return err
	}
	project, more := compose.Render(l.stack, secrets.Fingerprints())
	if more.Failed() {
		return more
	}
	if err := writeProject(dir, project, secrets); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "wrote %d files to %s\n", len(project.Files)+1, out)
	fmt.Fprintf(e.Stdout, "next: docker compose --project-directory %s up -d\n", out)
	return nil
}

var _ = os.MkdirAll
var _ = filepath.Join
