package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
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
	quiet  bool // no look for a newer migrator
	stores []schema.Store
	faults schema.Faults
}

func runMigrator(ctx context.Context, s *service) error {
	fmt.Printf("✱ Sourcegraph migrator %s (stand-in)\n", s.version)
	name, args := "up", s.args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	m := &migrator{service: s, flags: flag.NewFlagSet(name, flag.ContinueOnError)}
	m.flags.SetOutput(os.Stdout)
	commands := map[string]func(context.Context, []string) error{
		"up": m.up, "upto": m.upTo, "upgrade": m.upgrade, "downgrade": m.downgrade, "drift": m.drift, "validate": m.validate,
		"describe": m.describe, "add-log": m.addLog, "run-out-of-band-migrations": m.outOfBand,
	}
	run, ok := commands[name]
	if !ok {
		return fmt.Errorf("unknown command %q", name)
	}
	defer func() {
		for _, st := range m.stores {
			_ = st.Conn.Close(context.WithoutCancel(ctx)) // what was done is done
		}
	}()
	return run(ctx, args)
}

// parse reads the flags of a command. Words that are no flags are refused, as the real one does.
func (m *migrator) parse(args []string) error {
	m.flags.BoolVar(&m.quiet, "ignore-migrator-update", false, "")
	if err := m.flags.Parse(args); err != nil {
		return err
	}
	if m.flags.NArg() > 0 {
		return fmt.Errorf("too many arguments: %s", strings.Join(m.flags.Args(), " "))
	}
	return nil
}

// begin is parse and open, for the commands that check nothing in between.
func (m *migrator) begin(ctx context.Context, args []string) error {
	if err := m.parse(args); err != nil {
		return err
	}
	return m.open(ctx)
}

// databases adds the flag --db, which names the databases of a command.
func (m *migrator) databases(names ...string) {
	for _, n := range append(names, "db") {
		m.flags.StringVar(&m.db, n, m.db, "databases, with commas between them")
	}
}

// open connects to the databases that --db names.
func (m *migrator) open(ctx context.Context) error {
	names := strings.Split(m.db, ",")
	if m.db == "all" {
		names = schema.Databases
	}
	if err := contract.Distinct(names, m.env); err != nil {
		return err
	}
	if !m.quiet {
		fmt.Println("⚠️ Failed to check for migrator update: a stand-in asks nobody. Continuing...")
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
		m.stores = append(m.stores, st)
		if err := schema.TooOld(ctx, st.Conn, m.minor); err != nil {
			return fmt.Errorf("new db handle: %w", err)
		}
		fmt.Printf("✅ Connection to %s succeeded\n", n)
		if n == "frontend" {
			if m.faults, err = schema.ReadFaults(ctx, st.Conn); err != nil {
				return err
			}
		}
	}
	if m.env("STANDIN_FAIL") == "dirty" {
		m.faults = schema.Faults{schema.MigrationFails: "last"}
	}
	return nil
}

// frontend is the database that has the version of the instance; nil when --db leaves it out.
func (m *migrator) frontend() *schema.Store {
	for _, s := range m.stores {
		if s.Name == "frontend" {
			return &s
		}
	}
	return nil
}

// privileged adds the flags about migrations that need a superuser.
func (m *migrator) privileged(o *schema.Options) {
	m.flags.BoolVar(&o.UnprivilegedOnly, "unprivileged-only", false, "")
	m.flags.BoolVar(&o.NoopPrivileged, "noop-privileged", false, "")
	m.flags.String("privileged-hash", "", "")
}

func (m *migrator) up(ctx context.Context, args []string) error {
	var o schema.Options
	m.db = "all"
	m.databases()
	m.privileged(&o)
	m.flags.BoolVar(&o.IgnoreFailed, "ignore-single-dirty-log", false, "")
	m.flags.BoolVar(&o.IgnorePending, "ignore-single-pending-log", false, "")
	skipPolicy := m.flags.Bool("skip-upgrade-validation", false, "")
	skipOutOfBand := m.flags.Bool("skip-oobmigration-validation", false, "")
	if err := m.begin(ctx, args); err != nil {
		return err
	}
	if front := m.frontend(); front != nil {
		before, _, err := schema.Version(ctx, front.Conn)
		if err != nil {
			return err
		}
		if !*skipPolicy {
			if err := schema.NotAllowed(before, m.minor, m.version); err != nil {
				return err
			}
		}
		if before != "" && !*skipOutOfBand {
			if err := schema.Unfinished(ctx, front.Conn, m.minor); err != nil {
				return err
			}
		}
	}
	o.Faults = m.faults
	for _, st := range m.stores {
		if _, err := st.Up(ctx, m.minor, o); err != nil {
			return err
		}
	}
	fmt.Println("✅ Schema(s) are up-to-date!")
	return nil
}

// upTo applies migrations up to one, with all before it.
func (m *migrator) upTo(ctx context.Context, args []string) error {
	var o schema.Options
	var targets ids
	m.databases("schema")
	m.privileged(&o)
	m.flags.BoolVar(&o.IgnoreFailed, "ignore-single-dirty-log", false, "")
	m.flags.BoolVar(&o.IgnorePending, "ignore-single-pending-log", false, "")
	m.flags.Var(&targets, "target", "")
	if err := m.parse(args); err != nil {
		return err
	}
	known := map[int]bool{}
	for _, d := range schema.Migrations(m.db, m.minor) {
		known[d.ID] = true
	}
	for _, id := range targets {
		if !known[id] {
			return fmt.Errorf("unknown migration %d of schema %q", id, m.db)
		}
		o.Last = max(o.Last, id)
	}
	if o.Last == 0 {
		return errors.New("supply a target via -target")
	}
	if err := m.open(ctx); err != nil {
		return err
	}
	o.Faults = m.faults
	_, err := m.stores[0].Up(ctx, m.minor, o)
	return err
}

func (m *migrator) validate(ctx context.Context, args []string) error {
	m.db = "all"
	m.databases()
	skip := m.flags.Bool("skip-out-of-band-migrations", false, "")
	if err := m.begin(ctx, args); err != nil {
		return err
	}
	for _, st := range m.stores {
		if err := schema.Ready(ctx, st.Conn, st.Name, m.minor); err != nil {
			return err
		}
	}
	fmt.Println("✅ schema okay!")
	if front := m.frontend(); front != nil && !*skip {
		if err := schema.Unfinished(ctx, front.Conn, m.minor); err != nil {
			return err
		}
		fmt.Println("✅ oobmigrations okay!")
	}
	return nil
}

func (m *migrator) addLog(ctx context.Context, args []string) error {
	m.databases("schema")
	id := m.flags.Int("version", 0, "")
	up := m.flags.Bool("up", true, "")
	if err := m.parse(args); err != nil {
		return err
	}
	if *id == 0 || m.db == "" || strings.Contains(m.db, ",") {
		return errors.New("add-log needs -db with one database and -version with the id of a migration")
	}
	if err := m.open(ctx); err != nil {
		return err
	}
	return m.stores[0].AddLog(ctx, *id, *up)
}

// versionOf reads --from and --to, which are a minor with or without a patch and a v.
func versionOf(name, value string) (release.Minor, error) {
	v, err := release.Parse(value)
	if err != nil {
		return v, fmt.Errorf("bad format for -%s: %w", name, err)
	}
	return v, nil
}
