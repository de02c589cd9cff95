package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/contents"
	"berth/internal/diag"
)

// databaseNames are the three databases.
var databaseNames = []string{"pgsql", "codeintel-db", "codeinsights-db"}

// databaseSettings: the bundled Postgres of the release starts with the settings, and they make sense where it runs.
func (c *checker) databaseSettings() {
	if c.rel == nil || c.world.Catalogue == nil || !c.tunesDatabases() {
		return
	}
	known := c.world.Catalogue.Postgres()
	major := c.world.Catalogue.Upgrades().BundledPostgres(c.rel.Version)
	for _, name := range databaseNames {
		if c.Databases[name].External != nil || c.rel.PostgresSettings(name) == nil {
			continue
		}
		path := "databases." + name + ".settings"
		for _, p := range contents.Settings(known, major, c.Databases[name].Settings) {
			report := c.errorf
			if p.Code == "BERTH1501" || p.Code == "BERTH1503" {
				report = c.keyf // the name is wrong
			}
			report(p.Code, path+"."+p.Name, p.Hint, "%s", p.Summary)
			if p.Warning {
				c.problems[len(c.problems)-1].Severity = diag.Warning
			}
		}
		c.sharedBuffers(name, path)
	}
	c.connections(known)
}

// tunesDatabases reports whether the config changes a database, or what connects to it.
func (c *checker) tunesDatabases() bool {
	return len(c.Databases) > 0 || len(c.Services) > 0 || c.Size != ""
}

// setting is the value of a setting, the config's or the release's, and whether it is the config's.
func (c *checker) setting(database, name string) (value string, own bool) {
	for written, value := range c.Databases[database].Settings {
		if strings.EqualFold(written, name) {
			return value, true
		}
	}
	return c.rel.PostgresSettings(database)[name], false
}

// sharedBuffers: the server's cache fits into the memory that its container may use. The server reserves it when it starts; what queries
// need comes on top.
//
// Source: https://sourcegraph.com/docs/self-hosted/postgres-conf recommends a quarter.
func (c *checker) sharedBuffers(database, path string) {
	value, own := c.setting(database, "shared_buffers")
	limit, set := c.memory(database)
	bytes, ok := contents.Amount(value, "8kB")
	bytes *= 8 << 10
	if !ok || limit == 0 || !own && !set || bytes <= float64(limit)/2 {
		return
	}
	at := path + ".shared_buffers"
	if !own {
		at = "services." + database + ".memory"
	}
	hint := fmt.Sprintf("write  shared_buffers: %dMB  (a quarter), or give %s more memory", limit>>22, database)
	if bytes >= float64(limit) {
		c.errorf("BERTH1505", at, hint, "shared_buffers of %s is %s, but its container may use only %s", database, value, megabytes(limit))
		return
	}
	c.warnf("BERTH1505", at, hint, "shared_buffers of %s is %s, more than half of the %s that its container may use", database, value, megabytes(limit))
}

func megabytes(n int64) string {
	if n%(1<<30) == 0 {
		return strconv.FormatInt(n>>30, 10) + " GiB"
	}
	return strconv.FormatInt(n>>20, 10) + " MiB"
}

// memory is the limit of a service in bytes, the config's or the release's, and whether it is the config's; 0: it has none.
func (c *checker) memory(service string) (limit int64, own bool) {
	if m := c.sized(service).Memory; m != "" {
		n, err := config.Bytes(m)
		if err != nil {
			return 0, true // config.Load reports it
		}
		return n, c.Services[service].Memory != ""
	}
	if c.Size == config.Demo {
		return 0, false
	}
	text := ""
	if w := c.workload(service); w != nil {
		text, _ = catalogue.Branch(w.Container, "resources", "limits")["memory"].(string)
	} else if s := c.compose(service); s != nil && s.Memory != "" {
		text = strings.ToUpper(s.Memory) + "i" // Compose's 8g
	}
	n, err := config.Bytes(config.Quantity(text))
	if err != nil {
		return 0, false
	}
	return n, false
}

// poolVariable sets how many connections a process of Sourcegraph may open to one database.
const poolVariable = "SRC_PGSQL_MAX_OPEN"

// connections: what the services may open fits the databases, where the config changes either. As shipped the sum of all pools is more than a
// database takes, since pools are seldom full; so this warns only where the config makes it worse, or where the frontends alone are enough. What
// one key does to several databases is one problem.
func (c *checker) connections(known *catalogue.PostgresSettings) {
	type cause struct{ over, settings []string }
	causes := map[string]*cause{}
	for _, database := range databaseNames {
		at, sum, limit := c.tooMany(known, database)
		if at == "" {
			continue
		}
		if causes[at] == nil {
			causes[at] = &cause{}
		}
		causes[at].over = append(causes[at].over, fmt.Sprintf("%d to %s, which takes %d", sum, database, limit))
		causes[at].settings = append(causes[at].settings, fmt.Sprintf("%s: {settings: {max_connections: %d}}", database, sum))
	}
	for at, found := range causes {
		c.warnf("BERTH1506", at, fmt.Sprintf("write  databases: {%s}, or set %s lower", strings.Join(found.settings, ", "), poolVariable),
			"the services may open more connections than Postgres allows: %s", strings.Join(found.over, "; "))
	}
}

// tooMany gives the key that makes the pools of a bundled database's clients too large for it; "" where none does.
func (c *checker) tooMany(known *catalogue.PostgresSettings, database string) (at string, sum, limit int) {
	value, own := c.setting(database, "max_connections")
	limit, err := strconv.Atoi(value)
	shipped, shippedErr := strconv.Atoi(c.rel.PostgresSettings(database)["max_connections"])
	if err != nil || shippedErr != nil || c.Databases[database].External != nil {
		return "", 0, 0
	}
	frontends, before := 0, 0
	for _, service := range c.world.Catalogue.Relations().Stores.Postgres.Databases[database].Clients {
		if !c.has(service) || service == "migrator" { // which ends
			continue
		}
		count, pool := 1, known.Pool
		if n := c.sized(service).Replicas; n != nil {
			count = *n
		}
		if n, err := strconv.Atoi(c.Services[service].Env[poolVariable].Text); err == nil {
			pool, at = n, "services."+service+".env."+poolVariable
		}
		sum += count * pool
		before += known.Pool
		if service == "sourcegraph-frontend" {
			frontends = count * pool
		}
	}
	switch {
	case own:
		at = "databases." + database + ".settings.max_connections"
	case at == "" && frontends > limit:
		at = "services.sourcegraph-frontend.replicas"
		if c.Services["sourcegraph-frontend"].Replicas == nil {
			at = "size"
		}
	}
	if at == "" || frontends <= limit && sum-limit <= max(before-shipped, 0) {
		return "", 0, 0
	}
	return at, sum, limit
}

// storeTexts: Sourcegraph can use the addresses, names and keys of external stores.
func (c *checker) storeTexts() {
	for _, name := range slices.Sorted(maps.Keys(c.Redis)) {
		if f, ok := c.valueText("redis."+name+".external", c.Redis[name].External); ok {
			c.problems = append(c.problems, contents.RedisAddress(f)...)
		}
	}
	o := c.ObjectStorage
	if o == nil {
		return
	}
	instead := func(key, text string) string {
		if text == "" {
			return ""
		}
		return "write  " + key + ": " + text
	}
	if o.Bucket != "" {
		if why, better := contents.Bucket(o.Backend, o.Bucket); why != "" {
			c.errorf("BERTH1528", "objectStorage.bucket", instead("bucket", better), "%s", why)
		}
	}
	if o.Backend == "s3" && o.Region != "" && o.Endpoint == "" {
		if why, better := contents.Region(o.Region); why != "" {
			c.errorf("BERTH1528", "objectStorage.region", instead("region", better), "%s", why)
		}
	}
	if f, ok := c.hiddenText("objectStorage.credentials", o.Credentials); ok {
		c.problems = append(c.problems, contents.ServiceAccount(f)...)
	}
}
