package cli

import (
	"strings"
	"testing"
)

// TestKilledAtEveryEffect kills commands at their effects in turn, and continues. The end is as if nobody had killed them.
func TestKilledAtEveryEffect(t *testing.T) {
	for name, c := range map[string]struct {
		from    string
		prepare [][]string
		command []string
		again   []string // continues it; nil: the command itself
		want    string   // the release at the end
	}{
		"up":                             {"7.5.4453", nil, []string{"up"}, nil, "7.5.4453"},
		"upgrade over several releases":  {"6.0.0", [][]string{{"up"}}, []string{"upgrade", "--yes", "--to", "7.5.4453"}, []string{"upgrade", "--to", "7.5.4453", "--yes"}, "7.5.4453"},
		"upgrade over a conversion":      {"5.9.1590", [][]string{{"up"}}, []string{"upgrade", "--yes", "--to", "6.0.0"}, []string{"upgrade", "--to", "6.0.0", "--yes"}, "6.0.0"},
		"upgrade to the next release":    {"7.4.0", [][]string{{"up"}}, []string{"upgrade", "--yes", "--to", "7.5.4453"}, []string{"upgrade", "--to", "7.5.4453", "--yes"}, "7.5.4453"},
		"rollback to the release before": {"7.4.0", [][]string{{"up"}, {"upgrade", "--yes", "--to", "7.5.4453"}}, []string{"rollback", "--yes"}, nil, "7.4.0"},
		"rollback by the migrator":       {"6.2.3841", [][]string{{"up"}, {"upgrade", "--yes", "--to", "7.5.4453"}}, []string{"rollback", "--yes"}, nil, "6.2.3841"},
		"rollback over a C library":      {"6.0.0", [][]string{{"up"}, {"upgrade", "--yes", "--to", "7.5.4453"}}, []string{"rollback", "--yes"}, nil, "6.0.0"},
		"rollback by a backup":           {"5.9.1590", [][]string{{"up"}, {"upgrade", "--yes", "--to", "5.11.6271"}}, []string{"rollback", "--yes"}, nil, "5.9.1590"},
	} {
		for _, on := range []string{"compose", "kubernetes"} {
			t.Run(name+" on "+on, func(t *testing.T) {
				t.Parallel()
				begin := func() *life {
					l := newLife(t, on, c.from)
					for _, args := range c.prepare {
						l.must(0, args...)
						l.world.Write("sourcegraph", "rows ")
					}
					return l
				}
				whole := begin()
				whole.must(0, c.command...)
				effects := whole.world.Effects()
				rows, release := whole.world.Rows("sourcegraph")
				if !strings.HasPrefix(release, c.want[:3]) {
					t.Fatalf("the databases are of %s", release)
				}
				stride := max(1, effects/40)
				for at := 1; at <= effects; at += stride {
					l := begin()
					said, _ := l.run(at, c.command...)
					args := c.again
					if args == nil {
						args = c.command
					}
					out, code := l.run(0, args...)
					if code != 0 && !strings.Contains(out, "was rolled back on") {
						t.Fatalf("killed at effect %d of %d, berth %s ends with %d:\n%s\nit was killed after:\n%s", at, effects, strings.Join(args, " "), code, out, said)
					}
					l.rests(c.want)
					if got, _ := l.world.Rows("sourcegraph"); got != rows {
						t.Fatalf("killed at effect %d of %d: the rows are %q, want %q", at, effects, got, rows)
					}
				}
			})
		}
	}
}

// rests fails the test unless an installation is at rest with a release.
func (l *life) rests(release string) {
	l.t.Helper()
	if len(l.world.Spoiled) > 0 {
		l.t.Fatalf("spoiled: %v", l.world.Spoiled)
	}
	for service, is := range l.world.Releases("sourcegraph") {
		if is != release {
			l.t.Fatalf("%s is of %s, want %s", service, is, release)
		}
	}
	if want := "release: " + release + "\n"; !strings.Contains(l.file(), want) {
		l.t.Fatalf("the file has no %q:\n%s", want, l.file())
	}
	if out, code := l.run(0, "plan"); code != 0 {
		l.t.Fatalf("plan: exit %d\n%s", code, out)
	}
}
