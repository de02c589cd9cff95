// Package pgtest gives tests a PostgreSQL server of their own, from the programs of a Debian package.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// nobody is who the server runs as when the tests run as root, which PostgreSQL refuses.
const nobody = 65534

// Server is a running server; it ends with the test that started it.
type Server struct {
	dir string
	n   atomic.Int32
}

// Start makes a server that listens on a socket in a folder of the test. Without PostgreSQL on the machine the test is skipped.
func Start(t *testing.T) *Server {
	t.Helper()
	bin := programs(t)
	// The path of a socket may not be longer than 107 characters, and those of t.TempDir are.
	dir, err := os.MkdirTemp("/tmp", "pgtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{dir: dir}
	data := filepath.Join(dir, "data")
	s.run(t, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=sg", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	ctl := filepath.Join(bin, "pg_ctl")
	s.run(t, ctl, "--pgdata="+data, "--silent", "--wait", "--log="+filepath.Join(dir, "log"),
		"--options=-c listen_addresses='' -c fsync=off -c unix_socket_directories="+dir, "start")
	t.Cleanup(func() { s.run(t, ctl, "--pgdata="+data, "--silent", "--mode=immediate", "stop") })
	return s
}

func programs(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/local/pgsql/bin/initdb"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return filepath.Dir(found[len(found)-1])
		}
	}
	t.Skip("no PostgreSQL on this machine: apt-get install postgresql")
	return ""
}

func (s *Server) run(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = s.dir
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	// pg_ctl's server inherits what it is given, and a pipe would be waited for until it ends: a file isn't.
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(out.Name()) // without it the error still says which program
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
}

// Database makes an empty database and gives its connection string.
func (s *Server) Database(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("%s_%d", strings.ToLower(filepath.Base(s.dir)), s.n.Add(1))
	dsn := func(db string) string {
		return fmt.Sprintf("postgres:///%s?host=%s&user=sg&sslmode=disable", db, s.dir)
	}
	c, err := pgx.Connect(context.Background(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return dsn(name)
}
