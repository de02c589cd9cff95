package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/exception"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/signed"
	"berth/internal/support"
	"berth/internal/view"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
)

func newSupportCmd(env *Env) *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use:   "support",
		Short: "What is officially supported: ask, or check a config or a list of requirements",
		Long: `What is officially supported, from one record with a source and a day for each statement (docs/support.md).

berth understands the record's own words and versions. It says which words of a question it does not understand, and does not answer them.`,
		Args: cobra.NoArgs,
	}
	f.flags(cmd)
	cmd.AddCommand(newSupportAskCmd(env, &f), newSupportCheckCmd(env, &f), newSupportShowCmd(env, &f), newSupportOptionsCmd(env, &f), newSupportDiffCmd(env, &f))
	return cmd
}

// recordBeside is a newer support record that somebody put beside the config, signed as one that --record names.
const recordBeside = "support.yaml"

// judged is what the support record says of a config in a release, but for what is plainly supported. running is the release that runs; "": none.
// The record and exceptions beside the config count.
// What is wrong with these is said beside it.
func (e *Env) judged(w *installation.Want, running, release string) ([]plan.Judged, diag.List, error) {
	r, problems, err := e.recordOf(w)
	if err != nil {
		return nil, nil, err
	}
	return r.Judge(w.Doc, running, release), problems, nil
}

// beside is what the support record speaks against in a config, and what is wrong with its exceptions.
func (e *Env) beside(w *installation.Want) diag.List {
	r, problems, err := e.recordOf(w)
	if err != nil {
		return diag.List{{Code: "BERTH4811", Severity: diag.Warning, Subject: exceptionsFolder, Summary: err.Error(), Hint: "see that its files can be read"}}
	}
	return append(problems, support.Problems(r.Judge(w.Doc, "", w.Release.Version))...)
}

// recordOf is the reader for a config, with the record beside it where that is newer, and the exceptions beside it. A record or an exception that
// can't be trusted allows nothing, and prevents nothing: it is a warning.
func (e *Env) recordOf(w *installation.Want) (*support.Reader, diag.List, error) {
	f := besideOf(w)
	record, problems, err := e.counting(f)
	if err != nil {
		return nil, nil, err
	}
	r := e.reader(record)
	more, err := e.accept(r, f, record)
	_, _, issues := e.issuesIn(filepath.Dir(w.File))
	return r, slices.Concat(problems, more, issues), err
}

// standingsOf are the exceptions beside a config, as they stand today.
func (e *Env) standingsOf(w *installation.Want) ([]exception.Standing, diag.List, error) {
	f := besideOf(w)
	record, _, err := e.counting(f)
	if err != nil {
		return nil, nil, err
	}
	return e.exceptions(f.folder, record)
}

// exceptionsOf are the exceptions beside a config, each in a line, for people who don't have the files.
func (e *Env) exceptionsOf(w *installation.Want) (lines []string) {
	standings, problems, err := e.standingsOf(w)
	if err != nil {
		return []string{"not known: " + err.Error()}
	}
	for _, s := range standings {
		lines = append(lines, fmt.Sprintf("%s: %s for Sourcegraph %s, until %s: %s", s.ID, s.Subject, s.Releases, s.Expires, s.Status))
	}
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", p.Subject, p.Summary, p.Code))
	}
	return lines
}

// besideOf are the flags of a command that has none for the support record: what is beside the config counts.
func besideOf(w *installation.Want) recordFlags {
	return recordFlags{folder: filepath.Join(filepath.Dir(w.File), exceptionsFolder)}
}

// counting is the support record that counts: the newer of the built-in one, and of the one that a flag names or that is beside the exceptions, and so beside
// the config. One beside it that can't be trusted says nothing, and prevents nothing: it is a warning.
func (e *Env) counting(f recordFlags) (record *catalogue.SupportRecord, problems diag.List, err error) {
	if f.record != "" {
		record, err = e.supportRecord(f)
		return record, nil, err
	}
	builtIn := e.Catalogue().SupportRecord()
	f.record = filepath.Join(filepath.Dir(f.folder), recordBeside)
	if there, problems := e.signedBeside(f.record); !there {
		return builtIn, problems, nil
	}
	if record, err = e.supportRecord(f); errors.As(err, &problems) {
		return builtIn, keyless(problems, "; or name the publisher's key: berth support check --key FILE"), nil
	}
	return record, nil, err
}

// keyless are the warnings about a file beside a config, for commands that take no key. or is what else can be done where this berth has none.
func keyless(problems diag.List, or string) diag.List {
	out := problems.Warnings()
	for n := range out {
		if out[n].Code == "BERTH4704" {
			out[n].Hint = "use a berth that was published, which has the key" + or
		}
	}
	return out
}

// counted is the support record that counts, for a command with flags for it. What is wrong with the one beside the config is said.
func (e *Env) counted(f recordFlags) (*catalogue.SupportRecord, error) {
	record, problems, err := e.counting(f)
	e.warn(problems)
	return record, err
}

// signedBeside reports whether a file that somebody may put beside a config is there, with its signature. Without one it says nothing, and that is said.
func (e *Env) signedBeside(name string) (bool, diag.List) {
	if !there(e.Abs(name)) {
		return false, nil
	}
	if there(e.Abs(name) + signed.Suffix) {
		return true, nil
	}
	return false, diag.List{{Code: "BERTH4701", Severity: diag.Warning, Subject: name, Summary: "it has no signature, so berth does not use it",
		Hint: "put " + filepath.Base(name) + signed.Suffix + " beside it, from where it is published"}}
}

// there reports whether a file is there.
func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// accept makes a reader accept what the exceptions in a folder allow. What can't be read allows nothing, and prevents nothing: it is a warning.
func (e *Env) accept(r *support.Reader, f recordFlags, record *catalogue.SupportRecord) (diag.List, error) {
	standings, problems, err := e.exceptions(f.folder, record)
	if err != nil {
		return nil, err
	}
	var grants []support.Grant
	for _, s := range standings {
		if g, ok := s.Grant(); ok {
			grants = append(grants, g)
		}
	}
	r.Accept(grants)
	return problems.Warnings(), nil
}

// record is a reader of the support record, which accepts the exceptions beside the config. Releases that people named have to be known.
func (e *Env) record(f recordFlags, releases ...string) (*support.Reader, error) {
	for _, release := range releases {
		if err := e.known(release); err != nil {
			return nil, err
		}
	}
	record, err := e.counted(f)
	if err != nil {
		return nil, err
	}
	r := e.reader(record)
	problems, err := e.accept(r, f, record)
	if err != nil {
		return nil, err
	}
	e.warn(problems)
	return r, nil
}

// reader reads a support record.
func (e *Env) reader(record *catalogue.SupportRecord) *support.Reader {
	versions := e.Catalogue().Versions("")
	var minors []string
	for _, v := range versions {
		minors = append(minors, catalogue.Minor(v.Version))
	}
	return support.New(record, e.Catalogue().Sizing(), versions[0].Version, minors, e.Now().UTC().Format(time.DateOnly))
}

func newSupportAskCmd(env *Env, f *recordFlags) *cobra.Command {
	var release string
	cmd := &cobra.Command{
		Use:   "ask QUESTION...",
		Short: "Answer a question in your own words",
		Example: `  berth support ask "postgres 15 external on 7.4"
  berth support ask redis sentinel`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := env.record(*f, release)
			if err != nil {
				return err
			}
			answer := r.Ask(strings.Join(args, " "), release)
			return env.give(answer, func() { view.Support(env.Stdout, answer) })
		},
	}
	cmd.Flags().StringVar(&release, "release", "", "of Sourcegraph, where the question names none (default: the newest)")
	return cmd
}

func newSupportCheckCmd(env *Env, f *recordFlags) *cobra.Command {
	var release, folder string
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a config, or a list of requirements line by line",
		Long: `Check a config, or a list of requirements line by line. FILE is a sourcegraph.yaml (the default), or a text with one requirement a line, as people
write them, such as "PostgreSQL 16 on RDS" or "users: 3500"; - reads standard input. Exit code 3: something is not supported, or needs an exception; at the end are the commands that ask for one.

--propose makes a proposal of a list: a config that meets the list as far as possible and that berth check --offline accepts, and a page for the customer, as Markdown and
HTML, with size, machine, diagram, each answer with its source, the exceptions that are needed, and open points. berth states each assumption.`,
		Example: "  berth support check\n  berth support check requirements.txt\n  berth support check requirements.txt --propose bank",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := append(args, DefaultConfig)[0]
			config := env.isConfig(file)
			if folder != "" && config {
				return misuse(cmd, "--propose makes a config of a list of requirements, and "+file+" is a config")
			}
			if config && !cmd.Flags().Changed("exceptions") { // those beside it, as for its plans
				f.folder = filepath.Join(filepath.Dir(file), exceptionsFolder)
			}
			r, err := env.record(*f, release)
			if err != nil {
				return err
			}
			answers, err := env.supportOf(r, file, release, config)
			if err != nil {
				return err
			}
			wanted, err := env.wanted(r, *f, file, release, answers)
			if err != nil {
				return err
			}
			if folder != "" {
				err = env.propose(r.Record(), answers, wanted, file, folder, release)
			} else {
				err = env.give(answers, func() { view.SupportLines(env.Stdout, answers); view.Wanted(env.Stdout, wanted) })
			}
			if err != nil {
				return err
			}
			for _, a := range answers {
				if a.Verdict == support.No || a.Verdict == support.NeedsOne {
					return exit(ExitChecks)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&release, "release", "", "of Sourcegraph, where a line names none (default: the config's, or the newest)")
	cmd.Flags().StringVar(&folder, "propose", "", "the `FOLDER` to write a config and a page for the customer to")
	return cmd
}

// wanted are the exceptions that answers need, each with the command that asks for it, or with how far it is. release is the one that somebody named.
func (e *Env) wanted(r *support.Reader, f recordFlags, file, release string, answers []support.Answer) (out []view.Want, err error) {
	standings, _, err := e.exceptions(f.folder, r.Record())
	if err != nil {
		return nil, err
	}
	times := map[string]int{}
	for _, w := range r.Wishes(answers) {
		times[w.Subject]++
		one := view.Want{Subject: w.Subject, Next: "berth exception new " + w.Subject}
		if n := times[w.Subject]; n > 1 {
			one.Next = fmt.Sprintf("berth exception new %s-%d --subject %[1]s --versions %[3]q", w.Subject, n, w.Versions)
		} else if there(e.Abs(filepath.Join(f.folder, w.Subject+".yaml"))) { // a granted one, for other keys or releases
			one.Next = fmt.Sprintf("berth exception new %s-%d --subject %[1]s", w.Subject, len(standings)+1)
		} else if file == "-" {
			one.Next += " --subject " + w.Subject
		}
		if file != "-" {
			one.Next += " --from " + file
		}
		if release != "" {
			one.Next += fmt.Sprintf(" --releases %q", w.Releases)
		}
		if f.folder != exceptionsFolder {
			one.Next += " --exceptions " + filepath.ToSlash(f.folder)
		}
		for _, s := range standings {
			if s.Subject == w.Subject && (s.Versions == "" || s.Versions == w.Versions) && s.Status != exception.Granted { // a granted one covers other releases
				one.Next = fmt.Sprintf("%s, in %s", s.Status, filepath.Join(f.folder, s.ID+".yaml"))
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// isConfig reports whether a file is a config: one of YAML, whose keys are not those of a list of requirements. One that can't be read or is no valid YAML is,
// and its problem is said as that of a config, unless its name begins as that of a list.
func (e *Env) isConfig(file string) bool {
	if !strings.HasSuffix(file, ".yaml") && !strings.HasSuffix(file, ".yml") {
		return false
	}
	text, err := os.ReadFile(e.Abs(file))
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return true
	}
	var content any
	if err := yaml.Load(text, &content); err != nil {
		return !strings.HasPrefix(filepath.Base(file), "requirements")
	}
	keys, is := content.(map[string]any)
	known := 0
	for key := range keys {
		if key == "target" {
			return true
		}
		if config.Root().Key(key) != nil {
			known++
		}
	}
	return is && 2*known >= len(keys)
}

// known refuses a release that the catalogue does not have.
func (e *Env) known(release string) error {
	if release == "" {
		return nil
	}
	_, err := e.Catalogue().Summarise(release)
	return err
}

// supportOf answers for each line of a list of requirements, or where the file is a config for what that needs.
func (e *Env) supportOf(r *support.Reader, file, release string, config bool) ([]support.Answer, error) {
	if config {
		w, err := e.LoadUsable(file)
		if err != nil {
			return nil, err
		}
		if release == "" {
			release = w.Release.Version
		}
		return r.Config(w.Doc, release), nil
	}
	text, err := e.textOf(file)
	if err != nil {
		return nil, err
	}
	answers := r.Lines(text, release)
	if len(answers) == 0 {
		return nil, diag.List{{Code: "BERTH4801", Severity: diag.Error, Summary: file + " has no requirements",
			Hint: "write one requirement a line, such as: PostgreSQL 16 on RDS", Subject: file}}
	}
	return answers, nil
}

func (e *Env) textOf(file string) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(e.Stdin)
		return string(text), err
	}
	text, err := os.ReadFile(e.Abs(file))
	return string(text), err
}

func newSupportShowCmd(env *Env, f *recordFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show [SUBJECT]",
		Short: "Show what the record has about a subject, or all subjects",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			record, err := env.counted(*f)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				subjects := record.Subjects
				return env.give(subjects, func() {
					for _, s := range subjects {
						fmt.Fprintf(env.Stdout, "%-18s %s\n", s.ID, s.Title)
					}
				})
			}
			subject, ok := env.reader(record).Subject(args[0])
			if !ok {
				return diag.List{{Code: "BERTH4802", Severity: diag.Error, Summary: fmt.Sprintf("the record has no subject %q", args[0]), Hint: "list them: berth support show", Subject: args[0]}}
			}
			return env.give([]support.Subject{subject}, func() { view.SupportSubject(env.Stdout, subject) })
		},
	}
}

func newSupportOptionsCmd(env *Env, f *recordFlags) *cobra.Command {
	var release string
	cmd := &cobra.Command{
		Use:   "options",
		Short: "List the deployment options, and which are deprecated",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := env.record(*f, release)
			if err != nil {
				return err
			}
			options := r.Options(release)
			return env.give(options, func() { view.SupportOptions(env.Stdout, options) })
		},
	}
	cmd.Flags().StringVar(&release, "release", "", "of Sourcegraph (default: the newest)")
	return cmd
}

func newSupportDiffCmd(env *Env, f *recordFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "diff RELEASE RELEASE",
		Short:   "Show how support differs in another release",
		Example: "  berth support diff 5.11 7.5",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := env.record(*f, args...)
			if err != nil {
				return err
			}
			changes := r.Difference(args[0], args[1])
			return env.give(changes, func() { view.SupportDifference(env.Stdout, changes, args[0], args[1]) })
		},
	}
}
