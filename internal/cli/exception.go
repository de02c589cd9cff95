package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/exception"
	"berth/internal/fold"
	"berth/internal/signed"
	"berth/internal/view"

	"github.com/spf13/cobra"
)

// exceptionsFolder is where exceptions are, beside the config.
const exceptionsFolder = "exceptions"

// recordFlags say which support record counts, and where exceptions from it are.
type recordFlags struct {
	record, key, folder string
}

func (f *recordFlags) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.record, "record", "", "a newer support record, `FILE`, with its signature beside it (default: built in)")
	cmd.PersistentFlags().StringVar(&f.key, "key", "", "the public key of who publishes it, `FILE` (default: built in)")
	cmd.PersistentFlags().StringVar(&f.folder, "exceptions", exceptionsFolder, "the `FOLDER` with exceptions")
}

// supportRecord is the newer of the built-in record and the one that flags name.
func (e *Env) supportRecord(f recordFlags) (*catalogue.SupportRecord, error) {
	builtIn := e.Catalogue().SupportRecord()
	if f.record == "" {
		return builtIn, nil
	}
	public, text, signature, err := e.signedFile(f.record, f.key)
	if err != nil {
		return nil, err
	}
	if _, err := signed.Verify(public, f.record, text, signature); err != nil {
		return nil, err
	}
	other, err := catalogue.ParseSupportRecord(text)
	if err != nil {
		return nil, diag.List{{Code: "BERTH4803", Severity: diag.Error, Summary: f.record + " is not a support record", Detail: strings.Split(err.Error(), "\n"), Subject: f.record,
			Hint: "name a support.yaml that was published for berth"}}
	}
	if other.Read < builtIn.Read {
		e.note(fmt.Sprintf("%s is of %s, and older than the record of %s in this berth, so berth uses its own", f.record, other.Read, builtIn.Read))
		return builtIn, nil
	}
	e.note(fmt.Sprintf("using the record %s of %s", f.record, other.Read))
	return other, nil
}

// note says once which file is in use, however often a command reads it.
func (e *Env) note(line string) {
	if !slices.Contains(e.out.noted, line) {
		e.out.noted = append(e.out.noted, line)
		fmt.Fprintln(e.Stderr, line)
	}
}

// revokedSuffix is what stands behind the name of a file that says that an exception no longer holds.
const revokedSuffix = ".revoked"

// exceptions reads a folder. Problems are those of files that can't be read, and of ends that come near.
func (e *Env) exceptions(folder string, record *catalogue.SupportRecord) (out []exception.Standing, problems diag.List, err error) {
	entries, err := os.ReadDir(e.Abs(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".yaml" {
			continue
		}
		name := filepath.Join(folder, entry.Name())
		text, err := os.ReadFile(e.Abs(name))
		if err != nil {
			return nil, nil, err
		}
		ex, wrong := exception.Parse(name, text, record)
		if problems = append(problems, wrong...); wrong.Failed() {
			continue
		}
		signature, err := os.ReadFile(e.Abs(name) + signed.Suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		_, gone := os.Stat(e.Abs(name) + revokedSuffix)
		s := exception.Stands(ex, text, signature, gone == nil, record, e.Now())
		problems = append(problems, s.Ends(name)...)
		out = append(out, s)
	}
	return out, problems, nil
}

func newExceptionCmd(env *Env) *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use:   "exception",
		Short: "Exceptions from what is officially supported: ask for one, list, check, renew, revoke",
		Long: `Exceptions from what is officially supported. Each is a file that says what, why, for which releases, until when, and who decided. It is valid when somebody
who may decide has signed it; the support record lists these people. berth support check accepts what a granted exception covers, and nothing else.`,
		Args: cobra.NoArgs,
	}
	f.flags(cmd)
	cmd.AddCommand(newExceptionNewCmd(env, &f), newExceptionListCmd(env, &f), newExceptionShowCmd(env, &f), newExceptionCheckCmd(env, &f),
		newExceptionRenewCmd(env, &f), newExceptionRevokeCmd(env, &f))
	return cmd
}

func newExceptionNewCmd(env *Env, f *recordFlags) *cobra.Command {
	var ex exception.Exception
	var from string
	cmd := &cobra.Command{
		Use:   "new ID",
		Short: "Write the request for an exception; asks for what no flag answers",
		Example: `  berth exception new redis-cluster --from requirements.txt     # for what berth support check said no to
  berth exception new redis-sentinel --subject redis-cluster --releases ">=7.0 <8.0" --expires 2027-06-30
  minisign -Sm exceptions/redis-sentinel.yaml      # by the person who decides, after adding the decision`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			record, err := env.counted(*f)
			if err != nil {
				return err
			}
			ex.ID, ex.AskedOn = args[0], env.Now().Format(time.DateOnly)
			name := filepath.Join(f.folder, ex.ID+".yaml")
			if strings.ContainsAny(ex.ID, `/\. `) || ex.ID == "" {
				return misuse(cmd, fmt.Sprintf("%q is no name for a file", ex.ID))
			}
			if _, err := os.Stat(env.Abs(name)); err == nil {
				return diag.List{{Code: "BERTH4815", Severity: diag.Error, Subject: name, Summary: "it exists already", Hint: "choose another name, or renew it: berth exception renew " + ex.ID}}
			}
			if from != "" {
				if err := env.wishFrom(*f, from, &ex); err != nil {
					return err
				}
			}
			if wrong := ex.Answered(name, record); wrong.Failed() { // before anybody types ten answers
				return wrong
			}
			if err := env.askFor(cmd.Context(), &ex, name, record); err != nil {
				return err
			}
			return env.writeException(&ex, name, record)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "take subject, versions, releases and what from the line of this `FILE` that berth support check says no to; the subject is ID, or --subject")
	flags.StringVar(&ex.Subject, "subject", "", "of the support record, by its name in berth support show")
	flags.StringVar(&ex.Versions, "versions", "", `of the subject, such as ">=13 <14" (default: all)`)
	flags.StringVar(&ex.Releases, "releases", "", `of Sourcegraph, such as ">=7.0 <8.0"`)
	flags.StringVar(&ex.Expires, "expires", "", "the last day on which it is valid, such as 2027-06-30")
	for _, q := range ex.Questions() {
		flags.StringVar(q.Answer, q.Flag(), "", q.Text)
	}
	return cmd
}

// wishFrom answers what no flag answered with what a list of requirements or a config needs an exception for.
func (e *Env) wishFrom(f recordFlags, file string, ex *exception.Exception) error {
	r, err := e.record(f)
	if err != nil {
		return err
	}
	answers, err := e.supportOf(r, file, "", e.isConfig(file))
	if err != nil {
		return err
	}
	var subjects []string
	for _, w := range r.Wishes(answers) {
		if w.Subject == cmp.Or(ex.Subject, ex.ID) && (ex.Versions == "" || ex.Versions == w.Versions) {
			ex.Keys = w.Keys
			ex.Subject, ex.Versions, ex.Releases, ex.What = w.Subject, cmp.Or(ex.Versions, w.Versions), cmp.Or(ex.Releases, w.Releases), cmp.Or(ex.What, w.What)
			return nil
		}
		subjects = append(subjects, w.Subject)
	}
	hint := "nothing in it needs an exception; see: berth support check " + file
	if len(subjects) > 0 {
		hint = "name one of these with --subject: " + strings.Join(subjects, ", ")
	}
	return diag.List{{Code: "BERTH4818", Severity: diag.Error, Subject: file, Summary: fmt.Sprintf("it needs no exception for %q", cmp.Or(ex.Subject, ex.ID)), Hint: hint}}
}

// askFor asks at a terminal what no flag answered. Each answer is checked at once, and asked for again.
func (e *Env) askFor(ctx context.Context, ex *exception.Exception, name string, record *catalogue.SupportRecord) error {
	if !e.Interactive {
		return nil // what is missing is said together
	}
	for _, q := range append([]exception.Question{{Key: "subject", Text: "Which subject of the support record is it about?", Answer: &ex.Subject},
		{Key: "releases", Text: `For which releases of Sourcegraph? Such as ">=7.0 <8.0"`, Answer: &ex.Releases},
		{Key: "expires", Text: "Until which day? Such as 2027-06-30", Answer: &ex.Expires}}, ex.Questions()...) {
		for asked := false; *q.Answer == "" || asked && ex.Wrong(name, q.Key, record).Failed(); asked = true {
			fmt.Fprint(e.raw(), fold.Rows(view.Columns(e.Stdout), q.Text)+"\n> ")
			answer, err := e.line(ctx)
			if errors.Is(err, io.EOF) {
				return nil // nobody answers any more: what is missing is said together
			}
			if err != nil {
				return err
			}
			if *q.Answer = answer; answer != "" {
				e.object(ex.Wrong(name, q.Key, record))
			}
		}
	}
	return nil
}

// writeException writes a request, after it was checked as files are.
func (e *Env) writeException(ex *exception.Exception, name string, record *catalogue.SupportRecord) error {
	text, err := ex.Text()
	if err != nil {
		return err
	}
	if _, problems := exception.Parse(name, text, record); problems.Failed() {
		for n := range problems { // there is no file to answer in
			for key, flag := range ex.Flags() {
				if problems[n].Summary == key+" has no answer" {
					problems[n].Hint = "nothing was written; add --" + flag
				}
			}
		}
		return problems
	}
	if err := os.MkdirAll(filepath.Dir(e.Abs(name)), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(e.Abs(name), text, 0o644); err != nil {
		return err
	}
	return e.give(Written{Files: []string{name}}, func() {
		fmt.Fprintf(e.Stdout, "wrote %s\nnext: paste it into berth-hq, where it is decided and signed; or the person who decides adds  decision: {by: NAME, on: %s, granted: true}  and signs it: minisign -Sm %s\n", name, e.Now().Format(time.DateOnly), name)
	})
}

func newExceptionListCmd(env *Env, f *recordFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List exceptions with their status",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			standings, problems, err := env.standings(*f)
			if err != nil {
				return err
			}
			env.warn(problems)
			return env.give(standings, func() { view.Exceptions(env.Stdout, standings) })
		},
	}
}

func (e *Env) standings(f recordFlags) ([]exception.Standing, diag.List, error) {
	record, err := e.counted(f)
	if err != nil {
		return nil, nil, err
	}
	return e.exceptions(f.folder, record)
}

func newExceptionShowCmd(env *Env, f *recordFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show an exception, with the answers and the decision",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := env.standing(*f, args[0])
			if err != nil {
				return err
			}
			return env.give([]exception.Standing{*s}, func() { view.Exception(env.Stdout, *s) })
		},
	}
}

// standing finds one exception.
func (e *Env) standing(f recordFlags, id string) (*exception.Standing, error) {
	standings, problems, err := e.standings(f)
	if err != nil {
		return nil, err
	}
	for _, s := range standings {
		if s.ID == id {
			return &s, nil
		}
	}
	return nil, append(diag.List{{Code: "BERTH4816", Severity: diag.Error, Subject: f.folder, Summary: "there is no exception " + id, Hint: "list them: berth exception list"}}, problems...)
}

func newExceptionCheckCmd(env *Env, f *recordFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check all exceptions: answers, signatures, ends. Exit code 3: one is not valid",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			standings, problems, err := env.standings(*f)
			if err != nil {
				return err
			}
			if !env.out.machine() {
				view.Exceptions(env.Stdout, standings)
			}
			env.out.result = standings
			env.warn(problems)
			if problems.Failed() {
				return exit(ExitChecks)
			}
			return nil
		},
	}
}

func newExceptionRenewCmd(env *Env, f *recordFlags) *cobra.Command {
	var expires string
	cmd := &cobra.Command{
		Use:   "renew ID",
		Short: "Ask for a later end: a new request with the same answers, which has to be decided again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := env.standing(*f, args[0])
			if err != nil {
				return err
			}
			if expires == "" {
				return misuse(cmd, "--expires is missing: name a day after "+s.Expires)
			}
			if expires <= s.Expires {
				return misuse(cmd, fmt.Sprintf("--expires %s: name a day after %s", expires, s.Expires))
			}
			record, err := env.counted(*f)
			if err != nil {
				return err
			}
			renewed := s.Exception
			renewed.ID, renewed.Expires, renewed.Decision, renewed.AskedOn = s.ID+"-"+expires, expires, nil, env.Now().Format(time.DateOnly)
			return env.writeException(&renewed, filepath.Join(f.folder, renewed.ID+".yaml"), record)
		},
	}
	cmd.Flags().StringVar(&expires, "expires", "", "the new last day, such as 2028-06-30")
	return cmd
}

func newExceptionRevokeCmd(env *Env, f *recordFlags) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke an exception; needs no signature, because it only removes a permission",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := env.standing(*f, args[0])
			if err != nil {
				return err
			}
			if reason == "" {
				return misuse(cmd, "--reason is missing")
			}
			name := filepath.Join(f.folder, s.ID+".yaml"+revokedSuffix)
			text := fmt.Sprintf("%s: %s\n", env.Now().Format(time.DateOnly), reason)
			if err := os.WriteFile(env.Abs(name), []byte(text), 0o644); err != nil {
				return err
			}
			return env.give(Written{Files: []string{name}}, func() { fmt.Fprintf(env.Stdout, "wrote %s: %s is revoked\n", name, s.ID) })
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why it is revoked")
	return cmd
}
