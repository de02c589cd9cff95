package cli

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"berth/docs"
	"berth/internal/diag"
	"berth/internal/fold"
	"berth/internal/manual"
	"berth/internal/view"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyConcept is the word after berth help that lists all concepts.
const everyConcept = "concepts"

func newHelpCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | CONCEPT]",
		Short: "Help about a command, or about a concept such as upgrades",
		Long: `Help about a command, or about a concept: a page of the documentation, or a word of the glossary.

  berth help up
  berth help upgrades
  berth help concepts      lists them`,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) == 0:
				found.InitDefaultHelpFlag()
				return found.Help()
			case found.HasParent() || len(args) > 1:
				return unknownCommand(found, rest[0])
			}
			return env.concept(cmd.Root(), rest[0])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, c := range found.Commands() {
				if c.IsAvailableCommand() {
					out = append(out, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			if !found.HasParent() {
				out = append(out, slices.Sorted(maps.Keys(concepts(cmd.Root())))...)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// proseColumns is how long lines of prose are at most: longer ones are hard to read.
const proseColumns = 100

// helpText is the help of a command for a terminal of so many columns.
func helpText(cmd *cobra.Command, columns int) string {
	return fold.Prose(columns, strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short))) + "\n\n" + fold.Rows(columns, cmd.UsageString())
}

// proseWidth is how many columns a page of prose may take.
func (e *Env) proseWidth() int {
	columns, _ := view.Window(e.Stdout)
	return min(columns, proseColumns)
}

// newDocsCmd is berth help for who looks for a page, by the name that it has in docs/ and on the site.
func newDocsCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:     "docs [PAGE]",
		Short:   "Show a page of the documentation, or list them",
		Example: "  berth docs\n  berth docs first-trial",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all := concepts(cmd.Root())
			if len(args) == 0 {
				return env.concept(cmd.Root(), everyConcept)
			}
			for name, file := range all {
				if name == strings.ToLower(args[0]) || file == strings.TrimSuffix(args[0], ".md")+".md" {
					return env.concept(cmd.Root(), name)
				}
			}
			return unknownPage(all, args[0])
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, file := range slices.Sorted(maps.Values(concepts(cmd.Root()))) {
				out = append(out, cobra.CompletionWithDesc(strings.TrimSuffix(file, ".md"), manual.Title(page(file))))
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// renamed are pages that berth help knows by another word, since a command has their name.
var renamed = map[string]string{"rehearse": "rehearsal", "support": "supported", "doctor": "diagnosis"}

// concepts are the files of the pages that berth help shows, by the word for them.
func concepts(root *cobra.Command) map[string]string {
	files, _ := docs.Pages.ReadDir(".") // it is in the program
	out := map[string]string{}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".md")
		if c, _, _ := root.Find([]string{name}); c != root {
			if name = renamed[name]; name == "" {
				name = strings.TrimSuffix(f.Name(), ".md") + "s"
			}
		}
		out[name] = f.Name()
	}
	return out
}

// refers says where links of pages lead.
func refers(concepts map[string]string) func(string) string {
	return func(target string) string {
		file, _, _ := strings.Cut(target, "#")
		switch file {
		case "codes.md":
			return "berth explain CODE"
		case "config.md":
			return "berth explain"
		}
		for name, page := range concepts {
			if page == file {
				return "berth help " + name
			}
		}
		if strings.HasPrefix(target, "http") {
			return target
		}
		return ""
	}
}

// concept explains a concept: a page, or a word of the glossary.
func (e *Env) concept(root *cobra.Command, word string) error {
	all := concepts(root)
	columns, text := e.proseWidth(), ""
	switch file := all[strings.ToLower(word)]; {
	case word == everyConcept:
		text = conceptList(all, columns)
	case file != "":
		text = manual.Text(page(file), columns, e.Color, refers(all))
	default:
		entry := regexp.MustCompile(`(?mi)^- \*\*` + regexp.QuoteMeta(word) + `\*\*: .*$`).FindString(page("glossary.md"))
		if entry == "" {
			return unknownConcept(root, all, word)
		}
		text = manual.Text(strings.TrimPrefix(entry, "- "), columns, e.Color, refers(all))
	}
	return e.paged(text)
}

func page(file string) string {
	text, _ := docs.Pages.ReadFile(file) // it is in the program
	return string(text)
}

func conceptList(all map[string]string, columns int) string {
	table := "| concept | what it is about |\n|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(all)) {
		table += "| " + name + " | " + manual.Title(page(all[name])) + " |\n"
	}
	return manual.Text(table+"\nberth help CONCEPT shows one. berth help WORD also explains the words of the glossary, such as drift.\n", columns, false, refers(all))
}

// unknownConcept says what may have been meant by a word that names no command and no concept.
func unknownConcept(root *cobra.Command, all map[string]string, word string) error {
	err := unknownCommand(root, word)
	if u, ok := err.(*usage); ok && strings.HasPrefix(u.problem.Hint, "see: ") {
		u.problem.Summary = fmt.Sprintf("there is no command and no concept %q", word)
		u.problem.Hint = "see: berth help, berth help " + everyConcept
		if near := diag.Closest(word, slices.Collect(maps.Keys(all))); near != "" {
			u.problem.Hint = "did you mean: berth help " + near
		}
	}
	return err
}

// unknownPage says which page may have been meant.
func unknownPage(all map[string]string, word string) error {
	var names []string
	for _, file := range all {
		names = append(names, strings.TrimSuffix(file, ".md"))
	}
	hint := "see: berth docs"
	if near := diag.Closest(word, names); near != "" {
		hint = "did you mean: berth docs " + near
	}
	return usageError("berth docs", fmt.Sprintf("there is no page %q", word), hint)
}

// paged shows a text, by a pager where it is longer than the terminal.
func (e *Env) paged(text string) error {
	_, rows := view.Window(e.Stdout)
	pager := strings.Fields(e.Getenv("PAGER"))
	if len(pager) == 0 {
		pager = []string{"less"}
	}
	if e.Terminal && strings.Count(text, "\n") >= rows {
		cmd := exec.Command(pager[0], pager[1:]...) // Ctrl-C is the pager's
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), e.raw(), e.Stderr
		cmd.Env = os.Environ()
		if e.Getenv("LESS") == "" {
			cmd.Env = append(cmd.Env, "LESS=FRX") // as git: colors, and nothing is cleared at the end
		}
		if cmd.Start() == nil {
			_ = cmd.Wait() // who leaves a pager early has read enough
			return nil
		}
	}
	_, err := fmt.Fprint(e.Stdout, text)
	return err
}

// newManCmd is hidden: packages have the pages that it writes.
func newManCmd(env *Env) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:    "man",
		Short:  "Write man pages of all commands and concepts to a folder",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			written := Written{Folder: out, Files: []string{}}
			for name, text := range manPages(cmd.Root()) {
				if err := os.MkdirAll(env.Abs(out), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(env.Abs(out), name), []byte(text), 0o644); err != nil {
					return err
				}
				written.Files = append(written.Files, name)
			}
			slices.Sort(written.Files)
			return env.give(written, func() { fmt.Fprintf(env.Stdout, "wrote %d pages to %s\n", len(written.Files), out) })
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the folder to write to")
	_ = cmd.MarkFlagRequired("out") // the flag exists
	return cmd
}

// manPages are the man pages of all commands and concepts, by the names of their files.
func manPages(root *cobra.Command) map[string]string {
	out := map[string]string{}
	all := concepts(root)
	refer := func(target string) string {
		to := refers(all)(target)
		if name, ok := strings.CutPrefix(to, "berth help "); ok {
			return "berth-" + name + "(7)"
		}
		return to
	}
	for name, file := range all {
		out["berth-"+name+".7"] = manual.Roff("berth-"+name, version, page(file), refer)
	}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		entry := manual.Entry{Name: manName(c), Short: c.Short, Use: c.UseLine(), Long: c.Long}
		flags := func(f *pflag.Flag) {
			if !f.Hidden {
				entry.Flags = append(entry.Flags, [2]string{flagForm(f), f.Usage})
			}
		}
		c.NonInheritedFlags().VisitAll(flags)
		c.InheritedFlags().VisitAll(flags)
		if c.HasParent() {
			entry.See = append(entry.See, manName(c.Parent())+"(1)")
		} else {
			for _, name := range slices.Sorted(maps.Keys(all)) {
				entry.See = append(entry.See, "berth-"+name+"(7)")
			}
		}
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() && below.Name() != "completion" {
				entry.Commands = append(entry.Commands, [2]string{manName(below) + "(1)", below.Short})
				visit(below)
			}
		}
		out[entry.Name+".1"] = entry.Roff(version)
	}
	visit(root)
	return out
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// flagForm is how a flag is written.
func flagForm(f *pflag.Flag) string {
	form := "--" + f.Name
	if f.Shorthand != "" {
		form = "-" + f.Shorthand + ", " + form
	}
	if kind := f.Value.Type(); kind != "bool" {
		form += " " + kind
	}
	return form
}
