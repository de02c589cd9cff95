package cli

import (
	"errors"
	"fmt"
	"os"
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
	Assumed []string `json:"assumed,omitempty"` // numbers that nobody gave: "--index 1 GB"
	Edit    []string `json:"edit,omitempty"`    // lines of sourcegraph.yaml: what the release does not ship
}

const sizeHelp = `Estimate how large an installation has to be, from the tables of Sourcegraph's resource estimator with its known faults fixed (docs/sizes.md).

Leave out what you don't know, or give a range: --users 1000-5000 --total 300GB-2TB. The estimate is for the most, and says what the least needs. The last
table says how much the answer depends on each number: what is needed in addition at the end of its range, or if it is twice as large. --plot draws that
table as a picture.

--measured shows what the installation of your config uses: the size that its people and repositories ask for, the most that services and disks used in the last
14 days as its Prometheus has it, which limit is reached first and when, limits that are too small or larger than needed, and the edit. Nothing of the installation
is changed; berth status shows the result in a line.`

func newSizeCmd(env *Env) *cobra.Command {
	var texts loadTexts
	var target, release, plot string
	var noInsights, measured bool
	var file string
	cmd := &cobra.Command{
		Use:   "size",
		Short: "Estimate how large an installation has to be: services, machine, disks, and the edit",
		Long:  sizeHelp,
		Example: `  berth size --users 3000 --repositories 40000 --largest-repo 20GB
  berth size --users 1000-5000 --total 300GB-2TB --plot plot.svg
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
			least, most, err := texts.loads(cmd)
			if err != nil {
				return err
			}
			least.Insights, most.Insights = !noInsights, !noInsights
			sized, err := env.sized(least, most, release, on)
			if err != nil {
				return err
			}
			sized.Assumed = assumed(cmd, sized.Depends)
			if plot != "" {
				if err := os.WriteFile(env.Abs(plot), []byte(sized.Plot()), 0o644); err != nil {
					return fmt.Errorf("write the picture: %w", err)
				}
			}
			return env.give(sized, func() { view.Size(env.Stdout, sized.Estimate, sized.Assumed, sized.Edit) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&texts.users, "users", "300", "how many people use it, such as 3000, or a range such as 1000-5000")
	f.StringVar(&texts.repositories, "repositories", "3000", "how many repositories it has; a range as above")
	f.StringVar(&texts.largest, "largest-repo", "5GB", "the largest repository, such as 20GB or 5GB-50GB")
	f.StringVar(&texts.total, "total", "", "all repositories together, such as 800GB or 300GB-2TB (default: 100 GB for 3,000)")
	f.StringVar(&texts.index, "index", "1GB", "the largest index of precise code navigation, such as 3GB or 0-3GB; 0: it is not used")
	f.BoolVar(&noInsights, "no-insights", false, "without Code Insights")
	f.StringVar(&target, "target", string(catalogue.Compose), "where it runs: compose or kubernetes")
	f.StringVar(&release, "release", "", "of Sourcegraph (default: the newest for the target)")
	f.StringVar(&plot, "plot", "", "also draw how much the answer depends on each number, as an SVG file")
	f.BoolVar(&measured, "measured", false, "show what the installation of your config uses")
	configFlag(cmd, &file)
	placeFlags(env, cmd, &file)
	for _, alone := range []string{"users", "repositories", "largest-repo", "total", "index", "no-insights", "target", "release", "plot"} {
		cmd.MarkFlagsMutuallyExclusive("measured", alone)
	}
	return cmd
}

// assumed are the numbers that nobody gave, as flags.
func assumed(cmd *cobra.Command, depends []size.Depends) (out []string) {
	for _, d := range depends {
		if !cmd.Flags().Changed(d.Input) {
			out = append(out, "--"+d.Input+" "+d.Amount(d.From))
		}
	}
	return out
}

// loadTexts are the numbers of a load as people write them.
type loadTexts struct{ users, repositories, largest, total, index string }

// loads reads the least and the most of it; they are equal where no number is a range.
func (x loadTexts) loads(cmd *cobra.Command) (least, most size.Load, err error) {
	for _, of := range []struct {
		flag, text string
		read       func(string) (float64, error)
		set        func(*size.Load, float64)
	}{
		{"users", x.users, counting, func(l *size.Load, n float64) { l.People = int(n) }},
		{"repositories", x.repositories, counting, func(l *size.Load, n float64) { // without --total, the estimator's own: 100 GB for 3,000
			l.Repositories, l.Total = int(n), n/30
		}},
		{"largest-repo", x.largest, gigabytes, func(l *size.Load, n float64) { l.LargestRepository = n }},
		{"total", x.total, gigabytes, func(l *size.Load, n float64) { l.Total = n }},
		{"index", x.index, gigabytes, func(l *size.Load, n float64) { l.LargestIndex = n }},
	} {
		if of.text == "" {
			continue
		}
		low, high, err := rangeOf(of.text, of.read)
		if err != nil {
			return least, most, misuse(cmd, fmt.Sprintf("--%s %s: %v", of.flag, of.text, err))
		}
		of.set(&least, low)
		of.set(&most, high)
	}
	return least, most, nil
}

// rangeOf reads "20GB" or "20GB-1TB". A first number without a unit has that of the second: 300-500GB.
func rangeOf(text string, read func(string) (float64, error)) (low, high float64, err error) {
	first, second, is := strings.Cut(text, "-")
	if !is {
		low, err = read(text)
		return low, low, err
	}
	if high, err = read(second); err != nil {
		return 0, 0, err
	}
	if _, err := strconv.ParseFloat(strings.TrimSpace(first), 64); err == nil {
		first += strings.TrimLeft(strings.TrimSpace(second), "0123456789.")
	}
	if low, err = read(first); err == nil && low > high {
		err = errors.New("write the least first, as in 20GB-1TB")
	}
	return low, high, err
}

// counting reads a number of people or repositories.
func counting(text string) (float64, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		return 0, errors.New("write a number of at least 1, such as 3000, or a range such as 1000-5000")
	}
	return float64(n), nil
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
		return 0, errors.New("write an amount such as 20GB or 1.5TB")
	}
	return n * factor, nil
}

// sized estimates, and makes the edit of what the release does not ship.
func (e *Env) sized(least, most size.Load, release string, on catalogue.Target) (*Sized, error) {
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
	s := &Sized{Estimate: size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}.Between(least, most, r, on)}
	lacking := config.Lacking(r, s.Needs(), on)
	for _, service := range s.Services {
		if need, ok := lacking[service.Name]; ok {
			s.Edit = append(s.Edit, service.Name+": "+config.NeedText(need))
		}
	}
	return s, nil
}
