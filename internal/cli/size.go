package cli

import (
	"fmt"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/size"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// Sized is an estimate, and the edit that follows from it.
type Sized struct {
	size.Estimate
	Edit []string `json:"edit,omitempty"` // lines of sourcegraph.yaml: what the release does not ship
}

const sizeHelp = `Estimate how large an installation has to be, from the tables of Sourcegraph's resource estimator with its known faults fixed (docs/sizes.md).

What you don't know, leave out. The last table says how much the answer depends on each number: it shows what is needed in addition if the number is twice as
large.

--measured shows what the installation of your config uses: the size that its people and repositories ask for, the most that services and disks used in the last
14 days as its Prometheus has it, which limit is met first and when, limits that are too small or larger than needed, and the edit. Nothing of the installation
is touched; berth status shows the result in a line.`

func newSizeCmd(env *Env) *cobra.Command {
	l := size.Load{People: 300, Repositories: 3000, LargestRepository: 5, Total: 100, LargestIndex: 1}
	var target, release string
	var amounts loadAmounts
	var noInsights, measured bool
	var file string
	cmd := &cobra.Command{
		Use:   "size",
		Short: "Estimate how large an installation has to be: services, machine, disks, and the edit",
		Long:  sizeHelp,
		Example: `  berth size --users 3000 --repositories 40000 --largest-repo 20GB
  berth size --measured
  berth size --users 500 --repositories 2000 --total 300GB --target kubernetes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if measured {
				return env.measured(cmd.Context(), file)
			}
			on := catalogue.Target(target)
			if on != catalogue.Compose && on != catalogue.Kubernetes {
				return misuse(cmd, fmt.Sprintf("--target %s: can be compose or kubernetes", target))
			}
			if err := amounts.into(cmd, &l); err != nil {
				return err
			}
			if l.People < 1 || l.Repositories < 1 {
				return misuse(cmd, "--users and --repositories are at least 1")
			}
			l.Insights = !noInsights
			sized, err := env.sized(l, release, on)
			if err != nil {
				return err
			}
			return env.give(sized, func() { view.Size(env.Stdout, sized.Estimate, sized.Edit) })
		},
	}
	f := cmd.Flags()
	f.IntVar(&l.People, "users", l.People, "how many people use it")
	f.IntVar(&l.Repositories, "repositories", l.Repositories, "how many repositories it has")
	f.StringVar(&amounts.largest, "largest-repo", "", "the largest repository, such as 20GB (default 5GB)")
	f.StringVar(&amounts.total, "total", "", "all repositories together, such as 800GB (default: 100 GB for 3,000)")
	f.StringVar(&amounts.index, "index", "", "the largest index of precise code navigation, such as 3GB; 0: it is not used (default 1GB)")
	f.BoolVar(&noInsights, "no-insights", false, "without Code Insights")
	f.StringVar(&target, "target", string(catalogue.Compose), "where it runs: compose or kubernetes")
	f.StringVar(&release, "release", "", "of Sourcegraph (default: the newest for the target)")
	f.BoolVar(&measured, "measured", false, "show what the installation of your config uses")
	configFlag(cmd, &file)
	placeFlags(env, cmd, &file)
	for _, alone := range []string{"users", "repositories", "largest-repo", "total", "index", "no-insights", "target", "release"} {
		cmd.MarkFlagsMutuallyExclusive("measured", alone)
	}
	return cmd
}

// loadAmounts are the amounts of a load as people write them; "": not said.
type loadAmounts struct{ largest, total, index string }

// into reads them.
func (a loadAmounts) into(cmd *cobra.Command, l *size.Load) error {
	if !cmd.Flags().Changed("total") {
		l.Total = float64(l.Repositories) / 30 // the estimator's own defaults: 100 GB for 3,000
	}
	for _, amount := range []struct {
		flag, text string
		to         *float64
	}{{"largest-repo", a.largest, &l.LargestRepository}, {"total", a.total, &l.Total}, {"index", a.index, &l.LargestIndex}} {
		if amount.text == "" {
			continue
		}
		gb, err := gigabytes(amount.text)
		if err != nil {
			return misuse(cmd, fmt.Sprintf("--%s %s: %v", amount.flag, amount.text, err))
		}
		*amount.to = gb
	}
	return nil
}

// misuse says that a flag's value is wrong.
func misuse(cmd *cobra.Command, what string) error {
	return usageError(cmd.CommandPath(), what, "see: "+cmd.CommandPath()+" --help")
}

// gigabytes reads an amount such as 20GB, 1.5TB, 800 or 500MB: GB where no unit stands behind it.
func gigabytes(text string) (float64, error) {
	t := strings.ToLower(strings.TrimSpace(text))
	factor := 1.0
	for _, unit := range []struct {
		suffix string
		factor float64
	}{{"tib", 1099.511627776}, {"gib", 1.073741824}, {"tb", 1000}, {"gb", 1}, {"mb", 0.001}, {"t", 1000}, {"g", 1}, {"m", 0.001}} {
		if rest, ok := strings.CutSuffix(t, unit.suffix); ok {
			t, factor = strings.TrimSpace(rest), unit.factor
			break
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil || n < 0 || n > 1e8 {
		return 0, fmt.Errorf("write an amount such as 20GB or 1.5TB")
	}
	return n * factor, nil
}

// sized estimates, and makes the edit of what the release does not ship.
func (e *Env) sized(l size.Load, release string, on catalogue.Target) (*Sized, error) {
	c := e.Catalogue()
	if release == "" {
		release = c.Versions(on)[0].Version
	}
	summary, err := c.Summarise(release)
	if err != nil {
		return nil, err
	}
	r, err := c.Release(summary.Version.Version, on)
	if err != nil {
		return nil, err
	}
	s := &Sized{Estimate: size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}.For(l, r, on)}
	lacking := config.Lacking(r, s.Needs(), on)
	for _, service := range s.Services {
		if need, ok := lacking[service.Name]; ok {
			s.Edit = append(s.Edit, service.Name+": "+config.NeedText(need))
		}
	}
	return s, nil
}
