package look

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/secret"
)

//go:embed database.sql
var statements string

// redisStores are the two Redis services.
var redisStores = []string{"redis-cache", "redis-store"}

// asPsql runs psql in a bundled database's own container, as its own user, whose password its variables have. Nothing is changed: transactions are read-only.
const asPsql = `export PGUSER="$POSTGRES_USER" PGDATABASE="$POSTGRES_DB" PGPASSWORD="$POSTGRES_PASSWORD" PGCONNECT_TIMEOUT=3
export PGOPTIONS="-c statement_timeout=3000 -c client_min_messages=error"
exec psql --no-psqlrc --quiet --no-align --tuples-only --file=-`

// database asks one database in its container.
func (s *sight) database(ctx context.Context, name string) (take, error) {
	if e := s.Doc.Config.Databases[name].External; e != nil {
		return s.externalDatabase(ctx, name, e)
	}
	i, err := s.instance(ctx, name)
	if err != nil {
		return nil, err
	}
	begun := s.Env.Now()
	said, complaint, err := s.ask(ctx, i, "SET default_transaction_read_only = on;\n"+statements, "/bin/sh", "-c", asPsql)
	if err != nil {
		return nil, err
	}
	d, err := readDatabase(name, said, begun, s.Env.Now())
	if err != nil {
		return nil, err
	}
	return func(e *doctor.Evidence) { e.Databases = append(e.Databases, d) }, unanswered(complaint)
}

// unanswered says which statement failed for another reason than that the database lacks what it is about: then nobody knows what it would have said.
func unanswered(complaint string) error {
	for line := range strings.Lines(complaint) {
		if _, why, failed := strings.Cut(line, "ERROR:"); failed && !strings.Contains(why, "does not exist") {
			return errors.New("a query failed: " + strings.TrimSpace(why))
		}
	}
	return nil
}

// readDatabase reads the lines that the statements gave. The clock is compared with the middle of the time that the question took.
func readDatabase(name, said string, begun, ended time.Time) (doctor.Database, error) {
	d := doctor.Database{Name: name}
	var at struct{ Now float64 }
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "{") {
			continue
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			return d, fmt.Errorf("read what %s says: %w", name, err)
		}
		_ = json.Unmarshal([]byte(line), &at) // it was read above
	}
	if d.Server == 0 {
		return d, errors.New("its answer has no facts")
	}
	middle := begun.Add(ended.Sub(begun) / 2)
	d.Clock = at.Now - float64(middle.UnixMilli())/1000
	d.Release = strings.TrimPrefix(d.Release, "v")
	d.Query = secret.Mask(d.Query)
	for i := range d.Background {
		d.Background[i] = secret.Mask(d.Background[i])
	}
	return d, nil
}

// ask runs a command in an instance, and gives what it printed and what it complained of. That it ran and failed is a refusal.
func (s *sight) ask(ctx context.Context, i installation.Instance, input string, args ...string) (said, complaint string, err error) {
	var out, errs bytes.Buffer
	c := installation.Command{Args: args, Stdout: &out, Stderr: &errs}
	if input != "" {
		c.Stdin = strings.NewReader(input)
	}
	exit, err := s.Exec(ctx, i, c)
	var gone *installation.NotRunning
	switch {
	case errors.As(err, &gone):
		return "", "", errors.New("it does not run")
	case err != nil:
		return "", "", err
	case exit == 126 || exit == 127:
		return "", "", errors.New("its image lacks the program to query it: " + oneLine(errs.String()))
	case exit != 0 && out.Len() == 0:
		return "", "", &refusal{cmp.Or(oneLine(errs.String()), fmt.Sprintf("exit code %d", exit))}
	}
	return out.String(), errs.String(), nil
}

// redis asks one Redis store in its container.
func (s *sight) redis(ctx context.Context, name string) (take, error) {
	if r := s.Doc.Config.Redis[name]; r.External != nil {
		return s.externalRedis(ctx, name, r)
	}
	i, err := s.instance(ctx, name)
	if err != nil {
		return nil, err
	}
	said, _, err := s.ask(ctx, i, "", "redis-cli", "INFO")
	if err != nil {
		return nil, err
	}
	r, err := readRedis(name, strings.NewReader(said))
	if err != nil {
		return nil, err
	}
	return func(e *doctor.Evidence) { e.Redis = append(e.Redis, r) }, nil
}

// readRedis reads the answer to INFO.
//
// Source: https://redis.io/docs/latest/commands/info/
func readRedis(name string, said io.Reader) (doctor.Redis, error) {
	facts, first := map[string]string{}, ""
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		first = cmp.Or(first, line)
		if key, value, ok := strings.Cut(line, ":"); ok {
			facts[key] = value
		}
	}
	if facts["redis_version"] == "" {
		return doctor.Redis{}, &refusal{cmp.Or(first, "it gave no output")}
	}
	number := func(key string) int64 {
		n, _ := strconv.ParseInt(facts[key], 10, 64) // 0 where a release does not have it
		return n
	}
	good := func(key string) bool { return facts[key] == "" || facts[key] == "ok" }
	return doctor.Redis{Name: name, Version: facts["redis_version"], Memory: number("used_memory"), Most: number("maxmemory"), Policy: facts["maxmemory_policy"],
		Evicted: number("evicted_keys"), Saves: good("rdb_last_bgsave_status") && good("aof_last_write_status"), Loading: facts["loading"] == "1"}, nil
}
