package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"berth/testbed/internal/release"
	"berth/testbed/internal/schema"
)

func (m *migrator) upgrade(ctx context.Context, args []string) error { return m.move(ctx, args, true) }
func (m *migrator) downgrade(ctx context.Context, args []string) error {
	return m.move(ctx, args, false)
}

// move is upgrade and downgrade: over any number of minors, with the instance down. The version of the instance is written at the very end,
// so that a move which is interrupted leaves a schema that is between two releases.
func (m *migrator) move(ctx context.Context, args []string, up bool) error {
	m.db = "all"
	fromFlag := m.flags.String("from", "", "")
	toFlag := m.flags.String("to", "", "")
	dryRun := m.flags.Bool("dry-run", false, "")
	skipVersion := m.flags.Bool("skip-version-check", false, "")
	skipDrift := m.flags.Bool("skip-drift-check", false, "")
	m.flags.Bool("disable-animation", false, "")
	o := schema.Options{IgnoreFailed: true, IgnorePending: true}
	m.privileged(&o)
	if err := m.parse(args); err != nil {
		return err
	}
	from, err := versionOf("from", *fromFlag)
	if err != nil {
		return err
	}
	to, err := versionOf("to", *toFlag)
	if err != nil {
		return err
	}
	if up && !from.Less(to) {
		return fmt.Errorf("invalid range (from=%s >= to=%s)", from, to)
	}
	if !up && !to.Less(from) {
		return fmt.Errorf("invalid range (to=%s >= from=%s)", to, from)
	}
	// The graph of migrations was stitched together when this migrator was built, and ends there.
	for _, v := range []release.Minor{from, to} {
		if m.minor.Less(v) || v.Less(release.Must("3.20")) {
			return fmt.Errorf("unknown tag %q", "v"+v.String()+".0")
		}
	}
	if err := m.open(ctx); err != nil {
		return err
	}
	o.Faults = m.faults
	front := m.frontend()

	if !*skipVersion {
		have, _, err := schema.Version(ctx, front.Conn)
		if err != nil {
			return err
		}
		if at, err := release.Parse(have); have == "" || err != nil || at != from {
			if have != "" {
				have = fmt.Sprintf("%q", at)
			} else {
				have = "unknown version"
			}
			return fmt.Errorf("version assertion failed: %s != %q. Re-invoke with --skip-version-check to ignore this check", have, from)
		}
	}
	if !*skipDrift {
		if err := m.checkDrift(ctx, from); err != nil {
			return err
		}
	}
	steps := append(schema.Schedule(schema.OutOfBands, from, to), schema.Stop{At: to})
	at := from
	for i, step := range steps {
		fmt.Printf("👉 Migrating to v%s (step %d of %d)\n", step.At, i+1, len(steps))
		fmt.Println("👉 Running schema migrations")
		if !*dryRun {
			for _, st := range m.stores {
				if up {
					_, err = st.Up(ctx, step.At, o)
				} else {
					_, err = st.Down(ctx, at, step.At, m.faults)
				}
				if err != nil {
					return err
				}
			}
			fmt.Println("✅ Schema migrations complete")
		}
		if len(step.IDs) > 0 {
			if err := m.runOutOfBand(ctx, step.IDs, !up, *dryRun); err != nil {
				return err
			}
		}
		at = step.At
	}
	if *dryRun {
		return nil
	}
	// A frontend still checks that the version of before is at most one minor away.
	_, err = front.Conn.Exec(ctx, schema.MoveVersion, to.String()+".0")
	return err
}

// checkDrift refuses databases whose schema is not that of the release which they are said to be of.
func (m *migrator) checkDrift(ctx context.Context, at release.Minor) error {
	drift := false
	for _, st := range m.stores {
		found, err := schema.Drift(ctx, st.Conn, st.Name, at)
		if err != nil {
			return err
		}
		state, err := schema.Read(ctx, st.Conn, st.Name)
		if err != nil {
			return err
		}
		if len(found) > 0 && len(state.Applied) > 0 { // one that is empty can't drift
			fmt.Printf("❌ Schema drift detected for %s\n", st.Name)
			drift = true
		}
	}
	if !drift {
		return nil
	}
	fmt.Println("💡 Before continuing with this operation, run the migrator's drift command and follow instructions to repair the schema " +
		"to the expected current state.")
	return errors.New("database drift detected")
}

// outOfBandSeconds is how long one of these migrations takes, unless STANDIN_OOB_SECONDS or a fault says otherwise.
const outOfBandSeconds = 4

// pace is how long an out-of-band migration takes from 0 to 100 %.
func (s *service) pace() time.Duration {
	if v, err := strconv.ParseFloat(s.env("STANDIN_OOB_SECONDS"), 64); err == nil && v > 0 {
		return time.Duration(v * float64(time.Second))
	}
	return outOfBandSeconds * time.Second
}

// runOutOfBand runs these migrations and waits for them. There is no time after which it gives up, nor has the real one.
func (m *migrator) runOutOfBand(ctx context.Context, which []int, reverse, dryRun bool) error {
	if len(which) > 0 {
		fmt.Printf("👉 Running out of band migrations %v\n", which)
		if dryRun {
			return nil
		}
	}
	db := m.frontend().Conn
	if err := schema.SyncOutOfBand(ctx, db, m.minor); err != nil {
		return err
	}
	if len(which) == 0 {
		for _, o := range schema.OutOfBands {
			if !m.minor.Less(o.Introduced) {
				which = append(which, o.ID)
			}
		}
	}
	if err := schema.Turn(ctx, db, which, reverse); err != nil {
		return err
	}
	for passed := time.Duration(0); ; passed = time.Second {
		all, err := schema.Advance(ctx, db, which, m.minor, passed, m.pace())
		if err != nil {
			fmt.Printf("❌ Out of band migrations failed: %s\n", err)
			return err
		}
		if len(all) < len(which) {
			return fmt.Errorf("unknown migration id among %v", which)
		}
		done := true
		for _, p := range all {
			fmt.Printf("Migration #%d is %.2f%% complete\n", p.ID, p.Progress*100)
			done = done && p.Done
		}
		if done {
			fmt.Println("✅ Out of band migrations complete")
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (m *migrator) outOfBand(ctx context.Context, args []string) error {
	m.db = "all"
	var which ids
	m.flags.Var(&which, "id", "")
	reverse := m.flags.Bool("apply-reverse", false, "")
	m.flags.Bool("disable-animation", false, "")
	if err := m.begin(ctx, args); err != nil {
		return err
	}
	return m.runOutOfBand(ctx, which, *reverse, false)
}

// ids are the values of a flag that can be given several times, or with commas between them.
type ids []int

func (i *ids) String() string { return fmt.Sprint(*i) }

func (i *ids) Set(v string) error {
	for _, one := range strings.Split(v, ",") {
		n, err := strconv.Atoi(one)
		if err != nil {
			return err
		}
		*i = append(*i, n)
	}
	return nil
}
