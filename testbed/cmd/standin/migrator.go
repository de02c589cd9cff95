package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/release"
	"berth/testbed/internal/schema"
)

// migrator is one run of the migrator: a command and its flags.
type migrator struct {
	*service
	flags  *flag.FlagSet
	db     string
	stores []schema.Store
}

func runMigrator(ctx context.Context, s *service) error {
	fmt.Printf("✱ Sourcegraph migrator %s (stand-in)\n", s.version)
	name, args := "up", s.args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	m := &migrator{service: s, flags: flag.NewFlagSet(name, flag.ContinueOnError)}
	commands := map[string]func(context.Context, []string) error{
		"up": m.up, "validate": m.validate, "drift": m.drift, "describe": m.describe, "add-log": m.addLog,
		"upgrade":   func(ctx context.Context, a []string) error { return m.move(ctx, a, true) },
		"downgrade": func(ctx context.Context, a []string) error { return m.move(ctx, a, false) },

		"run-out-of-band-migrations": m.outOfBand,
	}
	run, ok := commands[name]
	if !ok {
		return fmt.Errorf("unknown command %q", name)
	}
	return run(ctx, args)
}

// open reads the flags and connects to the databases that --db names.
func (m *migrator) open(ctx context.Context, args []string) error {
	m.flags.StringVar(&m.db, "db", "all", "databases, with commas between them")
	if err := m.flags.Parse(args); err != nil {
		return err
	}
	names := strings.Split(m.db, ",")
	if m.db == "all" {
		names = schema.Databases
	}
	for _, n := range names {
		prefix := schema.Prefix(n)
		if n == "codeinsights" && m.env("DISABLE_CODE_INSIGHTS") != "" {
			continue
		}
		if n != "frontend" && prefix == "" {
			return fmt.Errorf("--db=%s: the databases are %s", n, strings.Join(schema.Databases, ", "))
		}
		fmt.Printf("Attempting connection to %s...\n", n)
		st, err := schema.Connect(ctx, n, contract.DSN(prefix, m.env), 20*time.Second)
		if err != nil {
			return err
		}
		fmt.Printf("✅ Connection to %s succeeded\n", n)
		m.stores = append(m.stores, st)
	}
	return nil
}

func (m *migrator) store(name string) (schema.Store, bool) {
	for _, s := range m.stores {
		if s.Name == name {
			return s, true
		}
	}
	return schema.Store{}, false
}

func (m *migrator) up(ctx context.Context, args []string) error {
	var o schema.Options
	skipUpgrade := m.flags.Bool("skip-upgrade-validation", false, "")
	skipOutOfBand := m.flags.Bool("skip-oobmigration-validation", false, "")
	m.flags.BoolVar(&o.UnprivilegedOnly, "unprivileged-only", false, "")
	m.flags.BoolVar(&o.NoopPrivileged, "noop-privileged", false, "")
	m.flags.BoolVar(&o.IgnoreDirty, "ignore-single-dirty-log", false, "")
	m.flags.BoolVar(&o.IgnoreDirty, "ignore-single-pending-log", false, "")
	m.flags.String("privileged-hash", "", "")
	if err := m.open(ctx, args); err != nil {
		return err
	}
	front, hasFrontend := m.store("frontend")
	fresh := false
	if hasFrontend {
		before, err := schema.Version(ctx, front.Conn)
		if err != nil {
			return err
		}
		fresh = before == ""
		if !fresh && !*skipUpgrade {
			from, err := release.Parse(before)
			if err != nil {
				return err
			}
			if !release.Direct(from, m.minor) {
				return fmt.Errorf("upgrade from %s to %s is not allowed: it is more than one minor version; use the migrator's upgrade command", before, m.version)
			}
		}
		if !*skipOutOfBand {
			unfinished, err := schema.Unfinished(ctx, front.Conn, m.minor)
			if err != nil {
				return err
			}
			if len(unfinished) > 0 {
				return fmt.Errorf("unfinished out of band migrations that %s no longer supports: %s", m.version, strings.Join(unfinished, ", "))
			}
		}
	}
	if m.env("STANDIN_FAIL") == "dirty" {
		o.Break = "1/0"
	}
	for _, st := range m.stores {
		n, err := st.Up(ctx, m.minor, o)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d migrations applied\n", st.Name, n)
	}
	if hasFrontend {
		if err := front.SyncOutOfBand(ctx, m.minor, fresh); err != nil {
			return err
		}
		if _, err := front.Conn.Exec(ctx, schema.SetVersion, m.version); err != nil {
			return err
		}
	}
	fmt.Println("✅ Schema(s) are up-to-date!")
	return nil
}

func (m *migrator) validate(ctx context.Context, args []string) error {
	skip := m.flags.Bool("skip-out-of-band-migrations", false, "")
	if err := m.open(ctx, args); err != nil {
		return err
	}
	for _, st := range m.stores {
		if err := schema.Ready(ctx, st.Conn, st.Name, m.minor); err != nil {
			return err
		}
	}
	if front, ok := m.store("frontend"); ok && !*skip {
		unfinished, err := schema.Unfinished(ctx, front.Conn, m.minor)
		if err != nil {
			return err
		}
		if len(unfinished) > 0 {
			return fmt.Errorf("unfinished out of band migrations: %s", strings.Join(unfinished, ", "))
		}
	}
	fmt.Println("✅ All schemas are valid")
	return nil
}

func (m *migrator) drift(ctx context.Context, args []string) error {
	version := m.flags.String("version", "", "")
	m.flags.Bool("ignore-migrator-update", false, "")
	if err := m.open(ctx, args); err != nil {
		return err
	}
	at, err := release.Parse(*version)
	if err != nil {
		return fmt.Errorf("--version: %w", err)
	}
	found := 0
	for _, st := range m.stores {
		lines, err := schema.Drift(ctx, st.Conn, st.Name, at)
		if err != nil {
			return err
		}
		for _, l := range lines {
			fmt.Printf("❌ %s: %s\n", st.Name, l)
		}
		found += len(lines)
	}
	if found > 0 {
		return errors.New("found drift")
	}
	fmt.Println("✅ No drift detected")
	return nil
}

func (m *migrator) describe(ctx context.Context, args []string) (err error) {
	format := m.flags.String("format", "psql", "")
	out := m.flags.String("out", "", "")
	m.flags.Bool("force", false, "")
	m.flags.Bool("no-color", false, "")
	if err := m.open(ctx, args); err != nil {
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

func (m *migrator) addLog(ctx context.Context, args []string) error {
	id := m.flags.Int("version", 0, "")
	up := m.flags.Bool("up", true, "")
	if err := m.open(ctx, args); err != nil {
		return err
	}
	if *id == 0 || len(m.stores) != 1 {
		return errors.New("add-log needs --db with one database and --version with the id of a migration")
	}
	return m.stores[0].AddLog(ctx, *id, *up)
}

// ids are the values of a flag that can be given several times.
type ids []int

func (i *ids) String() string { return fmt.Sprint(*i) }

func (i *ids) Set(v string) error {
	n, err := strconv.Atoi(v)
	*i = append(*i, n)
	return err
}

func (m *migrator) outOfBand(ctx context.Context, args []string) error {
	which := ids{}
	m.flags.Var(&which, "id", "")
	reverse := m.flags.Bool("apply-reverse", false, "")
	m.flags.Bool("disable-animation", false, "")
	if err := m.open(ctx, append([]string{"--db=frontend"}, args...)); err != nil {
		return err
	}
	n, err := m.stores[0].FinishOutOfBand(ctx, which, release.Minor{Major: 1 << 20}, *reverse)
	if err != nil {
		return err
	}
	fmt.Printf("✅ %d out of band migrations completed\n", n)
	return nil
}

// move is upgrade and downgrade: over several minors, with the instance down.
func (m *migrator) move(ctx context.Context, args []string, up bool) error {
	fromFlag := m.flags.String("from", "", "")
	toFlag := m.flags.String("to", "", "")
	dryRun := m.flags.Bool("dry-run", false, "")
	skipVersion := m.flags.Bool("skip-version-check", false, "")
	skipDrift := m.flags.Bool("skip-drift-check", false, "")
	var o schema.Options
	m.flags.BoolVar(&o.UnprivilegedOnly, "unprivileged-only", false, "")
	m.flags.BoolVar(&o.NoopPrivileged, "noop-privileged", false, "")
	m.flags.String("privileged-hash", "", "")
	m.flags.Bool("disable-animation", false, "")
	m.flags.Bool("ignore-migrator-update", false, "")
	if err := m.open(ctx, args); err != nil {
		return err
	}
	from, err := release.Parse(*fromFlag)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	to, err := release.Parse(*toFlag)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	front, ok := m.store("frontend")
	switch {
	case !ok:
		return errors.New("the frontend database has to be among them")
	case up && !from.Less(to), !up && !to.Less(from):
		return fmt.Errorf("--from=%s --to=%s: wrong way round", *fromFlag, *toFlag)
	case m.minor.Less(to), m.minor.Less(from):
		return fmt.Errorf("this migrator is %s and knows no later release", m.version)
	}
	have, err := schema.Version(ctx, front.Conn)
	if err != nil {
		return err
	}
	if at, err := release.Parse(have); !*skipVersion && (err != nil || at != from) {
		return fmt.Errorf("--from=%s, and the instance is at %q; use --skip-version-check to go on", *fromFlag, have)
	}
	if !*skipDrift {
		for _, st := range m.stores {
			lines, err := schema.Drift(ctx, st.Conn, st.Name, from)
			if err != nil {
				return err
			}
			if len(lines) > 0 {
				return fmt.Errorf("found drift: %s: %s", st.Name, strings.Join(lines, "; "))
			}
		}
	}
	steps := release.Between(from, to)
	if !up {
		steps = []release.Minor{to}
	}
	for _, step := range steps {
		fmt.Printf("Migrating to v%s\n", step)
		if *dryRun {
			continue
		}
		if up {
			if _, err := front.FinishOutOfBand(ctx, nil, step, false); err != nil {
				return err
			}
		}
		for _, st := range m.stores {
			n, err := 0, error(nil)
			if up {
				n, err = st.Up(ctx, step, o)
			} else {
				n, err = st.Down(ctx, from, step)
			}
			if err != nil {
				return err
			}
			fmt.Printf("%s: %d migrations applied\n", st.Name, n)
		}
		if up {
			if err := front.SyncOutOfBand(ctx, step, false); err != nil {
				return err
			}
		}
		version := step.String() + ".0"
		if step == to && strings.Count(*toFlag, ".") == 2 {
			version = strings.TrimPrefix(*toFlag, "v")
		}
		if _, err := front.Conn.Exec(ctx, schema.SetVersion, version); err != nil {
			return err
		}
	}
	fmt.Printf("✅ At v%s\n", to)
	return nil
}
