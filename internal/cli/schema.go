package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/config"
	"berth/internal/config/reference"
	"berth/internal/state"
	"berth/internal/target/compose/store"
	"github.com/spf13/cobra"
)

func newSchemaCmd(env *Env) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of sourcegraph.yaml, for editors",
		Long: `Write the JSON Schema of sourcegraph.yaml. With it, an editor completes keys, services and releases, and marks what is wrong.

berth init writes it beside the new file, and names it in the file's first line. berth up and every other command that changes the installation
replaces it after an update of berth. For a file that berth init did not write:

  berth schema --out .berth/sourcegraph.schema.json

and this as the file's first line:

  # yaml-language-server: $schema=.berth/sourcegraph.schema.json

docs/editors.md says what each editor needs.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return env.schema(out) },
	}
	cmd.Flags().StringVar(&out, "out", standardOutput, "the file to write; - is standard output")
	_ = cmd.MarkFlagFilename("out", "json") // the flag exists
	return cmd
}

func (e *Env) schema(out string) error {
	schema, err := reference.Schema(e.Catalogue())
	if err != nil {
		return err
	}
	if out == standardOutput {
		return e.standardOutput(schema)
	}
	path := e.Abs(out)
	if filepath.Base(filepath.Dir(path)) == store.Folder { // git must not see it there
		err = store.Beside(filepath.Dir(filepath.Dir(path)), filepath.Base(path), schema)
	} else {
		err = os.WriteFile(path, schema, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the schema for editors: %w", err)
	}
	fmt.Fprintf(e.Stdout, "wrote %s\n", out)
	e.out.result = Written{Files: []string{filepath.ToSlash(out)}}
	return nil
}

// createSchema writes the schema that a new config in a folder names.
func (e *Env) createSchema(folder string) error {
	schema, err := reference.Schema(e.Catalogue())
	if err == nil {
		err = store.Beside(folder, filepath.Base(config.SchemaFile), schema)
	}
	if err != nil {
		return fmt.Errorf("write the schema for editors: %w", err)
	}
	return nil
}

// refreshSchema replaces the schema beside a config by that of this berth, if there is one. Only an editor misses it, so what goes wrong stops nothing.
func (e *Env) refreshSchema(folder string) {
	path := filepath.Join(folder, filepath.FromSlash(config.SchemaFile))
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	schema, _ := reference.Schema(e.Catalogue()) // a test makes it
	if err == nil && !bytes.Equal(before, schema) {
		err = state.WriteFile(path, schema, 0o600)
	}
	if err != nil {
		fmt.Fprintf(e.Stderr, "editors have no schema of this berth: %v\n", err)
	}
}
