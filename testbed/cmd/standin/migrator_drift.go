package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"berth/testbed/internal/schema"
)

// drift compares one database with what a release has. This migrator has the schemas of all releases up to its own.
func (m *migrator) drift(ctx context.Context, args []string) error {
	m.databases("schema")
	version := m.flags.String("version", "", "")
	m.flags.Bool("auto-fix", false, "")
	if err := m.parse(args); err != nil {
		return err
	}
	if m.db == "" {
		return errors.New("supply a schema via -db")
	}
	at, err := versionOf("version", *version)
	if err != nil {
		return fmt.Errorf("%w. -version must start with 'v' and contain major.minor.patch. example: v4.1.2", err)
	}
	fmt.Println("ℹ️ Locating schema description")
	if m.minor.Less(at) {
		return errors.New("failed to locate target schema description")
	}
	fmt.Printf("✅ Schema found in the stand-in (%s %s).\n", m.db, at)
	if err := m.open(ctx); err != nil {
		return err
	}
	drifted := false
	for _, st := range m.stores {
		found, err := schema.Drift(ctx, st.Conn, st.Name, at)
		if err != nil {
			return err
		}
		for _, d := range found {
			fmt.Printf("❌ %s\n💡 Suggested action: %s.\n", d.Problem, d.Solution)
			if d.SQL != "" {
				fmt.Println(d.SQL)
			}
			drifted = true
		}
	}
	if drifted {
		return errors.New("database schema drift detected")
	}
	fmt.Println("✅ No drift detected")
	return nil
}

func (m *migrator) describe(ctx context.Context, args []string) (err error) {
	m.db = "all"
	m.databases("schema")
	format := m.flags.String("format", "psql", "")
	out := m.flags.String("out", "", "")
	m.flags.Bool("force", false, "")
	m.flags.Bool("no-color", false, "")
	if err := m.begin(ctx, args); err != nil {
		return err
	}
	w := io.Writer(os.Stdout)
	if *out != "" {
		f, created := os.Create(*out)
		if created != nil {
			return created
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	for _, st := range m.stores {
		columns, err := schema.Existing(ctx, st.Conn)
		if err != nil {
			return err
		}
		if *format == "json" {
			if err := json.NewEncoder(w).Encode(columns); err != nil {
				return err
			}
			continue
		}
		names := make([]string, 0, len(columns))
		for c := range columns {
			names = append(names, c)
		}
		sort.Strings(names)
		for _, c := range names {
			fmt.Fprintf(w, "%s  %s\n", c, columns[c])
		}
	}
	return nil
}
