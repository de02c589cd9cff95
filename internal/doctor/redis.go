package doctor

import (
	"fmt"

	"berth/internal/diag"
)

// redisChecks look at the two Redis stores.
var redisChecks = []*Check{
	{Code: "BERTH5040", Looks: "whether each Redis store answers", Needs: []Source{FromRedis}, Symptoms: []string{"people are signed out", "502"}, find: silentRedis},
	{Code: "BERTH5041", Looks: "the memory of each Redis store against its limit", Needs: []Source{FromRedis}, Limit: &Limit{Warn: 85, Fail: 98, Unit: "% of maxmemory"}, find: perRedis(redisMemory)},
	{Code: "BERTH5042", Looks: "whether each Redis store saves its data", Needs: []Source{FromRedis}, Symptoms: []string{"people are signed out"}, find: perRedis(unsaved)},
	{Code: "BERTH5043", Looks: "whether redis-store evicts keys", Needs: []Source{FromRedis}, Symptoms: []string{"people are signed out"}, find: perRedis(evicts)},
}

func perRedis(look func(*Check, Redis) *Finding) func(*Evidence, *Check) []*Finding {
	return each(func(e *Evidence) []Redis { return e.Redis }, look)
}

func silentRedis(e *Evidence, c *Check) []*Finding {
	out := silent(e, c, FromRedis, "see its last lines", "see that the server runs, and what the config says of it: berth explain redis")
	for _, r := range e.Redis {
		if r.Loading {
			out = append(out, c.found(r.Name, diag.Warning, "it still reads its data from disk, and refuses to answer meanwhile", "wait until it has read everything"))
		}
	}
	return out
}

// redisMemory: a store that evicts nothing refuses writes at its limit.
func redisMemory(c *Check, r Redis) *Finding {
	severity := c.Limit.severity(share(r.Memory, r.Most))
	if severity == "" || r.Policy != "noeviction" {
		return nil
	}
	return c.found(r.Name, severity, fmt.Sprintf("it uses %s of its %s; at the limit it refuses writes", bytes(r.Memory), bytes(r.Most)),
		r.more("raise its maxmemory and  services."+r.Name+".memory"))
}

// more is what to do about a store that lacks memory.
func (r Redis) more(bundled string) string {
	if r.External {
		return "give the server more memory, and raise its maxmemory"
	}
	return bundled
}

func unsaved(c *Check, r Redis) *Finding {
	if r.Saves || r.Loading {
		return nil
	}
	return c.found(r.Name, diag.Error, "it could not save its data, and refuses writes", "make room on its volume, and see that its user may write there")
}

func evicts(c *Check, r Redis) *Finding {
	if r.Name != "redis-store" || r.Evicted == 0 {
		return nil
	}
	return c.found(r.Name, diag.Warning, fmt.Sprintf("it evicted %s because its memory is full; sessions are among them", counted(int(r.Evicted), "key", "keys")),
		r.more("give it more memory:  services."+r.Name+".memory"))
}
