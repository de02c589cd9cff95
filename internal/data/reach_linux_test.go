package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/run"
)

// server is a real Postgres of this machine, with trust for everybody.
type server struct {
	t    *testing.T
	port string
}

func postgres(t *testing.T) *server {
	t.Helper()
	for _, program := range []string{"initdb", "postgres", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("this machine has no %s: the scripts run on a real server in e2e only", program)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "reach") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const nobody = 65534
	as := func(c *exec.Cmd) *exec.Cmd {
		if os.Getuid() == 0 { // Postgres does not run as root
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		c.Dir = dir
		return c
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := as(exec.Command("initdb", "--auth=trust", "--no-sync", "--username=postgres", "--pgdata="+filepath.Join(dir, "data"))).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, port: fmt.Sprint(l.Addr().(*net.TCPAddr).Port)}
	l.Close()
	c := as(exec.Command("postgres", "-D", filepath.Join(dir, "data"), "-p", s.port, "-c", "fsync=off", "-k", dir))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGINT)
		_ = c.Wait()
	})
	for end := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			conn.Close()
			return s
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // there is nothing to wait for but the port
	}
}

func (s *server) sql(database string, statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		c := exec.Command("psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--host=127.0.0.1", "--port="+s.port, "--username=postgres", "--dbname="+database, "--command", statement)
		var out []byte
		var err error
		for end := time.Now().Add(20 * time.Second); ; { // a server that listens may still start
			if out, err = c.CombinedOutput(); err == nil || time.Now().After(end) || !strings.Contains(string(out), "starting up") {
				break
			}
			c = exec.Command(c.Args[0], c.Args[1:]...)
		}
		if err != nil {
			s.t.Fatalf("%s: %v\n%s", statement, err, out)
		}
	}
}

// here runs tasks on this machine.
type here map[string]string // the variables of a migrator

func (h here) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	c := exec.CommandContext(ctx, t.Entry[0], t.Entry[1:]...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	for _, variables := range []map[string]string{h, t.Env} {
		for name, value := range variables {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	out, err := c.Output()
	for l := range strings.Lines(string(out)) {
		line(strings.TrimSuffix(l, "\n"))
	}
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func (here) Forget(context.Context, string) error { return nil }

func (here) Pipe(context.Context, run.Task, io.Reader, io.Writer) (int, string, error) {
	return 0, "", errors.New("nobody asks for bytes")
}

// TestReach asks a real server about databases that Sourcegraph can use, and that it can't for all the reasons that the question is about.
func TestReach(t *testing.T) {
	s := postgres(t)
	s.sql("postgres", "CREATE ROLE sg LOGIN", "CREATE ROLE other LOGIN", "CREATE ROLE rds_superuser", "CREATE ROLE cloud LOGIN IN ROLE rds_superuser",
		"CREATE DATABASE bare", "CREATE DATABASE owned OWNER sg", "CREATE DATABASE prepared", "CREATE DATABASE foreigner OWNER other", "CREATE DATABASE cloud OWNER cloud")
	s.sql("prepared", "GRANT CREATE ON SCHEMA public TO sg", "CREATE EXTENSION pg_stat_statements", "CREATE EXTENSION hstore")
	s.sql("foreigner", "SET ROLE other; CREATE TABLE repo (id int)", "GRANT CREATE ON SCHEMA public TO sg", "CREATE EXTENSION pg_stat_statements", "CREATE EXTENSION hstore")
	wanted := []string{"hstore", "pg_stat_statements"}
	for _, c := range []struct {
		user, database string
		extensions     []string
		want           Reached
	}{
		{"postgres", "bare", wanted, Reached{Create: true}},
		{"sg", "bare", wanted, Reached{Refused: wanted}},
		{"sg", "owned", wanted, Reached{Create: true, Refused: []string{"pg_stat_statements"}}},
		{"sg", "prepared", wanted, Reached{Create: true}},
		{"sg", "prepared", append([]string{"vector"}, wanted...), Reached{Create: true, Absent: []string{"vector"}}},
		{"sg", "foreigner", wanted, Reached{Create: true, Owner: "other"}},
		{"cloud", "cloud", wanted, Reached{Create: true}},
		{"nobody", "owned", wanted, Reached{Why: `role "nobody" does not exist`}},
		{"sg", "nothing", wanted, Reached{Why: `database "nothing" does not exist`}},
	} {
		w := Worker{Tasks: here{"PGHOST": "pg.invalid", "CODEINTEL_PGHOST": "127.0.0.1", "CODEINTEL_PGPORT": s.port, "CODEINTEL_PGUSER": c.user, "CODEINTEL_PGDATABASE": c.database,
			"CODEINTEL_PGSSLMODE": "disable", "WAIT": "0"}}
		found, err := w.reach(t.Context(), "image", map[string][]string{"codeintel-db": c.extensions}, 0)
		if err != nil || len(found) != 1 {
			t.Errorf("%s in %s: %v %v", c.user, c.database, found, err)
			continue
		}
		got := found[0]
		if got.Name != "codeintel-db" || c.want.Why == "" && got.Major() < 12 || !strings.Contains(got.Why, c.want.Why) || c.want.Why == "" && got.Why != "" {
			t.Errorf("%s in %s: %+v, want %q", c.user, c.database, got, c.want.Why)
		}
		got.Name, got.Server, got.Why, c.want.Why = "", 0, "", ""
		if len(got.Absent) == 0 {
			got.Absent = nil
		}
		if len(got.Refused) == 0 {
			got.Refused = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s in %s: %+v, want %+v", c.user, c.database, got, c.want)
		}
	}
}

// TestConfigured asks a real server for the names and the address in a site configuration, among comments and texts that look like either.
func TestConfigured(t *testing.T) {
	s := postgres(t)
	s.sql("postgres", "CREATE TABLE critical_and_site_config (id serial, type text, contents text)")
	for _, c := range []struct{ contents, url, names string }{
		{`{"externalURL": "https://sg.example.com", "licenseKey": "slk-planted"}`, "https://sg.example.com", "[externalURL licenseKey]"},
		{"// \"externalURL\": \"https://no\",\n{/* \"externalURL\": \"x\" */ \"a\": {\"externalURL\": \"https://inner\"}, \"b\": \"externalURL\"}", "", "[a b]"},
		{`{"a": "\"externalURL\": 1", "externalURL" : "https://a", "externalURL": "https://b"}`, "https://b", "[a externalURL]"},
		{`{"externalURL": null}`, "", "[externalURL]"},
		{`{}`, "", "[]"},
	} {
		s.sql("postgres", "INSERT INTO critical_and_site_config (type, contents) VALUES ('site', $x$"+c.contents+"$x$)")
		w := Worker{Tasks: here{"PGHOST": "127.0.0.1", "PGPORT": s.port, "PGUSER": "postgres", "PGDATABASE": "postgres", "PGSSLMODE": "disable"}}
		got, err := w.Configured(t.Context(), "image")
		if err != nil || got.ExternalURL != c.url || fmt.Sprint(got.SiteConfig) != c.names {
			t.Errorf("%s: %+v %v, want %q %s", c.contents, got, err, c.url, c.names)
		}
	}
}

// TestQuery asks a real server: what fails alone is among the lines, nothing is written, and a server that does not answer says so in the words of psql.
func TestQuery(t *testing.T) {
	s := postgres(t)
	for _, c := range []struct{ database, statements, want, silent string }{
		{"postgres", `SELECT 'it''s $HOME "1"'; SELECT 1/0; SELECT 2;`, `it's $HOME "1"` + "\nERROR:  division by zero\n2", ""},
		{"postgres", "CREATE TABLE t ();", "ERROR:  cannot execute CREATE TABLE in a read-only transaction", ""},
		{"nothing", "SELECT 1;", "", `database "nothing" does not exist`},
	} {
		w := Worker{Tasks: here{"CODEINTEL_PGHOST": "127.0.0.1", "CODEINTEL_PGPORT": s.port, "CODEINTEL_PGUSER": "postgres", "CODEINTEL_PGDATABASE": c.database, "CODEINTEL_PGSSLMODE": "disable"}}
		lines, err := w.Query(t.Context(), "image", "codeintel-db", c.statements)
		var silent *Silent
		if errors.As(err, &silent) != (c.silent != "") || silent != nil && !strings.Contains(silent.Why, c.silent) || silent == nil && err != nil {
			t.Errorf("%s: %v", c.statements, err)
		}
		if got := strings.Join(lines, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.statements, got, c.want)
		}
	}
}
