package doctor

import (
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
)

// Source names where a part of the evidence comes from.
type Source string

// The sources. One of several things, such as one database, is FromDatabases.Of("pgsql").
const (
	FromConfig       Source = "config"       // what berth check says of the file
	FromTarget       Source = "target"       // the Docker Engine or the cluster
	FromPlace        Source = "place"        // what the host or the cluster has
	FromRelease      Source = "release"      // which release containers and databases are of
	FromHistory      Source = "history"      // the runs of berth
	FromServices     Source = "services"     // how the services are
	FromInstances    Source = "instances"    // containers or pods, one by one
	FromLogs         Source = "logs"         // their last lines
	FromVolumes      Source = "volumes"      // the file systems of their data, and what they use
	FromInodes       Source = "inodes"       // of these file systems
	FromMemory       Source = "memory"       // that instances use
	FromPlan         Source = "plan"         // what would make what runs match the config
	FromPace         Source = "pace"         // by how much disks fill, as Prometheus has it
	FromFigures      Source = "figures"      // of services, as Prometheus has them
	FromStream       Source = "stream"       // a search that is held open; only where somebody asks for it by name
	FromDatabases    Source = "databases"    // SQL
	FromRedis        Source = "redis"        // INFO of the two stores
	FromObjects      Source = "objects"      // object storage of the admin's own
	FromFrontProxy   Source = "front proxy"  // /healthz, and a search
	FromCertificates Source = "certificates" // what answers at the address, and its certificate
)

// Of is a part of a source.
func (s Source) Of(part string) Source { return s + "/" + Source(part) }

// Evidence is what was seen of an installation at one time. Checks look at nothing else, so that they can look again at what was kept. It has no
// secrets: lines of logs are masked.
type Evidence struct {
	Taken        time.Time         `json:"taken"`
	Installation string            `json:"installation"`
	Target       catalogue.Target  `json:"target"`
	Wanted       string            `json:"wanted"`            // the release that the config asks for
	Release      string            `json:"release,omitempty"` // the release that runs; "" when nothing does
	URL          string            `json:"url"`
	Unseen       map[Source]Unseen `json:"unseen,omitempty"`       // what could not be looked at
	Milliseconds map[Source]int64  `json:"milliseconds,omitempty"` // how long each source took

	Notices  []catalogue.Notice     `json:"notices,omitempty"`  // of the release that runs
	Issues   []catalogue.KnownIssue `json:"issues,omitempty"`   // that its config meets, whatever logs say
	Support  string                 `json:"support,omitempty"`  // what Sourcegraph says of that release: "supported", "upgrade first"
	Postgres int                    `json:"postgres,omitempty"` // the major release that its bundled databases have

	Uses map[string][]string `json:"uses,omitempty"` // which services each service needs to be ready

	Mutes []Mute `json:"mutes,omitempty"` // of the config

	Config diag.List `json:"config,omitempty"` // problems, as berth check reports them
	Beside diag.List `json:"beside,omitempty"` // what of the config the support record speaks against, and exceptions that end
	Reach  diag.List `json:"reach,omitempty"`  // why the target can't be asked
	Place  diag.List `json:"place,omitempty"`
	Stands diag.List `json:"stands,omitempty"` // of its release

	Services  []Service  `json:"services,omitempty"`
	Missing   []string   `json:"missing,omitempty"`    // of Sourcegraph's, that the config asks for
	OwnAbsent []string   `json:"ownAbsent,omitempty"`  // containers of the admin's own
	Explained diag.List  `json:"explained,omitempty"`  // why services are not ready, as the cluster says it
	Pending   []string   `json:"pending,omitempty"`    // steps of the plan that would make what runs match the config
	Altered   []Altered  `json:"altered,omitempty"`    // what others changed of the installation's objects, which the plan would put back
	LastRun   *LastRun   `json:"lastRun,omitempty"`    // of berth
	Backups   *Backups   `json:"backups,omitempty"`    // nil: the config does not say where backups go, or nobody asked
	Instances []Instance `json:"instances,omitempty"`  // containers or pods
	Logs      []Log      `json:"logs,omitempty"`       // their last lines
	FreeBytes int64      `json:"freeBytes,omitempty"`  // on the disk where all volumes are; 0: not known
	Volumes   []Volume   `json:"volumes,omitempty"`    // of data
	Databases []Database `json:"databases,omitempty"`  // that answered
	Redis     []Redis    `json:"redis,omitempty"`      // that answered
	Objects   *Objects   `json:"objects,omitempty"`    // nil: it was not asked, or is the bundled one
	Front     *Front     `json:"frontProxy,omitempty"` // nil: it was not asked
	Address   *Address   `json:"address,omitempty"`    // nil: it was not asked
	Stream    *Stream    `json:"stream,omitempty"`     // nil: nobody asked for it
	// Figures of services, by the names of the checks that are about them.
	Figures map[string]float64 `json:"figures,omitempty"`
}

// Unseen is why something could not be looked at.
type Unseen struct {
	Why     string `json:"why"`
	Refuses bool   `json:"refuses,omitempty"` // it was there, and did not answer
}

// Service is how one service is, as its target reports it.
type Service struct {
	Name    string `json:"name"` // on Compose that of an instance: "gitserver-0"
	Service string `json:"service"`
	Own     bool   `json:"own,omitempty"` // a container of the admin's own
	Ready   bool   `json:"ready"`
	Status  string `json:"status"`
}

// Altered is what somebody beside berth changed of an object.
type Altered struct {
	Object  string `json:"object"` // "Service/pgsql"
	Service string `json:"service"`
	Said    string `json:"said"` // who changed what: "kubectl-patch changed spec.selector.app by hand: pgsql -> x"
}

// LastRun is the last run of berth.
type LastRun struct {
	What    string    `json:"what"` // "up to 7.5.4453"
	Result  string    `json:"result"`
	Started time.Time `json:"started"`
	Well    bool      `json:"well"`
	Next    string    `json:"next,omitempty"` // the command that continues it
	Upgrade bool      `json:"upgrade,omitempty"`
}

// Backups are those that berth made.
type Backups struct {
	To    string    `json:"to"`
	Since time.Time `json:"since"`         // the first run of berth: before there was nothing to back up
	Last  time.Time `json:"last,omitzero"` // when the last one that succeeded began; zero: there is none
}

// Instance is one container or pod.
type Instance struct {
	Name       string    `json:"name"`
	Service    string    `json:"service"`
	State      string    `json:"state"` // as plan.Status, and "waiting" for what did not start yet
	Exit       int       `json:"exit,omitempty"`
	Restarts   int       `json:"restarts,omitempty"`
	OOMKilled  bool      `json:"oomKilled,omitempty"`
	Started    time.Time `json:"started,omitzero"`
	Memory     int64     `json:"memory,omitempty"`     // limit in bytes; 0: none
	MemoryUsed int64     `json:"memoryUsed,omitempty"` // bytes; 0: not known
	Node       string    `json:"node,omitempty"`
	// Chown is the command that gives the files of its data to the user that it runs as; "" where none is known.
	Chown string `json:"chown,omitempty"`
}

// Log is the last lines of an instance, masked.
type Log struct {
	Instance string   `json:"instance"`
	Service  string   `json:"service"`
	Previous bool     `json:"previous,omitempty"` // of the run before a restart
	Lines    []string `json:"lines"`
	Starting int      `json:"starting,omitempty"` // how many of the lines it wrote while it started, within Starts
}

// Volume is a file system with the data of an instance.
type Volume struct {
	Instance   string `json:"instance"`
	Service    string `json:"service"`
	Path       string `json:"path"`
	Size       int64  `json:"size"` // bytes
	Free       int64  `json:"free"`
	Inodes     int64  `json:"inodes,omitempty"`
	InodesFree int64  `json:"inodesFree,omitempty"`
	// PerDay is by how many bytes it fills in a day, as the last days show, and Full in how many days it is full at that pace; 0: not known, or never.
	PerDay float64 `json:"perDay,omitempty"`
	Full   float64 `json:"fullInDays,omitempty"`
}

// Used is how much of it is used, in percent.
func (v Volume) Used() float64 { return share(v.Size-v.Free, v.Size) }

// InodesUsed is how many of its inodes are used, in percent; 0 where the file system has no fixed number.
func (v Volume) InodesUsed() float64 { return share(v.Inodes-v.InodesFree, v.Inodes) }

func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) * 100 / float64(whole)
}

// Database is what one of the databases says of itself.
type Database struct {
	Name       string   `json:"name"` // "pgsql"
	External   bool     `json:"external,omitempty"`
	Server     int      `json:"server"` // server_version_num: 160004
	System     string   `json:"system"` // the identifier of its cluster of databases, with the name of the database
	Bytes      int64    `json:"bytes"`
	Clock      float64  `json:"clock"`    // seconds by which its clock is ahead of this machine's
	ReadOnly   bool     `json:"readOnly"` // it takes no writes
	Recovery   bool     `json:"recovery"` // it is a standby, or recovers
	Used       int      `json:"connections"`
	Most       int      `json:"maxConnections"`
	Collation  string   `json:"collation,omitempty"`  // "2.36 was 2.41": of the C library; "" when both agree
	Invalid    []string `json:"invalid,omitempty"`    // indexes
	Longest    int      `json:"longest,omitempty"`    // seconds that the longest transaction is open
	Query      string   `json:"query,omitempty"`      // who has it open
	Waiting    int      `json:"waiting,omitempty"`    // seconds that somebody waits for a lock
	Dead       int64    `json:"dead,omitempty"`       // rows that vacuum has not removed, of the worst table
	Live       int64    `json:"live,omitempty"`       // rows of that table
	Table      string   `json:"table,omitempty"`      // its name
	Age        int64    `json:"age"`                  // transactions since the oldest one that is not frozen
	Checksums  int64    `json:"checksums,omitempty"`  // pages that were read and are damaged
	Unfinished []string `json:"unfinished,omitempty"` // schema migrations that started and failed
	Background []string `json:"background,omitempty"` // background migrations that report errors
	Release    string   `json:"release,omitempty"`    // that it records; only pgsql
}

// Redis is what one of the two stores says of itself.
type Redis struct {
	External bool   `json:"external,omitempty"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	Memory   int64  `json:"memory"`              // bytes
	Most     int64  `json:"maxMemory,omitempty"` // bytes; 0: no limit
	Policy   string `json:"policy"`              // what it does at the limit
	Evicted  int64  `json:"evicted,omitempty"`   // keys
	Saves    bool   `json:"saves"`               // the last save, and the last write of its log, were good
	Loading  bool   `json:"loading,omitempty"`   // it still reads its data
}

// Front is what Sourcegraph answers through its front proxy.
type Front struct {
	At           string `json:"at,omitempty"` // "": it can't be asked from here
	Healthy      bool   `json:"healthy"`
	Milliseconds int64  `json:"milliseconds"`
	Searched     int    `json:"searched,omitempty"` // the HTTP status of a search; 0: none was possible
	SearchTook   int64  `json:"searchMilliseconds,omitempty"`
	SearchSaid   string `json:"searchSaid,omitempty"` // why it failed
}

// Objects is how object storage of the admin's own takes, gives and deletes an object.
type Objects struct {
	Bucket  string `json:"bucket"`
	Step    string `json:"step,omitempty"`    // that failed: "take"
	Refuses string `json:"refuses,omitempty"` // why; "": it does all
	// Untrusted says that its certificate is of an authority that nobody here knows.
	Untrusted bool `json:"untrusted,omitempty"`
}

// Address is what answers at the URL that people use, as seen from where berth runs.
type Address struct {
	Host      string    `json:"host"`
	Resolves  string    `json:"resolves,omitempty"` // why its name was not found; "": it was found
	Connects  string    `json:"connects,omitempty"` // why nothing answers
	TLS       bool      `json:"tls,omitempty"`      // it has a certificate
	Names     []string  `json:"names,omitempty"`    // of the certificate
	Issuer    string    `json:"issuer,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`
	Mismatch  string    `json:"mismatch,omitempty"`  // why the certificate is not for the host
	Untrusted string    `json:"untrusted,omitempty"` // why this machine does not trust it
}

// Stream is how long a search that takes long was held open, from where people are.
type Stream struct {
	At      string  `json:"at"`
	Seconds float64 `json:"seconds"`
	// Silent is for how long nothing came before its end.
	Silent float64 `json:"silentSeconds"`
	Done   bool    `json:"done,omitempty"` // Sourcegraph ended it, since it had searched everything
	Said   string  `json:"said,omitempty"` // what ended it otherwise; "": berth did, after as long as it wanted
}

// unseen says why a source, or a part of it, could not be looked at; "" when all of it was.
func (e *Evidence) unseen(s Source) string {
	if u, ok := e.Unseen[s]; ok {
		return u.said()
	}
	var parts []string
	for _, name := range e.parts(s) {
		parts = append(parts, name+": "+e.Unseen[s.Of(name)].said())
	}
	return strings.Join(parts, "; ")
}

// parts are the parts of a source that were not seen, in order.
func (e *Evidence) parts(s Source) (names []string) {
	for part := range e.Unseen {
		if name, ok := strings.CutPrefix(string(part), string(s)+"/"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// said is the reason in words.
func (u Unseen) said() string {
	if u.Refuses {
		return "it does not answer: " + u.Why
	}
	return u.Why
}

// needs reports whether a service needs another one, directly or by others.
func (e *Evidence) needs(service, other string) bool {
	seen := map[string]bool{}
	var reach func(string) bool
	reach = func(s string) bool {
		for _, u := range e.Uses[s] {
			if u == other {
				return true
			}
			if !seen[u] {
				seen[u] = true
				if reach(u) {
					return true
				}
			}
		}
		return false
	}
	return reach(service)
}

// service is the service that a name is of: a pod and an instance have the name of their service at the begin.
func (e *Evidence) service(name string) string {
	best := ""
	take := func(service string) {
		if (name == service || strings.HasPrefix(name, service+"-")) && len(service) > len(best) {
			best = service
		}
	}
	for _, s := range e.Services {
		if s.Name == name {
			return s.Service
		}
		take(s.Service)
	}
	for service := range e.Uses {
		take(service)
	}
	if best == "" {
		return name
	}
	return best
}

// log gives the last lines of an instance; nil when they were not read.
func (e *Evidence) log(instance string) []string {
	for _, l := range e.Logs {
		if l.Instance == instance && !l.Previous {
			return l.Lines
		}
	}
	for _, l := range e.Logs { // of a workload's pods, whose names are not that of the workload
		if l.Service == instance && !l.Previous {
			return l.Lines
		}
	}
	return nil
}

// instance is a container or pod by its name; nil when it was not seen.
func (e *Evidence) instance(name string) *Instance {
	i := slices.IndexFunc(e.Instances, func(i Instance) bool { return i.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Instances[i]
}
