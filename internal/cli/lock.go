package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"berth/internal/diag"
	"berth/internal/registry"
	"github.com/spf13/cobra"
)

func newLockCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Record which images your own registry holds",
		Long: `Ask the registry of images.registry what stands behind each tag of this release, and record the digests in sourcegraph.lock beside the
config. Only needed when your registry does not hold Sourcegraph's images byte for byte: without the record such images are refused.
Review the file and commit it with the config.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.lock(cmd.Context(), file) },
	}
	configFlag(cmd, &file)
	return cmd
}

func (e *Env) lock(ctx context.Context, file string) error {
	l, err := e.must(file)
	if err != nil {
		return err
	}
	own := l.doc.Config.Images.Registry
	if own == "" {
		return diag.List{{Code: "BERTH1201", Severity: diag.Error, Range: l.doc.At("images"), Subject: file,
			Summary: "there is no registry of your own to record", Hint: "Sourcegraph's own images are known by digest; set images.registry for a mirror"}}
	}
	login, err := e.login(l)
	if err != nil {
		return err
	}
	found, problems := registry.Digests(ctx, login, l.stack.Images())
	if problems.Failed() {
		return problems
	}
	lock := registry.Lock{Registry: own, Release: l.release.Version, Images: map[string]string{}}
	same := 0
	for ref, digest := range found {
		repository, _, _ := registry.Split(ref)
		name := repository[strings.LastIndexByte(repository, '/')+1:]
		lock.Images[name] = digest
		if strings.HasSuffix(l.release.Images[name], digest) {
			same++
		}
	}
	path := filepath.Join(l.dir, registry.LockName)
	if err := os.WriteFile(path, lock.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	fmt.Fprintf(e.Stdout, "wrote %s: %d images of %s in %s, %d of them as Sourcegraph published them\n",
		registry.LockName, len(lock.Images), lock.Release, own, same)
	return nil
}

// login is who pulls: the config's user, or what docker login left.
func (e *Env) login(l *loaded) (registry.Login, error) {
	c := l.doc.Config.Images.Login
	if c == nil {
		return registry.Login{}, nil
	}
	password, err := e.secretValue(l, c.Password)
	if err != nil {
		return registry.Login{}, err
	}
	return registry.Login{Username: c.Username, Password: password}, nil
}
