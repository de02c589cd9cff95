package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"github.com/spf13/cobra"
)

func newExplainCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "explain [KEY | CODE | rbac]",
		Short: "Explain a key of the config, or a BERTH code",
		Long: `Explain what a key means, its default in your release, and the value in force with its line.
Without a key: all top keys. With the code of a message: its cause, and what to do.
With rbac: the rights in a Kubernetes cluster that berth needs for this config, as a Role and, if needed, a ClusterRole to apply.`,
		Example: "  berth explain services.gitserver.memory\n  berth explain BERTH1140",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key := ""
			if len(args) == 1 {
				key = args[0]
			}
			if key == "rbac" {
				return env.explainRights(file)
			}
			if regexp.MustCompile(`^(?i:BERTH)[0-9]{4}$`).MatchString(key) {
				return env.explainCode(key)
			}
			return env.explainKey(key, file)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func (e *Env) explainCode(code string) error {
	c, ok := diag.Explain(code)
	if !ok {
		return usageError("berth explain", "there is no code "+code, "see all codes: berth docs codes")
	}
	return e.give(c, func() { c.WriteText(e.Stdout, e.paper()) })
}

func (e *Env) explainKey(key, file string) error {
	facts, err := e.facts(file)
	if err != nil {
		return err
	}
	x, err := config.Explain(key, facts)
	if err != nil {
		return usageError("berth explain", err.Error(), "see all keys: berth explain")
	}
	return e.give(x, func() { x.WriteText(e.Stdout, e.paper()) })
}

// facts are those of the config, if there is one; a config with problems explains what could be read of it. Without a release of its own,
// the newest for its target is explained.
func (e *Env) facts(file string) (config.Facts, error) {
	cat := e.Catalogue()
	facts := config.Facts{Services: cat.Describe()}
	text, err := config.ReadFile(e.Abs(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return facts, fmt.Errorf("read config: %w", err)
	}
	if err == nil {
		facts.Doc, _ = config.Load(file, text)
		facts.Release, _ = check.Release(facts.Doc, cat)
	}
	if facts.Release == nil {
		if facts.Release, err = cat.Release(cat.Newest(catalogue.Compose), catalogue.Compose); err != nil {
			return facts, err
		}
	}
	return facts, nil
}
