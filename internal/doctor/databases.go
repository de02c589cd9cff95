package doctor

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"berth/internal/diag"
)

// databaseChecks look at the three databases. What is asked is in package look.
var databaseChecks = []*Check{
	{Code: "BERTH5020", Looks: "whether each database answers", Needs: []Source{FromDatabases}, Symptoms: []string{"502", "the frontend does not become ready"}, find: silentDatabases},
	{Code: "BERTH5021", Looks: "whether each database takes writes", Needs: []Source{FromDatabases}, Symptoms: []string{"nothing can be saved"}, find: perDatabase(readOnly)},
	{Code: "BERTH5022", Looks: "connections against max_connections", Needs: []Source{FromDatabases}, Limit: &Limit{Warn: 80, Fail: 95, Unit: "% of max_connections"}, Symptoms: []string{"too many clients already"}, find: perDatabase(connections)},
	{Code: "BERTH5023", Looks: "the collation version of each database and of its system", Needs: []Source{FromDatabases}, Symptoms: []string{"collation version mismatch", "duplicate rows"}, find: perDatabase(collation)},
	{Code: "BERTH5024", Looks: "indexes that Postgres marks as invalid", Needs: []Source{FromDatabases}, Symptoms: []string{"search is slow"}, find: perDatabase(invalidIndexes)},
	{Code: "BERTH5025", Looks: "how long transactions are open", Needs: []Source{FromDatabases}, Limit: &Limit{Warn: 60, Fail: 1440, Unit: "minutes"}, find: perDatabase(longTransaction)},
	{Code: "BERTH5026", Looks: "how long queries wait for a lock", Needs: []Source{FromDatabases}, Limit: &Limit{Warn: 1, Fail: 10, Unit: "minutes"}, Symptoms: []string{"pages hang"}, find: perDatabase(lockWait)},
	{Code: "BERTH5027", Looks: "schema migrations that started and failed", Needs: []Source{FromDatabases}, Strict: true, Symptoms: []string{"dirty database", "upgrade stuck"}, find: perDatabase(dirty)},
	{Code: "BERTH5028", Looks: "background migrations that report errors", Needs: []Source{FromDatabases}, Symptoms: []string{"upgrade stuck"}, find: perDatabase(background)},
	{Code: "BERTH5029", Looks: "the major release of Postgres against that of the running Sourcegraph release", Needs: []Source{FromDatabases}, Symptoms: []string{"upgrade stuck"}, find: oldPostgres},
	{Code: "BERTH5030", Looks: "Postgres releases that are known to damage indexes", Needs: []Source{FromDatabases}, find: perDatabase(damagingRelease)},
	{Code: "BERTH5031", Looks: "rows that vacuum has not removed", Needs: []Source{FromDatabases}, Symptoms: []string{"everything is slow"}, find: perDatabase(deadRows)},
	{Code: "BERTH5032", Looks: "the age of the oldest transaction number", Needs: []Source{FromDatabases}, Limit: &Limit{Warn: 50, Fail: 80, Unit: "% of all numbers"}, find: perDatabase(oldTransactions)},
	{Code: "BERTH5033", Looks: "pages whose checksum is wrong", Needs: []Source{FromDatabases}, Strict: true, find: perDatabase(checksums)},
	{Code: "BERTH5034", Looks: "whether the three databases are different ones", Needs: []Source{FromDatabases}, Strict: true, find: sharedDatabase},
	{Code: "BERTH5036", Looks: "the clocks of databases and of this machine", Needs: []Source{FromDatabases}, Limit: &Limit{Warn: 60, Fail: 600, Unit: "seconds apart"}, Symptoms: []string{"sign-in fails"}, find: perDatabase(clock), blind: untimed},
}

// perDatabase is a check of each database that answered, and in which Sourcegraph has data.
func perDatabase(look func(*Check, Database) *Finding) func(*Evidence, *Check) []*Finding {
	return each(func(e *Evidence) []Database { return e.Databases }, look)
}

// each is a check of each thing of a kind.
func each[T any](all func(*Evidence) []T, look func(*Check, T) *Finding) func(*Evidence, *Check) []*Finding {
	return func(e *Evidence, c *Check) (out []*Finding) {
		for _, one := range all(e) {
			if f := look(c, one); f != nil {
				out = append(out, f)
			}
		}
		return out
	}
}

// silentDatabases are those whose container runs, and that don't answer.
func silentDatabases(e *Evidence, c *Check) []*Finding {
	return silent(e, c, FromDatabases, "see its last lines; if it recovers after a crash, wait", "see that the server runs, and what the config says of it: berth explain databases")
}

// silent are the stores of a kind that run in a container or outside, and that don't answer. Why one could not be asked is in the evidence.
func silent(e *Evidence, c *Check, stores Source, hint, external string) (out []*Finding) {
	for _, name := range e.parts(stores) {
		u := e.Unseen[stores.Of(name)]
		n := slices.IndexFunc(e.Services, func(s Service) bool { return s.Service == name })
		switch {
		case !u.Refuses:
		case n >= 0:
			out = append(out, c.found(name, diag.Error, "it runs, but does not answer", hint, append([]string{u.Why}, e.last(e.Services[n].Name)...)...))
		case !slices.Contains(e.Missing, name):
			out = append(out, c.found(name, diag.Error, "your own server does not answer", external, u.Why))
		}
	}
	return out
}

// database is the name of the database at its server.
func (d Database) database() string {
	_, name, _ := strings.Cut(d.System, "/")
	return name
}

// psql is the command that runs statements in a database, one after the other.
func (d Database) psql(statements ...string) string {
	command := "berth psql " + d.Name + " --write --"
	for _, s := range statements {
		command += " -c '" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return command
}

func readOnly(c *Check, d Database) *Finding {
	switch {
	case d.Recovery:
		return c.found(d.Name, diag.Error, "it refuses writes: it is a standby, or it recovers", "point the config to the primary server, or wait until it has recovered")
	case d.ReadOnly:
		return c.found(d.Name, diag.Error, "it refuses writes: default_transaction_read_only is on",
			"find out who set it, then: "+d.psql("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")).left("somebody set it, and may have a reason")
	}
	return nil
}

func connections(c *Check, d Database) *Finding {
	used := share(int64(d.Used), int64(d.Most))
	severity := c.Limit.severity(used)
	if severity == "" {
		return nil
	}
	hint := fmt.Sprintf("raise  databases.%s.settings.max_connections  in the config, then: berth up", d.Name)
	if d.External {
		hint = "raise  max_connections  at the server"
	}
	return c.found(d.Name, severity, fmt.Sprintf("%d of its %d connections are in use", d.Used, d.Most), hint)
}

func collation(c *Check, d Database) *Finding {
	if d.Collation == "" {
		return nil
	}
	f := c.found(d.Name, diag.Warning, "its indexes were built with another version of the system's collations", "make a backup, then build them again while Sourcegraph is stopped: berth doctor --fix",
		"version "+d.Collation)
	if !d.External {
		f.Bytes = d.Bytes
		return f.by(Rebuild)
	}
	f.Problem.Hint = "make a backup, stop Sourcegraph with berth down, then: " + d.psql("REINDEX DATABASE "+d.database(), "ALTER DATABASE "+d.database()+" REFRESH COLLATION VERSION")
	return f.left("the server is yours, and others may use it")
}

func invalidIndexes(c *Check, d Database) *Finding {
	if len(d.Invalid) == 0 {
		return nil
	}
	const most = 3 // in one command; the next look names the others
	var statements []string
	for _, index := range d.Invalid {
		if leftover.MatchString(index) {
			statements = append(statements, "DROP INDEX CONCURRENTLY IF EXISTS "+index)
			continue
		}
		statements = append(statements, "REINDEX INDEX CONCURRENTLY "+index)
	}
	return c.found(d.Name, diag.Warning, fmt.Sprintf("it has %s that Postgres does not use", counted(len(d.Invalid), "invalid index", "invalid indexes")),
		"build them again: "+d.psql(statements[:min(len(statements), most)]...), d.Invalid...).repaired(statements...)
}

// leftover is the name of an index that a REINDEX or CREATE INDEX CONCURRENTLY that was stopped left beside the one that counts.
//
// Source: https://www.postgresql.org/docs/current/sql-reindex.html
var leftover = regexp.MustCompile(`_cc(new|old)\d*"?$`)

func longTransaction(c *Check, d Database) *Finding {
	severity := c.Limit.severity(float64(d.Longest) / 60)
	if severity == "" {
		return nil
	}
	return c.found(d.Name, severity, fmt.Sprintf("a transaction is open for %s; vacuum can't remove rows meanwhile", minutes(d.Longest)),
		"end it if nobody needs it, with its pid: "+d.psql("SELECT pg_terminate_backend(PID)"), d.Query).left("what the transaction has written would be lost")
}

func lockWait(c *Check, d Database) *Finding {
	severity := c.Limit.severity(float64(d.Waiting) / 60)
	if severity == "" {
		return nil
	}
	return c.found(d.Name, severity, fmt.Sprintf("a query has waited for a lock for %s", minutes(d.Waiting)),
		"see which query holds it: berth psql "+d.Name+" -- -c 'SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity WHERE pg_blocking_pids(pid) <> array[]::int[]'").left("whoever holds the lock would lose their work")
}

func dirty(c *Check, d Database) *Finding {
	if len(d.Unfinished) == 0 {
		return nil
	}
	return c.found(d.Name, diag.Error, fmt.Sprintf("%s started and failed", counted(len(d.Unfinished), "schema migration", "schema migrations")),
		"repair it before anything else: https://sourcegraph.com/docs/admin/how-to/dirty_database", d.Unfinished...).left("only the SQL of the migration tells whether a part of it was done")
}

func background(c *Check, d Database) *Finding {
	if len(d.Background) == 0 {
		return nil
	}
	return c.found(d.Name, diag.Warning, counted(len(d.Background), "background migration reports", "background migrations report")+" errors",
		"fix what the errors say before the next upgrade; the worker tries again", d.Background...)
}

func oldPostgres(e *Evidence, c *Check) (out []*Finding) {
	for _, d := range e.Databases {
		if major := d.Server / 10000; major < e.Postgres && !d.External { // what a server outside has to be is a question of the config
			out = append(out, c.found(d.Name, diag.Error, fmt.Sprintf("it runs Postgres %d, but release %s includes %d", major, e.Release, e.Postgres), "see which releases convert the data: berth upgrade path"))
		}
	}
	return out
}

// damagingRelease: CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY of these could leave rows out.
//
// Source: https://www.postgresql.org/docs/release/14.4/
func damagingRelease(c *Check, d Database) *Finding {
	if d.Server < 140000 || d.Server >= 140004 {
		return nil
	}
	return c.found(d.Name, diag.Warning, fmt.Sprintf("Postgres 14.%d can build indexes that lack rows", d.Server-140000), "update Postgres to 14.4 or later, then reindex the database")
}

func deadRows(c *Check, d Database) *Finding {
	const least, part = 1_000_000, 0.5
	if d.Dead < least || float64(d.Dead) < part*float64(d.Live) {
		return nil
	}
	return c.found(d.Name, diag.Warning, fmt.Sprintf("the table %s has %d dead rows and %d live ones", d.Table, d.Dead, d.Live),
		"find out what blocks autovacuum, then: "+d.psql("VACUUM (ANALYZE) "+d.Table)).repaired("VACUUM (ANALYZE) " + d.Table)
}

func oldTransactions(c *Check, d Database) *Finding {
	used := share(d.Age, math.MaxInt32)
	severity := c.Limit.severity(used)
	if severity == "" {
		return nil
	}
	return c.found(d.Name, severity, fmt.Sprintf("%.0f %% of the transaction numbers are used; at 100 %% it refuses writes", used), "freeze the oldest tables: "+d.psql("VACUUM (FREEZE)")).repaired("VACUUM (FREEZE)")
}

func checksums(c *Check, d Database) *Finding {
	if d.Checksums == 0 {
		return nil
	}
	return c.found(d.Name, diag.Error, fmt.Sprintf("%s on its disk have a wrong checksum: data is damaged", counted(int(d.Checksums), "page", "pages")),
		"stop Sourcegraph, replace the disk, and restore a backup: berth rollback, or your own")
}

func sharedDatabase(e *Evidence, c *Check) (out []*Finding) {
	first := map[string]string{}
	for _, d := range e.Databases {
		if other := first[d.System]; other != "" && d.System != "" {
			out = append(out, c.found(d.Name, diag.Error, "it is the same database as "+other, fmt.Sprintf("give it a database of its own:  databases.%s.external", d.Name)))
			continue
		}
		first[d.System] = d.Name
	}
	return out
}

// untimed: a database outside answers to a task, so nobody knows when exactly it told its time.
func untimed(e *Evidence) string {
	for _, d := range e.Databases {
		if d.External {
			return d.Name + ": the clock of a server outside is not compared"
		}
	}
	return ""
}

func clock(c *Check, d Database) *Finding {
	severity := c.Limit.severity(math.Abs(d.Clock))
	if severity == "" {
		return nil
	}
	return c.found(d.Name, severity, fmt.Sprintf("its clock is %.0f seconds %s that of this machine", math.Abs(d.Clock), map[bool]string{true: "ahead of", false: "behind"}[d.Clock > 0]),
		"synchronise the clocks of all machines with NTP")
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func minutes(seconds int) string {
	if seconds >= 2*60*60 {
		return fmt.Sprintf("%.1f h", float64(seconds)/3600)
	}
	return fmt.Sprintf("%d min", seconds/60)
}
