package doctor

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"berth/internal/diag"
)

// signature is a line of a log that says what is wrong.
type signature struct {
	code     string
	pattern  string   // a regular expression
	services []string // in whose logs; none: in all
	severity diag.Severity
	summary  string
	hint     string
	strict   bool
	least    int  // of how many such lines it takes; 0: one
	foreign  bool // the pattern's group is a host, and one of the installation's own services does not count: that it is not there is a finding of its own
	symptoms []string
}

// The databases, and the clients of the stores.
var (
	ofPostgres = []string{"pgsql", "codeintel-db", "codeinsights-db"}
	ofRedis    = []string{"redis-cache", "redis-store"}
)

// migrations are the services that judge schemas.
var migrations = []string{"sourcegraph-frontend", "sourcegraph-frontend-internal", "migrator"}

// foreignData is the code of data that belongs to another user.
const foreignData = "BERTH5066"

// signatures are lines that tell one cause for sure. Each has its reason and its remedy at length with its code.
//
// Source: https://sourcegraph.com/docs/self-hosted/how-to and the threads that docs/troubleshooting.md names; the messages of Postgres, Redis and Linux
var signatures = []signature{
	{code: "BERTH5060", pattern: `No space left on device|ENOSPC|disk quota exceeded`, severity: diag.Error, symptoms: []string{"disk full"},
		summary: "a write failed because the disk is full", hint: "make room on the disk of its volume, then: berth up"},
	{code: "BERTH5061", pattern: `Read-only file system`, severity: diag.Error,
		summary: "its file system is read-only", hint: "check the disk for errors: dmesg on its host names them"},
	{code: "BERTH5062", pattern: `sorry, too many clients already|remaining connection slots are reserved`, severity: diag.Error, symptoms: []string{"too many clients already"},
		summary: "a database has no connections left", hint: "raise  databases.DATABASE.settings.max_connections  in the config, then: berth up"},
	{code: "BERTH5063", pattern: `dirty database|marked as (dirty|failed)`, services: migrations, severity: diag.Error, strict: true, symptoms: []string{"dirty database", "upgrade stuck"},
		summary: "it stopped at a schema migration that had failed before", hint: "repair the schema: https://sourcegraph.com/docs/admin/how-to/dirty_database"},
	{code: "BERTH5064", pattern: `refusing to apply a privileged migration`, severity: diag.Error, symptoms: []string{"upgrade stuck"},
		summary: "a migration needs a superuser of the database", hint: "apply it as a superuser: https://sourcegraph.com/docs/admin/how-to/privileged_migrations"},
	{code: "BERTH5065", pattern: `password authentication failed for user|SASL authentication failed`, severity: diag.Error,
		summary: "a database refuses the password", hint: "give the config the password that the database has"},
	{code: foreignData, pattern: `has wrong ownership|Can't open or create append-only dir .*: Permission denied|initdb: error: could not (change permissions|access directory)|could not open file .*: Permission denied|Can't open the append-only file.*: Permission denied|^>>> 'dir /redis-data'`, severity: diag.Error,
		summary: "its data belongs to another user", hint: "give the files of its volume the user that berth catalogue show RELEASE lists for the service"},
	{code: "BERTH5067", pattern: `database files are incompatible with server|was initialized by PostgreSQL version`, services: ofPostgres, severity: diag.Error, strict: true,
		summary: "its data is of another major release of Postgres than its image", hint: "see which releases convert the data: berth upgrade path"},
	{code: "BERTH5068", pattern: `PANIC:  could not locate a valid checkpoint record|invalid page in block|could not read block`, services: ofPostgres, severity: diag.Error, strict: true,
		summary: "its files are damaged", hint: "stop Sourcegraph, keep a copy of the volume, and restore a backup"},
	{code: "BERTH5069", pattern: `Bad file format reading the append only file|Short read or OOM loading DB`, services: ofRedis, severity: diag.Error,
		summary: "its saved data is damaged, and it does not start", hint: "repair a copy of the file: redis-check-aof --fix"},
	{code: "BERTH5070", pattern: `OOM command not allowed when used memory`, severity: diag.Error,
		summary: "Redis refuses writes: its memory is full", hint: "raise its maxmemory and  services.redis-store.memory"},
	{code: "BERTH5071", pattern: `NOAUTH Authentication required|WRONGPASS`, severity: diag.Error,
		summary: "Redis refuses the password", hint: "give all services the same address with its password:  redis.STORE.external"},
	{code: "BERTH5072", pattern: `cannot allocate memory`, services: []string{"zoekt-webserver", "zoekt-indexserver"}, severity: diag.Error, symptoms: []string{"search crashes with: cannot allocate memory"},
		summary: "the kernel refuses to map more index files", hint: "on its host: sysctl -w vm.max_map_count=262144, and the same line in /etc/sysctl.d/"},
	{code: "BERTH5073", pattern: `signal: killed`, services: []string{"gitserver", "worker", "precise-code-intel-worker"}, severity: diag.Warning, symptoms: []string{"out of memory"},
		summary: "the kernel killed one of its processes, in most cases because memory ran out", hint: "raise  services.SERVICE.memory  in the config, then: berth up"},
	{code: "BERTH5074", pattern: `x509: certificate signed by unknown authority|SSL certificate problem: (unable to get local issuer|self[- ]signed)`, severity: diag.Warning, symptoms: []string{"repositories are not cloned"},
		summary: "it does not trust a certificate", hint: "add the authority:  certificateAuthorities: [ca.pem]  then: berth up"},
	{code: "BERTH5075", pattern: `lookup ([^ :]+).*: no such host|Could not resolve host:? ([^ ;]+)`, foreign: true, severity: diag.Warning,
		summary: "it can't find a host by its name", hint: "see the name in its log; the DNS server of the host or of the cluster must know it"},
	{code: "BERTH5076", pattern: `upgrade not permitted|out of date with upgrade policy|instance version .* to .* is not supported`, services: []string{"sourcegraph-frontend", "migrator"}, severity: diag.Error, symptoms: []string{"upgrade stuck"},
		summary: "it refuses to start: its release is too far from that of the databases", hint: "deploy the release that ran before, then: berth upgrade"},
	{code: "BERTH5077", pattern: `driver: bad connection`, least: 3, services: []string{"sourcegraph-frontend", "sourcegraph-frontend-internal", "worker", "gitserver", "repo-updater", "precise-code-intel-worker", "searcher"}, severity: diag.Warning,
		summary: "its connection to a database broke", hint: "see that the database has enough memory, and did not restart"},
	{code: "BERTH5084", pattern: `Schema drift detected for`, services: migrations, severity: diag.Error, symptoms: []string{"upgrade stuck", "schema drift"},
		summary: "a schema is not that of its release", hint: "see what differs and what would fix it: berth upgrade --plan"},
	{code: "BERTH5085", pattern: `[Uu]nfinished migrations|migrations? .* expected (to be at )?100(\.0+)?%`, services: migrations, severity: diag.Error, symptoms: []string{"upgrade stuck"},
		summary: "background migrations of the release before are not finished", hint: "go back, and wait until they are: berth rollback   see how far they are in: berth upgrade --plan"},
	{code: "BERTH5086", pattern: `Sourcegraph requires PostgreSQL \d+`, severity: diag.Error, symptoms: []string{"upgrade stuck", "the frontend does not get ready"},
		summary: "its database is of a major release of Postgres that this release refuses", hint: "see which release takes which Postgres: berth upgrade path"},
	{code: "BERTH5087", pattern: `version assertion failed|unknown tag "v\d`, services: migrations, severity: diag.Error, symptoms: []string{"upgrade stuck"},
		summary: "the migrator does not find the release that it was given", hint: "see which release the databases are of: berth status   then: berth upgrade"},
	{code: "BERTH5088", pattern: `certificate relies on legacy Common Name field`, severity: diag.Error,
		summary: "a server's certificate names its host in a form that is refused", hint: "have it issued again, with the host among its subject alternative names"},
}

// clears are lines after which what a log said before does not hold any more: the service started again, and works.
const clears = `database system is ready to accept connections|Ready to accept connections`

// compiled are the patterns, compiled when the first log is read: most commands read none.
var compiled = sync.OnceValue(func() map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{clears: regexp.MustCompile(clears)}
	for _, s := range signatures {
		out[s.pattern] = regexp.MustCompile(s.pattern)
	}
	return out
})

// logChecks are one check for each signature.
var logChecks = checksOf(signatures)

func checksOf(all []signature) (out []*Check) {
	for _, s := range all {
		out = append(out, &Check{Code: s.code, Looks: "lines of logs: " + s.pattern, Needs: []Source{FromLogs}, Strict: s.strict, Symptoms: s.symptoms,
			find: func(e *Evidence, c *Check) []*Finding { return s.find(e, c) }})
	}
	return out
}

// find finds the signature's last line in each log.
func (s signature) find(e *Evidence, c *Check) (out []*Finding) {
	pattern, clear := compiled()[s.pattern], compiled()[clears]
	for _, l := range e.Logs {
		if len(s.services) > 0 && !slices.Contains(s.services, l.Service) || l.Previous && !e.broken(l.Instance) {
			continue
		}
		lines := l.Lines
		if !e.broken(l.Instance) {
			lines = lines[min(l.Starting, len(lines)):] // it waited for what it needs, and got it
		}
		last, times := "", 0
		for _, line := range lines {
			switch m := pattern.FindStringSubmatchIndex(line); {
			case m != nil && (!s.foreign || !e.own(line, m)):
				last, times = around(line, m[0]), times+1
			case clear.MatchString(line):
				last, times = "", 0
			}
		}
		if times < max(s.least, 1) || slices.ContainsFunc(out, func(f *Finding) bool { return f.Problem.Subject == l.Instance }) {
			continue
		}
		f := c.found(l.Service, s.severity, s.summary, s.hint, fmt.Sprintf("%s in its last lines, such as:", counted(times, "time", "times")), "  "+last)
		f.Problem.Subject = l.Instance
		if i := e.instance(l.Instance); s.code == foreignData && i != nil && i.Chown != "" {
			f.Problem.Hint = "make its user the owner of its files: " + i.Chown
		}
		out = append(out, f)
	}
	return out
}

// own reports whether the host in a pattern's group is a service of the installation.
func (e *Evidence) own(line string, match []int) bool {
	for g := 2; g+1 < len(match); g += 2 {
		if match[g] < 0 {
			continue
		}
		host, _, _ := strings.Cut(line[match[g]:match[g+1]], ".") // in a cluster a name may have its namespace
		return slices.ContainsFunc(e.Services, func(s Service) bool { return s.Name == host || s.Service == host }) || e.service(host) != host || len(e.Uses[host]) > 0 ||
			slices.ContainsFunc(slices.Collect(maps.Values(e.Uses)), func(used []string) bool { return slices.Contains(used, host) })
	}
	return false
}

// around is the part of a long line that has a place in it.
func around(line string, at int) string {
	const most, before = 200, 60
	if len(line) <= most {
		return line
	}
	from := max(0, min(at-before, len(line)-most))
	part := strings.ToValidUTF8(line[from:min(from+most, len(line))], "")
	if from > 0 {
		part = "..." + part
	}
	return part
}

// broken reports whether an instance is not well now: what it said before its restart counts only then.
func (e *Evidence) broken(instance string) bool {
	return slices.ContainsFunc(e.Services, func(s Service) bool {
		return (s.Name == instance || s.Service == e.service(instance)) && !s.Ready
	})
}
