package doctor

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var taken = time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)

// healthy is evidence of an installation on which nothing is wrong.
func healthy(target catalogue.Target) *Evidence {
	e := &Evidence{Taken: taken, Installation: "sourcegraph", Target: target, Wanted: "7.5.4453", Release: "7.5.4453", Support: "supported", Postgres: 14, URL: "https://sourcegraph.example.com",
		Uses: Needs(catalogue.Embedded().Relations().NeededBy()), FreeBytes: 500 << 30, Figures: map[string]float64{GitEcho: 0.004, ZoektRefuses: 0},
		Front:   &Front{At: "https://127.0.0.1:443", Healthy: true, Milliseconds: 12, Searched: 200, SearchTook: 80},
		Address: &Address{Host: "sourcegraph.example.com", TLS: true, Names: []string{"sourcegraph.example.com"}, Issuer: "R11", Expires: taken.AddDate(0, 2, 0)},
		LastRun: &LastRun{What: "up 7.5.4453", Result: "done", Started: taken.Add(-time.Hour), Well: true}}
	for _, name := range []string{"pgsql", "codeintel-db", "codeinsights-db", "redis-cache", "redis-store", "blobstore", "sourcegraph-frontend-0", "worker", "gitserver-0",
		"searcher-0", "zoekt-webserver-0", "zoekt-indexserver-0", "precise-code-intel-worker", "caddy", "migrator"} {
		service := strings.TrimSuffix(name, "-0")
		e.Services = append(e.Services, Service{Name: name, Service: service, Ready: true, Status: "healthy"})
		e.Instances = append(e.Instances, Instance{Name: name, Service: service, State: "healthy", Started: taken.Add(-24 * time.Hour), Memory: 4 << 30, MemoryUsed: 1 << 30})
		e.Logs = append(e.Logs, Log{Instance: name, Service: service, Lines: []string{"t=2026 lvl=info msg=ready", "database system is ready to accept connections"}})
	}
	for _, name := range []string{"pgsql", "codeintel-db", "codeinsights-db"} {
		e.Databases = append(e.Databases, Database{Name: name, Server: 160004, System: name, Bytes: 1 << 30, Used: 20, Most: 100, Age: 1000})
		e.Volumes = append(e.Volumes, Volume{Instance: name, Service: name, Path: "/data/pgdata", Size: 200 << 30, Free: 150 << 30, Inodes: 1000, InodesFree: 900})
	}
	for _, name := range []string{"redis-cache", "redis-store"} {
		e.Redis = append(e.Redis, Redis{Name: name, Version: "7.0.15", Memory: 1 << 20, Policy: "noeviction", Saves: true})
	}
	return e
}

func (e *Evidence) database(name string) *Database {
	return &e.Databases[slices.IndexFunc(e.Databases, func(d Database) bool { return d.Name == name })]
}

// breaks makes services not ready, as their targets would see it.
func (e *Evidence) breaks(status string, names ...string) {
	for i := range e.Services {
		if slices.Contains(names, e.Services[i].Name) {
			e.Services[i].Ready, e.Services[i].Status = false, status
			e.Instances[i].State = status
		}
	}
}

func (e *Evidence) says(instance, line string) {
	for i := range e.Logs {
		if e.Logs[i].Instance == instance {
			e.Logs[i].Lines = append(e.Logs[i].Lines, strings.Split(line, "\n")...)
		}
	}
}

// dark makes the front proxy and searches fail.
func (e *Evidence) dark() {
	e.Front.Healthy, e.Front.Searched, e.Front.SearchSaid = false, 502, "HTTP status 502"
}

// fault is something that is wrong, and what the doctor makes of it.
type fault struct {
	name   string
	inject func(e *Evidence)
	first  string   // the code of the first cause
	others []string // of further causes
	below  []string // what follows, in any depth
	do     string   // a part of the one thing to do
}

var faults = []fault{
	{"a disk is full, so pgsql stops", func(e *Evidence) {
		e.Volumes[0].Free = 1 << 20
		e.breaks("stopped", "pgsql")
		e.says("pgsql", "PANIC:  could not write to file: No space left on device")
		e.Unseen = map[Source]Unseen{FromDatabases.Of("pgsql"): {Why: "it does not run"}}
		e.breaks("unhealthy", "sourcegraph-frontend-0", "worker")
		e.says("worker", strings.Repeat("failed to connect: driver: bad connection\n", 3))
		e.dark()
	}, "BERTH5010", nil, []string{"BERTH5002", "BERTH5060", "BERTH5001", "BERTH5077", "BERTH5050", "BERTH5051"}, "disk"},
	{"gitserver is slow", func(e *Evidence) { e.Figures[GitEcho] = 1.4; e.Front.SearchTook = 4000 }, "BERTH5015", nil, []string{"BERTH5052"}, "cpu"},
	{"zoekt does not answer its watchdog", func(e *Evidence) { e.Figures[ZoektRefuses] = 2 }, "BERTH5016", nil, nil, "cpu"},
	{"zoekt hangs", func(e *Evidence) {
		e.Figures[ZoektRefuses] = 1 // the first time counts, since its health check fails as well
		e.breaks("unhealthy", "zoekt-webserver-0")
		e.Front.SearchSaid, e.Front.Searched = "event: error", 200
	}, "BERTH5016", nil, []string{"BERTH5001", "BERTH5051"}, "cpu"},
	{"the disk of all volumes is full", func(e *Evidence) {
		e.FreeBytes = 100 << 20
		for i := range e.Volumes {
			e.Volumes[i].Free = 100 << 20
		}
		e.says("redis-store", "Error writing to the AOF file: No space left on device")
		e.breaks("unhealthy", "redis-store")
		e.Redis[1].Saves = false
	}, "BERTH5012", nil, []string{"BERTH5060", "BERTH5042", "BERTH5001"}, "make room"},
	{"a disk fills", func(e *Evidence) { e.Volumes[0].PerDay, e.Volumes[0].Full = 1<<30, 12 }, "BERTH5013", nil, nil, "berth size --measured"},
	{"pgsql is stopped by hand", func(e *Evidence) {
		e.breaks("stopped", "pgsql")
		e.breaks("unhealthy", "sourcegraph-frontend-0", "worker", "gitserver-0")
		e.dark()
	}, "BERTH5002", nil, []string{"BERTH5001", "BERTH5050", "BERTH5051"}, "berth up"},
	{"a container is deleted", func(e *Evidence) {
		e.Missing = []string{"redis-store"}
		e.breaks("unhealthy", "sourcegraph-frontend-0")
		e.dark()
	}, "BERTH5003", nil, []string{"BERTH5001", "BERTH5050"}, "berth up"},
	{"a service hangs", func(e *Evidence) { e.breaks("unhealthy", "searcher-0") }, "BERTH5001", nil, nil, "berth restart searcher"},
	{"a service starts", func(e *Evidence) {
		e.breaks("starting", "worker")
		e.Instances[7].Started = taken.Add(-10 * time.Second)
	}, "BERTH5001", nil, nil, ""},
	{"gitserver lacks memory", func(e *Evidence) {
		e.breaks("stopped", "gitserver-0")
		e.Instances[8].OOMKilled, e.Instances[8].Exit = true, 137
		e.says("gitserver-0", "git gc: signal: killed")
		e.Front.SearchSaid, e.Front.Searched = "event: error", 200
	}, "BERTH5005", nil, []string{"BERTH5002", "BERTH5073", "BERTH5051"}, "services.gitserver.memory"},
	{"a worker restarts all the time", func(e *Evidence) {
		e.Instances[7].Restarts, e.Instances[7].Started = 12, taken.Add(-5*time.Second)
		e.breaks("restarting", "worker")
		e.Logs = append(e.Logs, Log{Instance: "worker", Service: "worker", Previous: true, Lines: []string{"panic: x"}})
	}, "BERTH5006", nil, []string{"BERTH5001"}, "last lines"},
	{"memory is nearly used", func(e *Evidence) { e.Instances[5].MemoryUsed = 4<<30 - 1 }, "BERTH5007", nil, nil, "services.blobstore.memory"},
	{"inodes are used", func(e *Evidence) { e.Volumes[0].InodesFree = 10 }, "BERTH5011", nil, nil, "inodes"},
	{"pgsql refuses", func(e *Evidence) {
		e.Unseen = map[Source]Unseen{FromDatabases.Of("pgsql"): {Why: "FATAL: the database system is starting up", Refuses: true}}
		e.breaks("unhealthy", "sourcegraph-frontend-0")
		e.dark()
	}, "BERTH5020", nil, []string{"BERTH5001", "BERTH5050"}, "last lines"},
	{"pgsql is read-only", func(e *Evidence) {
		e.database("pgsql").ReadOnly = true
		e.breaks("unhealthy", "sourcegraph-frontend-0")
	}, "BERTH5021", nil, []string{"BERTH5001"}, "ALTER SYSTEM RESET"},
	{"pgsql is a standby", func(e *Evidence) { e.database("pgsql").Recovery = true }, "BERTH5021", nil, nil, "primary"},
	{"connections are used up", func(e *Evidence) {
		e.database("pgsql").Used = 97
		e.says("worker", "FATAL: sorry, too many clients already")
	}, "BERTH5022", nil, []string{"BERTH5062"}, "max_connections"},
	{"a collation changed", func(e *Evidence) { e.database("codeintel-db").Collation = "2.36 was 2.41" }, "BERTH5023", nil, nil, "backup"},
	{"an index is invalid", func(e *Evidence) { e.database("pgsql").Invalid = []string{"repo_name_idx"} }, "BERTH5024", nil, nil, "REINDEX"},
	{"a transaction hangs and others wait", func(e *Evidence) {
		e.database("pgsql").Longest, e.database("pgsql").Query, e.database("pgsql").Waiting = 7200, "psql: idle in transaction", 300
	}, "BERTH5025", nil, []string{"BERTH5026"}, "pg_terminate_backend"},
	{"a schema is dirty", func(e *Evidence) {
		e.database("pgsql").Unfinished = []string{"1688649829"}
		e.says("sourcegraph-frontend-0", `dirty database: schema "frontend" marked as failed`)
		e.breaks("unhealthy", "sourcegraph-frontend-0")
		e.dark()
	}, "BERTH5027", nil, []string{"BERTH5063", "BERTH5001", "BERTH5050"}, "dirty_database"},
	{"a background migration fails", func(e *Evidence) { e.database("pgsql").Background = []string{"7: out of range"} }, "BERTH5028", nil, nil, "next upgrade"},
	{"Postgres is older than the release", func(e *Evidence) { e.Postgres = 17 }, "BERTH5029", []string{"BERTH5029", "BERTH5029"}, nil, "berth upgrade path"},
	{"the release has a known fault", func(e *Evidence) {
		e.Notices = []catalogue.Notice{{Use: catalogue.AnyUse, Reason: "Upgrades to it fail.", Instead: "5.10.3940", Source: "https://example.com"}}
	}, "BERTH5078", nil, nil, "berth upgrade --to 5.10.3940"},
	{"an issue that logs show", func(e *Evidence) {
		e.Issues = []catalogue.KnownIssue{{ID: "moon", Title: "the moon is full", Do: "close the curtains", When: catalogue.Conditions{Log: "ti+des"}},
			{ID: "sun", Title: "the sun shines", When: catalogue.Conditions{Log: "light"}}}
		e.says("gitserver-0", "it is the tiiides")
	}, "BERTH5078", nil, nil, "close the curtains"},
	{"nobody makes backups any more", func(e *Evidence) {
		e.Backups = &Backups{To: "/mnt/backups", Since: taken.AddDate(-1, 0, 0), Last: taken.AddDate(0, 0, -9)}
	}, "BERTH5083", nil, nil, "berth backup"},
	{"nobody ever made a backup", func(e *Evidence) { e.Backups = &Backups{To: "/mnt/backups", Since: taken.AddDate(0, 0, -90)} }, "BERTH5083", nil, nil, "berth backup"},
	{"the release is too old for support", func(e *Evidence) { e.Support = "upgrade first" }, "BERTH5079", nil, nil, "berth upgrade path"},
	{"Postgres 14.2", func(e *Evidence) { e.database("pgsql").Server = 140002 }, "BERTH5030", nil, nil, "14.4"},
	{"vacuum is kept away", func(e *Evidence) {
		e.database("pgsql").Dead, e.database("pgsql").Live, e.database("pgsql").Table = 5_000_000, 1_000_000, "event_logs"
	}, "BERTH5031", nil, nil, "VACUUM (ANALYZE) event_logs"},
	{"transaction numbers", func(e *Evidence) { e.database("pgsql").Age = 1_900_000_000 }, "BERTH5032", nil, nil, "FREEZE"},
	{"a disk damages data", func(e *Evidence) { e.database("pgsql").Checksums = 3 }, "BERTH5033", nil, nil, "restore"},
	{"two databases are one", func(e *Evidence) { e.database("codeintel-db").System = "pgsql" }, "BERTH5034", nil, nil, "databases.codeintel-db.external"},
	{"a clock is wrong", func(e *Evidence) { e.database("pgsql").Clock = -4000 }, "BERTH5036", nil, nil, "NTP"},
	{"Redis hangs", func(e *Evidence) {
		e.Unseen = map[Source]Unseen{FromRedis.Of("redis-store"): {Why: "it did not answer in time", Refuses: true}}
		e.breaks("unhealthy", "sourcegraph-frontend-0")
	}, "BERTH5040", nil, []string{"BERTH5001"}, "last lines"},
	{"Redis loads", func(e *Evidence) { e.Redis[0].Loading = true }, "BERTH5040", nil, nil, "wait"},
	{"Redis is full", func(e *Evidence) {
		e.Redis[1].Memory, e.Redis[1].Most = 100, 100
		e.says("worker", "OOM command not allowed when used memory > 'maxmemory'")
	}, "BERTH5041", nil, []string{"BERTH5070"}, "maxmemory"},
	{"Redis evicts sessions", func(e *Evidence) { e.Redis[1].Evicted = 7 }, "BERTH5043", nil, nil, "memory"},
	{"nothing answers, and nobody knows why", func(e *Evidence) { e.dark() }, "BERTH5050", nil, []string{"BERTH5051"}, "berth status"},
	{"search is slow", func(e *Evidence) { e.Front.SearchTook = 5000 }, "BERTH5052", nil, nil, "zoekt-webserver"},
	{"no name", func(e *Evidence) { e.Address.Resolves, e.Address.TLS = "no such host", false }, "BERTH5053", nil, nil, "DNS"},
	{"a certificate expired", func(e *Evidence) {
		e.Address.Expires, e.Address.Untrusted = taken.AddDate(0, 0, -1), "x509: certificate has expired"
	}, "BERTH5054", nil, nil, "tls"},
	{"a certificate expires soon", func(e *Evidence) { e.Address.Expires = taken.AddDate(0, 0, 10) }, "BERTH5054", nil, nil, "tls"},
	{"a certificate is for others", func(e *Evidence) { e.Address.Mismatch = "x509: valid for other.example.com" }, "BERTH5056", nil, nil, "subject alternative names"},
	{"keys without rights in the bucket", func(e *Evidence) {
		e.Objects = &Objects{Bucket: "uploads", Step: "take", Refuses: "the store answers 403 AccessDenied"}
	}, "BERTH5044", nil, nil, "keys"},
	{"object storage has a private authority", func(e *Evidence) {
		e.Objects = &Objects{Bucket: "uploads", Step: "take", Refuses: "x509: certificate signed by unknown authority", Untrusted: true}
		e.says("worker", "x509: certificate signed by unknown authority")
		e.breaks("unhealthy", "precise-code-intel-worker")
		e.LastRun = &LastRun{What: "up 7.5.4453", Result: "failed", Started: taken, Next: "up"}
	}, "BERTH5045", nil, []string{"BERTH5074", "BERTH5001", "BERTH5080"}, "objectStorage: {ca: ca.pem}"},
	{"an authority is private", func(e *Evidence) { e.Address.Untrusted = "x509: unknown authority" }, "BERTH5057", nil, nil, "chain"},
	{"a firewall", func(e *Evidence) { e.Address.Connects, e.Address.TLS = "i/o timeout", false }, "BERTH5058", nil, nil, "firewall"},
	{"vm.max_map_count is low", func(e *Evidence) {
		e.Place = diag.List{{Code: "BERTH2113", Severity: diag.Warning, Subject: "host", Summary: "low", Hint: "sysctl -w"}}
		e.says("zoekt-webserver-0", "mmap: cannot allocate memory")
		e.breaks("restarting", "zoekt-webserver-0")
		e.breaks("unhealthy", "zoekt-indexserver-0")
	}, "BERTH2113", nil, []string{"BERTH5072", "BERTH5001"}, "sysctl"},
	{"a run was killed", func(e *Evidence) {
		e.LastRun = &LastRun{What: "up 7.5.4453", Result: "killed", Started: taken, Next: "up"}
		e.Missing = []string{"worker"}
		e.Pending = []string{"create worker"}
	}, "BERTH5080", nil, []string{"BERTH5003", "BERTH5082"}, "berth up"},
	{"a pipeline deployed another release beside berth", func(e *Evidence) {
		e.Stands = diag.List{{Code: "BERTH3743", Severity: diag.Warning, Subject: "sourcegraph.yaml", Summary: "containers of several releases exist", Hint: "berth up brings all of them to 7.5.4453"}}
		e.Pending = []string{"recreate worker"}
	}, "BERTH3743", nil, []string{"BERTH5082"}, "berth up"},
	{"the release in the file is another major", func(e *Evidence) {
		e.Stands = diag.List{{Code: "BERTH3740", Severity: diag.Error, Subject: "sourcegraph.yaml", Summary: "it asks for another release", Hint: "berth upgrade --to 7.5.4453"}}
		e.Pending, e.Missing = []string{"recreate worker"}, []string{"syntactic-code-intel-worker"}
	}, "BERTH3740", nil, []string{"BERTH5082", "BERTH5003"}, "berth upgrade"},
	{"an upgrade failed in the middle of a migration", func(e *Evidence) {
		e.LastRun = &LastRun{What: "upgrade 6.0.0", Result: "failed", Started: taken, Next: "upgrade", Upgrade: true}
		e.Missing = []string{"worker", "redis-store"}
		e.database("codeintel-db").Unfinished = []string{"1692700000"}
		e.Stands = diag.List{{Code: "BERTH3740", Severity: diag.Error, Subject: "sourcegraph.yaml", Summary: "it asks for another release", Hint: "berth upgrade --to 7.0.2852"}}
		e.dark()
	}, "BERTH5080", nil, []string{"BERTH5003", "BERTH5027", "BERTH3740", "BERTH5050", "BERTH5051"}, "berth upgrade"},
	{"the file was changed", func(e *Evidence) { e.Pending = []string{"update gitserver-0"} }, "BERTH5082", nil, nil, "berth plan"},
	{"somebody took all pods of pgsql", func(e *Evidence) {
		e.breaks("scaled to 0", "pgsql")
		e.breaks("unhealthy", "sourcegraph-frontend-0", "worker")
		e.dark()
	}, "BERTH5002", nil, []string{"BERTH5001", "BERTH5050", "BERTH5051"}, "berth up"},
	{"somebody made the Service of pgsql lead nowhere", func(e *Evidence) {
		e.Altered = []Altered{{"Service/pgsql", "pgsql", "kubectl-patch changed spec.selector.app by hand: pgsql -> x"}}
		e.breaks("unhealthy", "sourcegraph-frontend-0", "worker")
		e.says("worker", strings.Repeat("failed to connect: driver: bad connection\n", 3))
		e.dark()
	}, "BERTH5082", nil, []string{"BERTH5001", "BERTH5077", "BERTH5050", "BERTH5051"}, "put it back: berth up"},
	{"somebody changed an image, which can't be pulled", func(e *Evidence) {
		e.Target = catalogue.Kubernetes
		e.Altered = []Altered{{"StatefulSet/searcher", "searcher", "kubectl-set changed image by hand: a -> b"}}
		e.Explained = diag.List{{Code: "BERTH3422", Severity: diag.Error, Subject: "searcher-0", Summary: "the image is not available", Hint: "to see which images are missing: berth check"}}
		e.breaks("its image can't be pulled", "searcher-0")
		e.Front.SearchSaid, e.Front.Searched = "event: error", 200
	}, "BERTH3422", nil, []string{"BERTH5051"}, "put it back: berth up"},
	{"the engine is down", func(e *Evidence) {
		*e = Evidence{Taken: taken, Target: catalogue.Compose, Unseen: map[Source]Unseen{}, Reach: diag.List{{Code: "BERTH2101", Severity: diag.Error, Summary: "no engine", Hint: "start it"}}}
		for _, s := range []Source{FromTarget, FromPlace, FromRelease, FromServices, FromInstances, FromLogs, FromVolumes, FromDatabases, FromRedis, FromFrontProxy} {
			e.Unseen[s] = Unseen{Why: "the engine does not answer"}
		}
	}, "BERTH2101", nil, nil, "start it"},
}

// TestFaults: the doctor finds each fault, names its cause first with the one thing to do, and nothing else is a cause.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			e := healthy(catalogue.Compose)
			f.inject(e)
			r := Examine(e, Request{})
			if len(r.Findings) == 0 {
				t.Fatal("found nothing")
			}
			var causes []string
			for _, c := range r.Findings {
				causes = append(causes, c.Problem.Code)
			}
			if diff := cmp.Diff(append([]string{f.first}, f.others...), causes); diff != "" {
				t.Errorf("causes: -want +got\n%s", diff)
			}
			below := map[string]bool{}
			for _, b := range r.All()[1:] {
				below[b.Problem.Code] = true
			}
			for _, code := range f.below {
				if !below[code] {
					t.Errorf("%s does not follow: %v", code, slices.Sorted(maps.Keys(below)))
				}
			}
			if !strings.Contains(r.Do, f.do) {
				t.Errorf("to do: %q", r.Do)
			}
			if r.Verdict != Fail && r.Verdict != Warn {
				t.Errorf("verdict %s", r.Verdict)
			}
		})
	}
}

// TestEveryCheckIsProved: each check that finds something itself finds a fault of the table, or a line of a log below.
func TestEveryCheckIsProved(t *testing.T) {
	proved := map[string]bool{}
	for _, f := range faults {
		e := healthy(catalogue.Compose)
		f.inject(e)
		for _, found := range Examine(e, Request{}).All() {
			proved[found.Check] = true
		}
	}
	for code := range lines {
		proved[code] = true
	}
	for _, code := range []string{"BERTH5004", "BERTH5059", "BERTH5081"} { // TestOwnContainers, TestStream and TestMutes
		proved[code] = true
	}
	for _, c := range Checks("") {
		if !proved[c.Code] && c.Passes == "" {
			t.Errorf("no fault proves %s, %s", c.Code, c.Title())
		}
	}
}

// lines are lines of logs as the programs write them, by the code of what they say.
var lines = map[string][2]string{ // instance, line
	"BERTH5060": {"pgsql", "2026-11-28 02:00:01 UTC [1] PANIC:  could not write to file \"pg_wal/xlogtemp.31\": No space left on device"},
	"BERTH5061": {"gitserver-0", "mkdir /data/repos/github.com: Read-only file system"},
	"BERTH5062": {"worker", "FATAL: sorry, too many clients already (SQLSTATE 53300)"},
	"BERTH5063": {"migrator", "dirty database: schema \"frontend\" marked the following migrations as failed: 1688649829"},
	"BERTH5064": {"migrator", "refusing to apply a privileged migration: schema \"frontend\" requires database migration 1528395953 to be applied by a database user with elevated permissions"},
	"BERTH5065": {"sourcegraph-frontend-0", "failed to connect to `host=pgsql user=sg database=sg`: failed SASL auth (FATAL: password authentication failed for user \"sg\" (SQLSTATE 28P01))"},
	"BERTH5066": {"pgsql", "FATAL:  data directory \"/data/pgdata-12\" has wrong ownership"},
	"BERTH5067": {"pgsql", "FATAL:  database files are incompatible with server"},
	"BERTH5068": {"pgsql", "2026-11-28 [25] PANIC:  could not locate a valid checkpoint record"},
	"BERTH5069": {"redis-store", "# Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file"},
	"BERTH5070": {"worker", "OOM command not allowed when used memory > 'maxmemory'."},
	"BERTH5071": {"sourcegraph-frontend-0", "redis: NOAUTH Authentication required."},
	"BERTH5072": {"zoekt-webserver-0", "mmap /data/index/github.com%2Fa_v16.00000.zoekt: cannot allocate memory"},
	"BERTH5073": {"gitserver-0", "failed to run git gc: signal: killed"},
	"BERTH5074": {"gitserver-0", "fatal: unable to access 'https://git.example.com/a/': SSL certificate problem: unable to get local issuer certificate"},
	"BERTH5075": {"worker", "Get \"https://git.example.com/api\": dial tcp: lookup git.example.com on 127.0.0.11:53: no such host"},
	"BERTH5084": {"migrator", "Schema drift detected for frontend"},
	"BERTH5085": {"sourcegraph-frontend-0", "ERROR: Unfinished migrations. Please revert Sourcegraph to the previous version and wait for the following migrations to complete. - migration 19 expected to be at 100.00% (at 80.00%)"},
	"BERTH5086": {"worker", "Sourcegraph requires PostgreSQL 16+, and the server is 14.9"},
	"BERTH5087": {"migrator", `version assertion failed: "v5.0.0" != "v5.1.0"`},
	"BERTH5088": {"sourcegraph-frontend-0", "failed to connect: x509: certificate relies on legacy Common Name field, use SANs instead"},
	"BERTH5076": {"sourcegraph-frontend-0", "upgrade not permitted: upgrades from \"5.1.0\" to \"7.5.0\" are not supported"},
	"BERTH5077": {"worker", "1 failed to list jobs: driver: bad connection\n2 failed to list jobs: driver: bad connection\n3 failed to list jobs: driver: bad connection"},
}

// TestLines: each signature finds its line, and no other signature does.
func TestLines(t *testing.T) {
	for _, s := range signatures {
		of, ok := lines[s.code]
		if !ok {
			t.Errorf("no line proves %s", s.code)
			continue
		}
		e := healthy(catalogue.Compose)
		e.says(of[0], of[1])
		var got []string
		for _, f := range Examine(e, Request{}).All() {
			got = append(got, f.Problem.Code+" "+f.Problem.Subject)
		}
		if diff := cmp.Diff([]string{s.code + " " + of[0]}, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", s.code, diff)
		}
	}
}

// TestDataOfAnotherUserInRedis: it says so in two lines, of which the second one names no file.
func TestDataOfAnotherUserInRedis(t *testing.T) {
	e := healthy(catalogue.Compose)
	for _, line := range []string{"*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***", "Reading the configuration file, at line 2", ">>> 'dir /redis-data'", "Permission denied"} {
		e.says("redis-store", line)
	}
	if all := Examine(e, Request{}).All(); len(all) != 1 || all[0].Problem.Code != foreignData {
		t.Errorf("%+v", all)
	}
	e = healthy(catalogue.Compose)
	e.says("redis-store", "9:M 29 Nov 2026 17:44:02.525 # Can't open the append-only file appendonly.aof.1.incr.aof: Permission denied")
	if all := Examine(e, Request{}).All(); len(all) != 1 || all[0].Problem.Code != foreignData {
		t.Errorf("with Redis 7: %+v", all)
	}
}

// TestStatements: what --fix runs in a database builds indexes and vacuums, and drops what an index that could not be built left. What would take
// somebody's decision is left, with the reason.
func TestStatements(t *testing.T) {
	for _, c := range []struct {
		change     func(d *Database)
		remedy     Remedy
		statements string
		left       string
	}{
		{func(d *Database) { d.Invalid = []string{"a", `"B"`, "c_ccnew", `"D_ccold1"`, "e_ccnews"} }, Repair,
			`REINDEX INDEX CONCURRENTLY a; REINDEX INDEX CONCURRENTLY "B"; DROP INDEX CONCURRENTLY IF EXISTS c_ccnew; DROP INDEX CONCURRENTLY IF EXISTS "D_ccold1"; REINDEX INDEX CONCURRENTLY e_ccnews`, ""},
		{func(d *Database) { d.Dead, d.Live, d.Table = 2_000_000, 1, "public.repo" }, Repair, "VACUUM (ANALYZE) public.repo", ""},
		{func(d *Database) { d.Age = 1 << 30 }, Repair, "VACUUM (FREEZE)", ""},
		{func(d *Database) { d.Collation = "2.36 was 2.41" }, Rebuild, "", ""},
		{func(d *Database) { d.Collation, d.External = "2.36 was 2.41", true }, "", "", "the server is yours"},
		{func(d *Database) { d.ReadOnly = true }, "", "", "somebody set it"},
		{func(d *Database) { d.Longest = 7200 }, "", "", "would be lost"},
		{func(d *Database) { d.Unfinished = []string{"1688649829"} }, "", "", "only the SQL of the migration tells"},
	} {
		e := healthy(catalogue.Compose)
		c.change(e.database("pgsql"))
		r := Examine(e, Request{})
		if len(r.Findings) != 1 {
			t.Fatalf("%+v", r.Findings)
		}
		f := r.Findings[0]
		if got := strings.Join(f.Statements, "; "); f.Remedy != c.remedy || got != c.statements || c.left != "" && !strings.Contains(f.Left, c.left) || c.left == "" && f.Left != "" {
			t.Errorf("%s: %q, %q, left: %q", f.Problem.Code, f.Remedy, got, f.Left)
		}
	}
}

// TestOwnHosts: a host of the installation that is not found is not there, which is a finding of its own.
func TestOwnHosts(t *testing.T) {
	for _, host := range []string{"pgsql", "gitserver-1", "redis-store", "sourcegraph-frontend-internal", "pgsql.sourcegraph.svc"} {
		e := healthy(catalogue.Compose)
		e.says("worker", "dial tcp: lookup "+host+" on 127.0.0.11:53: no such host")
		if r := Examine(e, Request{}); len(r.Findings) > 0 {
			t.Errorf("%s: %+v", host, r.Findings[0])
		}
	}
}

// TestOldLines: what a server wrote before it was ready again no longer counts. So is what an instance that is well wrote while it started, or before a restart.
func TestOldLines(t *testing.T) {
	e := healthy(catalogue.Compose)
	e.says("pgsql", "No space left on device")
	e.says("pgsql", "LOG:  database system is ready to accept connections")
	e.Logs = append(e.Logs, Log{Instance: "worker", Service: "worker", Previous: true, Lines: []string{"driver: bad connection"}})
	e.Logs[7].Lines, e.Logs[7].Starting = append(e.Logs[7].Lines, "lookup sourcegraph-frontend-internal on 127.0.0.11:53: no such host"), 3
	if r := Examine(e, Request{}); r.Verdict != Pass {
		t.Errorf("%s: %+v", r.Verdict, r.Findings)
	}
}

// TestOutlived: that the kernel ended an instance once counts while it is news, and until somebody did something about it.
func TestOutlived(t *testing.T) {
	for name, c := range map[string]struct {
		state    string
		started  time.Duration // ago
		run      time.Duration // ago
		expected bool
	}{
		"it does not run":                   {"stopped", 2 * time.Hour, 3 * time.Hour, true},
		"it restarted a moment ago":         {"healthy", time.Minute, time.Hour, true},
		"it has run for hours since":        {"healthy", 2 * time.Hour, 3 * time.Hour, false},
		"somebody gave it more memory":      {"healthy", 10 * time.Minute, time.Minute, false},
		"somebody did, and it ended again":  {"healthy", time.Minute, 10 * time.Minute, true},
		"somebody did, and it does not run": {"stopped", 10 * time.Minute, time.Minute, true},
	} {
		e := healthy(catalogue.Compose)
		e.Instances[8].OOMKilled, e.Instances[8].State, e.Instances[8].Started = true, c.state, taken.Add(-c.started)
		e.LastRun.Started = taken.Add(-c.run)
		if got := len(Examine(e, Request{Only: []string{"BERTH5005"}}).Findings) > 0; got != c.expected {
			t.Errorf("%s: found %v", name, got)
		}
	}
}

// TestSilence: nothing is found where nothing is wrong.
func TestSilence(t *testing.T) {
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		r := Examine(healthy(target), Request{})
		all := slices.DeleteFunc(Checks(target), func(c *Check) bool { return c.Named })
		if r.Verdict != Pass || len(r.Findings) > 0 || r.Count(Pass) != len(all) {
			t.Errorf("%s: %s, %d of %d checks passed, %v", target, r.Verdict, r.Count(Pass), len(all), r.Findings)
		}
	}
}

// TestStream: a search that was cut is found where somebody asks for it by name, and what ends it otherwise is no finding.
func TestStream(t *testing.T) {
	for name, c := range map[string]struct {
		stream  *Stream
		verdict Verdict
		says    string
	}{
		"nobody asked":     {nil, Unknown, "nobody held a search open"},
		"held to the end":  {&Stream{Seconds: 300, Silent: 4}, Pass, ""},
		"all was searched": {&Stream{Seconds: 12, Done: true}, Unknown, "searched everything after 12 s"},
		"a time limit":     {&Stream{Seconds: 60.2, Silent: 3, Said: "EOF"}, Fail, "cut after 60 s: the time limit"},
		"answers are kept": {&Stream{Seconds: 60, Silent: 60, Said: "EOF"}, Fail, "keeps answers back"},
	} {
		e := healthy(catalogue.Compose)
		e.Stream = c.stream
		r := Examine(e, Request{Only: []string{"BERTH5059"}})
		said := r.Checks[0].Why
		if len(r.Findings) > 0 {
			said = r.Findings[0].Problem.Summary
		}
		if len(r.Checks) != 1 || r.Checks[0].Verdict != c.verdict || !strings.Contains(said, c.says) {
			t.Errorf("%s: %+v %q", name, r.Checks, said)
		}
		if slices.ContainsFunc(Examine(e, Request{}).Checks, func(c Result) bool { return c.Code == "BERTH5059" }) {
			t.Errorf("%s: it is looked at although nobody named it", name)
		}
	}
}

// TestUnseen: what could not be looked at is neither well nor wrong, and the reason is there.
func TestUnseen(t *testing.T) {
	e := healthy(catalogue.Compose)
	e.Unseen = map[Source]Unseen{FromDatabases.Of("pgsql"): {Why: "it is external"}, FromRedis: {Why: "no answer in 4 s"}}
	e.Databases, e.Redis = e.Databases[1:], nil
	r := Examine(e, Request{})
	if r.Verdict != Unknown || len(r.Findings) > 0 {
		t.Fatalf("%s: %v", r.Verdict, r.Findings)
	}
	for _, c := range r.Checks {
		i := slices.IndexFunc(Checks(""), func(o *Check) bool { return o.Code == c.Code })
		needs := Checks("")[i].Needs
		want := map[bool]Verdict{true: Unknown, false: Pass}[slices.Contains(needs, FromDatabases) || slices.Contains(needs, FromRedis)]
		if c.Verdict != want || (c.Why == "") != (want == Pass) {
			t.Errorf("%s: %+v", c.Code, c)
		}
	}
}

// TestMutes: a mute holds until its day, for its subject, and not for strict checks. What followed from a muted cause stands alone.
func TestMutes(t *testing.T) {
	e := healthy(catalogue.Compose)
	e.Instances[7].Restarts, e.Instances[7].Started = 12, taken
	e.breaks("unhealthy", "worker")
	mute := Mute{Code: "BERTH5006", On: "worker", Reason: "known", Until: taken.Add(time.Hour)}
	e.Mutes = []Mute{mute}
	r := Examine(e, Request{})
	if len(r.Findings) != 2 || r.Findings[0].Problem.Code != "BERTH5001" || r.Findings[1].Muted == nil {
		t.Errorf("%+v", r.Findings)
	}
	if i := slices.IndexFunc(r.Checks, func(c Result) bool { return c.Code == "BERTH5006" }); r.Checks[i].Verdict != Pass {
		t.Errorf("%+v", r.Checks[i])
	}
	for name, change := range map[string]func(*Mute){"over": func(m *Mute) { m.Until = taken }, "of another": func(m *Mute) { m.On = "gitserver" }, "of another code": func(m *Mute) { m.Code = "BERTH5001" }} {
		other := mute
		change(&other)
		e.Mutes = []Mute{other}
		if r := Examine(e, Request{}); r.Findings[0].Problem.Code != "BERTH5006" || r.Findings[0].Muted != nil {
			t.Errorf("%s: %+v", name, r.Findings[0])
		}
	}
	e = healthy(catalogue.Compose)
	e.database("pgsql").Checksums = 1
	e.Mutes = []Mute{{Code: "BERTH5033", Until: taken.Add(time.Hour)}, {Code: "BERTH5031", Until: taken}}
	r = Examine(e, Request{})
	if len(r.Findings) != 3 || r.Findings[0].Problem.Code != "BERTH5033" || r.Findings[1].Problem.Code != "BERTH5081" || r.Findings[2].Problem.Code != "BERTH5081" {
		t.Errorf("a strict finding was muted, or mutes without effect were not reported: %+v", r.Findings)
	}
}

// TestOnly: checks can be chosen.
func TestOnly(t *testing.T) {
	e := healthy(catalogue.Compose)
	e.breaks("stopped", "pgsql")
	r := Examine(e, Request{Only: []string{"BERTH5050"}})
	if len(r.Checks) != 1 || r.Verdict != Pass {
		t.Errorf("%+v", r)
	}
}

// TestKeptEvidence: evidence that was written and read again says the same.
func TestKeptEvidence(t *testing.T) {
	for _, f := range faults {
		e := healthy(catalogue.Compose)
		f.inject(e)
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again Evidence
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(Examine(e, Request{}))
		b, _ := json.Marshal(Examine(&again, Request{}))
		if string(a) != string(b) {
			t.Errorf("%s: the report differs\n%s", f.name, cmp.Diff(string(a), string(b)))
		}
	}
}

// TestChecks: every check is explained, has its own code, and says at what it looks; every edge is about codes that there are.
func TestChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks("") {
		if seen[c.Code] {
			t.Errorf("two checks have the code %s", c.Code)
		}
		seen[c.Code] = true
		if c.Title() == "" || c.Looks == "" || c.find == nil {
			t.Errorf("%s: title %q, looks at %q", c.Code, c.Title(), c.Looks)
		}
	}
	codes, err := diag.Codes()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range edges {
		for _, pattern := range []string{d.cause, d.effect} {
			if _, err := path.Match(pattern, ""); err != nil || !slices.ContainsFunc(codes, func(c diag.Code) bool { return matches(pattern, c.Code) }) {
				t.Errorf("%v: %q is about no code: %v", d, pattern, err)
			}
		}
	}
}

// TestTree: whatever is found, each finding is in the tree exactly once, and failures stand before warnings.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := healthy(rapid.SampledFrom([]catalogue.Target{catalogue.Compose, catalogue.Kubernetes}).Draw(t, "target"))
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(faults)-2), 1, 8, rapid.ID[int]).Draw(t, "faults") { // the last one leaves nothing to break
			faults[i].inject(e)
		}
		n := 0
		for _, c := range Checks(e.Target) {
			n += len(c.find(e, c))
		}
		r := Examine(e, Request{})
		if all := r.All(); len(all) != n {
			t.Fatalf("%d of %d findings are in the tree", len(all), n)
		}
		for i := 1; i < len(r.Findings); i++ {
			if r.Findings[i-1].worst() == Warn && r.Findings[i].worst() == Fail {
				t.Fatalf("the warning %s stands before the failure %s", r.Findings[i-1].Problem.Code, r.Findings[i].Problem.Code)
			}
		}
	})
}

// TestOwnContainers: what is wrong with containers of the admin's own is a warning.
func TestOwnContainers(t *testing.T) {
	e := healthy(catalogue.Compose)
	e.Services = append(e.Services, Service{Name: "tunnel", Service: "tunnel", Own: true, Status: "stopped"})
	e.OwnAbsent = []string{"proxy"}
	r := Examine(e, Request{})
	if r.Verdict != Warn || len(r.Findings) != 2 || r.Findings[0].Problem.Code != "BERTH5004" || r.Findings[1].Problem.Subject != "proxy" {
		t.Errorf("%s: %+v", r.Verdict, r.Findings)
	}
}

// TestSummary: what is kept of a report is what counts, and what could not be looked at is no success.
func TestSummary(t *testing.T) {
	start := &Finding{Check: "BERTH5002", Problem: diag.Diagnostic{Code: "BERTH5002", Subject: "pgsql", Summary: "it does not run", Hint: "start it: berth up"},
		Follows: []*Finding{{Check: "BERTH5050"}}}
	quiet := &Finding{Check: "BERTH5058", Muted: &Mute{}}
	for _, c := range []struct {
		report Report
		want   string
	}{
		{Report{Findings: []*Finding{start, quiet}, Do: "start it: berth up"}, "2 findings; first: start it: berth up"},
		{Report{Findings: []*Finding{quiet}, Checks: []Result{{Verdict: Pass}}}, "1 check, nothing found"},
		{Report{Findings: []*Finding{quiet}, Checks: []Result{{Verdict: Pass}, {Verdict: Unknown}}}, "nothing found, but 1 of 2 checks could not run"},
	} {
		if got := c.report.Summary().String(); got != c.want {
			t.Errorf("says %q, want %q", got, c.want)
		}
	}
}

// sources are all sources, as the checks name them.
func sources() (out []Source) {
	for _, c := range Checks("") {
		for _, s := range c.Needs {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// TestUnseenIsNoPass: where nothing was seen no check passes, and where one source was not, no check that needs it.
func TestUnseenIsNoPass(t *testing.T) {
	nothing := &Evidence{Taken: taken, Unseen: map[Source]Unseen{}}
	for _, s := range sources() {
		nothing.Unseen[s] = Unseen{Why: "nobody looked"}
	}
	for _, c := range Examine(nothing, Request{}).Checks {
		if c.Verdict != Unknown {
			t.Errorf("%s %s comes to %s although nothing was seen", c.Code, c.Title, c.Verdict)
		}
	}
	for _, s := range sources() {
		for _, part := range []Source{s, s.Of("pgsql")} {
			e := healthy(catalogue.Kubernetes)
			e.Unseen = map[Source]Unseen{part: {Why: "nobody looked"}}
			for _, c := range Checks(e.Target) {
				r := Examine(e, Request{Only: []string{c.Code}})
				if slices.Contains(c.Needs, s) && r.Checks[0].Verdict == Pass {
					t.Errorf("%s passes although %s was not seen", c.Code, part)
				}
			}
		}
	}
}

// TestBlind: a source that answered may still not say what a check needs.
func TestBlind(t *testing.T) {
	for _, c := range []struct {
		name  string
		see   func(*Evidence)
		codes []string
	}{
		{"the front proxy is elsewhere", func(e *Evidence) { e.Front = &Front{} }, []string{"BERTH5050", "BERTH5051", "BERTH5052"}},
		{"a search needs a sign-in", func(e *Evidence) { e.Front.Searched = 401 }, []string{"BERTH5051", "BERTH5052"}},
		{"a search fails", func(e *Evidence) { e.Front.SearchSaid = "HTTP status 500" }, []string{"BERTH5052"}},
		{"nothing answers at the url", func(e *Evidence) { e.Address = &Address{Host: "sg", Connects: "refused"} }, []string{"BERTH5054", "BERTH5056", "BERTH5057"}},
		{"the url has no address", func(e *Evidence) { e.Address = &Address{Host: "sg", Resolves: "no such host"} }, []string{"BERTH5054", "BERTH5056", "BERTH5057", "BERTH5058"}},
		{"a database elsewhere", func(e *Evidence) { e.Databases[0].External = true }, []string{"BERTH5036"}},
		{"an engine elsewhere", func(e *Evidence) { e.FreeBytes = 0 }, []string{"BERTH5012"}},
		{"Prometheus does not see gitserver", func(e *Evidence) { delete(e.Figures, GitEcho) }, []string{"BERTH5015"}},
		{"nothing was measured", func(e *Evidence) { e.Unseen = map[Source]Unseen{FromVolumes: {Why: "no answer in 4 s"}} }, []string{"BERTH5007", "BERTH5010", "BERTH5011", "BERTH5013"}},
	} {
		e := healthy(catalogue.Compose)
		e.URL = "https://sg.example.com"
		c.see(e)
		var unseen []string
		for _, r := range Examine(e, Request{}).Checks {
			if r.Verdict == Unknown {
				unseen = append(unseen, r.Code)
			}
		}
		slices.Sort(unseen)
		if diff := cmp.Diff(c.codes, unseen); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}
