package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/cluster"
	"berth/internal/registry"
	"berth/internal/stack"
	"berth/internal/upgrade/survey"
	"github.com/spf13/cobra"
)

func newLockCmd(env *Env) *cobra.Command {
	var file, to string
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Record the images in your own registry",
		Long: `Look up the digest of each image of this release in images.registry, and record the digests in sourcegraph.lock beside the
config. Needed only if your registry's images are not byte for byte Sourcegraph's: without the record, berth refuses such images.
Review the file and commit it with the config.

  berth lock --to 7.5   also records every release of an upgrade to it`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.lockImages(cmd.Context(), file, to) },
	}
	ownConfigFlag(cmd, &file)
	cmd.Flags().StringVar(&to, "to", "", "also every release of an upgrade to this one")
	return cmd
}

func (e *Env) lockImages(ctx context.Context, file, to string) error {
	l, err := e.LoadUsable(file)
	if err != nil {
		return err
	}
	own := l.Doc.Config.Images.Registry
	if own == "" {
		return diag.List{{Code: "BERTH1201", Severity: diag.Error, Range: l.Doc.At("images"), Subject: file,
			Summary: "the config names no registry of yours", Hint: "Sourcegraph's own images are known by digest; set images.registry for a mirror"}}
	}
	all := []*installation.Want{l}
	var migrators []string
	if to != "" {
		passed, others, problems := survey.OnTheWay(&e.Environment, l, to)
		if problems.Failed() {
			return problems
		}
		all, migrators = append(all, passed...), others
	}
	lock, err := l.Lock()
	if err != nil {
		return err
	}
	if lock.Registry != own {
		lock = registry.Lock{Registry: own}
	}
	if lock.Releases == nil {
		lock.Releases = map[string]map[string]string{}
	}
	var said []string
	for _, one := range all {
		images, same, err := e.digests(ctx, one)
		if err != nil {
			return err
		}
		lock.Releases[one.Release.Version] = images
		said = append(said, fmt.Sprintf("wrote %s: %d images of %s in %s, %d of them as Sourcegraph published them\n",
			registry.LockName, len(images), one.Release.Version, own, same))
		if untagged := one.Stack.Untagged(); len(untagged) > 0 {
			said = append(said, fmt.Sprintf("not recorded, because Sourcegraph sets their tags: %s\n", diag.Listed(untagged, "and")))
		}
	}
	for _, version := range migrators {
		digest, err := e.migratorDigest(ctx, l, version)
		if err != nil {
			return err
		}
		lock.Releases[version] = map[string]string{migrator: digest}
		said = append(said, fmt.Sprintf("wrote %s: the migrator of %s\n", registry.LockName, version))
	}
	if err := os.WriteFile(filepath.Join(l.Dir, registry.LockName), lock.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	e.out.result = lock
	fmt.Fprint(e.Stdout, strings.Join(said, ""))
	return nil
}

// digests asks the admin's registry what it has of a config's release, and counts what is as Sourcegraph published it. What only upgrades
// run is among it.
func (e *Env) digests(ctx context.Context, l *installation.Want) (images map[string]string, same int, err error) {
	login, err := e.Login(l)
	if err != nil {
		return nil, 0, err
	}
	refs := append(append(l.Stack.Images(), l.Stack.Tagged()...), l.Image("migrator"), l.Image("pgsql"))
	if l.Stack.Target == catalogue.Kubernetes {
		page, err := cluster.PageImage(&e.Environment, l)
		if err != nil {
			return nil, 0, err
		}
		refs = append(refs, page)
	}
	slices.Sort(refs)
	found, problems := registry.Digests(ctx, login, slices.Compact(refs))
	if problems.Failed() {
		return nil, 0, problems
	}
	images = map[string]string{}
	for ref, digest := range found {
		repository, _, _ := registry.Split(ref)
		name := repository[strings.LastIndexByte(repository, '/')+1:]
		images[name] = digest
		if strings.HasSuffix(l.Release.Images[name], digest) {
			same++
		}
	}
	return images, same, nil
}

// migrator is the name of the image and of the service that changes schemas.
const migrator = "migrator"

// migratorDigest asks the admin's registry for the migrator of a release of which nothing else is run.
func (e *Env) migratorDigest(ctx context.Context, l *installation.Want, version string) (string, error) {
	login, err := e.Login(l)
	if err != nil {
		return "", err
	}
	release, err := e.Catalogue().Release(version, l.Stack.Target)
	if err != nil {
		return "", err
	}
	ref := stack.Image(l.Doc.Config.Images.Registry, release, nil, migrator)
	found, problems := registry.Digests(ctx, login, []string{ref})
	return found[ref], problems.Err()
}
