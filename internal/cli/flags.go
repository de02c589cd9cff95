package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/stack"
	"berth/internal/view"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlag adds the flags that name the config: -c as berth has it, and -f as kubectl and docker compose have it.
func configFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", DefaultConfig, "the site admin's file; - reads it from standard input")
	c.Flags().StringVarP(file, "file", "f", DefaultConfig, "the same as --config")
	_ = c.RegisterFlagCompletionFunc("config", yamlFiles) // the flags exist
	_ = c.RegisterFlagCompletionFunc("file", yamlFiles)
}

// ownConfigFlag is configFlag for commands that write into the file.
func ownConfigFlag(c *cobra.Command, file *string) {
	configFlag(c, file)
	c.PreRunE = func(*cobra.Command, []string) error {
		if *file == installation.StandardInput {
			return usageError(c.CommandPath(), "it writes into the config, so it can't read it from standard input", "name the file: "+c.CommandPath()+" --config FILE")
		}
		return nil
	}
}

// currentFlag is the name that a flag has now: scripts may use the one before.
func currentFlag(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "on" {
		name = "target"
	}
	return pflag.NormalizedName(name)
}

func yamlFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// standardOutput is the place --out - writes to.
const standardOutput = "-"

// Written is what a command wrote.
type Written struct {
	Folder string   `json:"folder,omitempty"`
	Files  []string `json:"files"`          // below the folder, where there is one
	Text   string   `json:"text,omitempty"` // what --out - writes
}

// standardOutput writes what a command was asked to write to the standard output. A program has it in its document.
func (e *Env) standardOutput(text []byte) error {
	if e.out.machine() {
		e.out.result = Written{Files: []string{}, Text: string(text)}
		return nil
	}
	_, err := e.raw().Write(text)
	return err
}

func filesWritten(folder string, files []stack.File) Written {
	w := Written{Folder: folder, Files: []string{}}
	for _, f := range files {
		w.Files = append(w.Files, f.Path)
	}
	slices.Sort(w.Files)
	return w
}

// yesFlag adds the flag that says yes beforehand.
func yesFlag(c *cobra.Command, yes *bool) {
	c.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

// allFlag adds the flag that unfolds a plan.
func allFlag(c *cobra.Command, all *bool) {
	c.Flags().BoolVar(all, "all", false, "every line of the plan, even where many steps are alike")
}

// output is what a command gives to machines.
type output struct {
	format  view.Format
	json    bool
	command string // that was given: "berth upgrade path"
	begun   bool   // the command line was understood
	streams bool   // the result is written piece by piece, and there is no document
	stdout  io.Writer
	result  any
	found   diag.List
	noted   []string // what was said of the files in use, once
}

// machine reports whether the result is for a program.
func (o *output) machine() bool { return o.format != view.Text }

// asked finds out which form a command line asks for that could not be read as a whole.
func (o *output) asked(args []string) {
	for i, arg := range args {
		value, given := strings.CutPrefix(arg, "--output=")
		if short, ok := strings.CutPrefix(arg, "-o"); ok && short != "" {
			value, given = strings.TrimPrefix(short, "="), true
		}
		if (arg == "-o" || arg == "--output") && i+1 < len(args) {
			value, given = args[i+1], true
		}
		if arg == "--json" {
			value, given = string(view.JSON), true
		}
		if given && slices.Contains(view.Formats, view.Format(value)) {
			o.format = view.Format(value)
		}
	}
}

// outputFlags adds the flags that choose the form of results, for all commands.
func outputFlags(root *cobra.Command, o *output) {
	root.PersistentFlags().VarP((*formatValue)(&o.format), "output", "o", "the form of the result: text, json or yaml; of doctor also junit or prometheus")
	root.PersistentFlags().BoolVar(&o.json, "json", false, "the same as --output json")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{string(view.Text), string(view.JSON), string(view.YAML), string(view.JUnit), string(view.Prometheus)}, cobra.ShellCompDirectiveNoFileComp))
}

// formatValue is the value of --output.
type formatValue view.Format

func (f *formatValue) String() string { return string(*f) }
func (f *formatValue) Type() string   { return "FORMAT" }
func (f *formatValue) Set(text string) error {
	if !slices.Contains(view.Formats, view.Format(text)) && !slices.Contains(view.Doctors, view.Format(text)) {
		return fmt.Errorf("it can be text, json or yaml, of doctor also junit or prometheus; a place to write to is --out")
	}
	*f = formatValue(text)
	return nil
}

// usage is a command line that can't be understood.
type usage struct{ problem diag.Diagnostic }

func (u *usage) Error() string { return diag.List{u.problem}.Error() }

// usageError says what of a command line is wrong: which command or flag, why, and what to write instead.
func usageError(subject, summary, hint string) error {
	return &usage{diag.Diagnostic{Code: "BERTH4101", Severity: diag.Error, Subject: subject, Summary: summary, Hint: hint}}
}

// habits are flags of other programs, by what to do here.
var habits = map[string]string{
	"dry-run":        "berth plan shows what berth up would do",
	"detach":         "berth up waits until all is ready; if you stop it, run it again to continue",
	"d":              "berth up waits until all is ready; if you stop it, run it again to continue",
	"force":          "berth asks before something is lost; --yes confirms in advance",
	"auto-approve":   "--yes confirms in advance",
	"wait":           "berth up always waits until all is ready",
	"watch":          "berth up shows what happens; to see how it is: berth status --watch",
	"w":              "berth up shows what happens; to see how it is: berth status --watch",
	"set":            "write it into the config: berth explain lists the keys",
	"values":         "the config is the one file: --config FILE",
	"volumes":        "data is deleted only by name: berth down --delete-data NAME",
	"v":              "data is deleted only by name: berth down --delete-data NAME",
	"remove-orphans": "berth up removes what the config no longer asks for",
	"build":          "images are Sourcegraph's own, by digest",
	"pull":           "berth up pulls what is missing",
	"all":            "berth status shows everything",
	"version":        "berth version",
	"help":           "berth help",
}

// misused says what was meant by flags that a command does not have.
func misused(cmd *cobra.Command, err error) error {
	problem := diag.Diagnostic{Code: "BERTH4101", Severity: diag.Error, Subject: cmd.CommandPath(), Summary: err.Error(), Hint: "see: " + cmd.CommandPath() + " --help"}
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		problem.Subject, problem.Summary = cmd.CommandPath()+" --"+wrong.GetFlag().Name, invalid(wrong)
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return &usage{problem}
	}
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 { // the flag is one of a command that is not there: berth apply -f
		return unknownCommand(cmd, words[0])
	}
	name := unknown.GetSpecifiedName()
	dashes := "--"
	if unknown.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	problem.Summary = "there is no flag " + dashes + name
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	if guess := diag.Closest(name, flags); guess != "" && dashes == "--" {
		problem.Hint = "did you mean --" + guess + "?  " + problem.Hint
	} else if habit := habits[name]; habit != "" {
		problem.Hint = habit + "; " + problem.Hint
	}
	return &usage{problem}
}

// invalid says why a flag can't have a value. Values of Go's own types say it by the name of a function.
func invalid(wrong *pflag.InvalidValueError) string {
	switch typ := wrong.GetFlag().Value.Type(); {
	case strings.HasPrefix(typ, "int"), strings.HasPrefix(typ, "uint"):
		return fmt.Sprintf("%q is no whole number", wrong.GetValue())
	case typ == "bool":
		return fmt.Sprintf("%q is neither true nor false", wrong.GetValue())
	case typ == "duration":
		return fmt.Sprintf("%q is no duration such as 90s, 15m or 2h", wrong.GetValue())
	}
	return fmt.Sprintf("%q: %v", wrong.GetValue(), errors.Unwrap(wrong))
}

// commandHabits are commands of other programs, by ours.
var commandHabits = map[string]string{
	"apply": "up", "deploy": "up", "install": "up", "start": "up", "create": "up", "sync": "up",
	"destroy": "down", "delete": "down", "stop": "down", "uninstall": "down", "rm": "down", "remove": "down",
	"get": "status", "describe": "status", "info": "status", "list": "status",
	"config": "explain", "template": "render", "validate": "check", "lint": "check", "diagnose": "doctor", "debug": "doctor", "health": "doctor",
	"update": "upgrade", "pull": "up", "undo": "revert", "ssh": "exec", "attach": "exec", "shell": "exec", "tail": "logs",
	"rollout": "rollback",
}

// releaseName is a word that names a release, as people write it after berth upgrade.
var releaseName = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?$`)

// unknownCommand says what may have been meant by a word that names no command.
func unknownCommand(cmd *cobra.Command, word string) error {
	problem := diag.Diagnostic{Code: "BERTH4101", Severity: diag.Error, Subject: cmd.CommandPath(), Summary: fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+word)}
	cmd.SuggestionsMinimumDistance = 2 // letters
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	near := diag.Closest(word, names)
	if further := cmd.SuggestionsFor(word); near == "" && len(further) > 0 {
		near = further[0]
	}
	switch {
	case releaseName.MatchString(word) && cmd.Flags().Lookup("to") != nil:
		problem.Hint = "did you mean: " + cmd.CommandPath() + " --to " + word
	case !cmd.HasParent() && commandHabits[word] != "":
		problem.Hint = "here it is: berth " + commandHabits[word]
	case near != "":
		problem.Hint = "did you mean: " + cmd.CommandPath() + " " + near
	case len(names) == 0:
		problem.Summary += fmt.Sprintf(": %s has no commands", cmd.CommandPath())
		problem.Hint = "see: " + cmd.CommandPath() + " --help"
	case !cmd.HasParent():
		problem.Hint = "see: berth help"
	default:
		problem.Hint = cmd.CommandPath() + " has: " + diag.Listed(names, "and")
	}
	return &usage{problem}
}

// misplaced says which arguments a command takes, where it got too few or too many. A command's own words stay.
func misplaced(cmd *cobra.Command, args []string, err error) error {
	if errors.As(err, new(*usage)) {
		return err
	}
	_, takes, _ := strings.Cut(cmd.Use, " ")
	problem := diag.Diagnostic{Code: "BERTH4101", Severity: diag.Error, Subject: cmd.CommandPath(), Hint: "see: " + cmd.CommandPath() + " --help"}
	switch wanted := len(strings.Fields(takes)); {
	case wanted == 0:
		problem.Summary = fmt.Sprintf("it takes no argument, and got %q", args[0])
	case len(args) == 0:
		problem.Summary = "it needs " + takes
	default:
		problem.Summary = fmt.Sprintf("it takes %s, and got %s", takes, strings.Join(args, " "))
	}
	return &usage{problem}
}

// missing names the flags that a command can't do without.
func missing(cmd *cobra.Command) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			names = append(names, "--"+f.Name)
		}
	})
	if len(names) == 0 {
		return nil
	}
	return usageError(cmd.CommandPath(), "it needs "+diag.Listed(names, "and"), "see: "+cmd.CommandPath()+" --help")
}

// takesWord marks a command whose first word need not name a command below it.
const takesWord = "takes a word"

// strict makes a word that names no command an error, where cobra shows the help and ends well, and notes when a command begins.
func strict(cmd *cobra.Command, o *output) {
	for _, c := range cmd.Commands() {
		strict(c, o)
	}
	if cmd.HasSubCommands() && cmd.Annotations[takesWord] == "" {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		}
		if !cmd.Runnable() {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	if takes := cmd.Args; takes != nil && !cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := takes(cmd, args); err != nil {
				return misplaced(cmd, args, err)
			}
			return nil
		}
		before := cmd.PreRunE
		cmd.PreRunE = func(cmd *cobra.Command, args []string) error { // before cobra says it in its words
			if err := missing(cmd); err != nil || before == nil {
				return err
			}
			return before(cmd, args)
		}
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			o.begun = true
			return run(cmd, args)
		}
	}
}
