// Package pgtest gives tests a PostgreSQL server of their own, on a socket in a folder: of the newest major release that the machine has, from a Debian
// package or from npm's package that make postgres brings.
package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// nobody is who the server runs as where the tests run as root, which PostgreSQL refuses.
const nobody = 65534

// oldest is the major release that berth-hq needs at least.
const oldest = 16

// Server is a server that ends with the test that started it.
type Server struct {
	bin, dir string
	settings string
	n        atomic.Int32
}

// Start starts a server. It writes to the disk only where a test is about that, and says so with the setting fsync=on.
func Start(t *testing.T, settings ...string) *Server {
	t.Helper()
	return start(t, func(string) {}, settings...)
}

// StartOld starts one that is too old for berth-hq.
func StartOld(t *testing.T) *Server {
	t.Helper()
	all := servers()
	if len(all) == 0 || all[0].major >= oldest {
		t.Skipf("NOT CHECKED: no PostgreSQL older than %d is installed", oldest)
	}
	return startOf(t, all[0], func(string) {})
}

// StartSmall starts one on a disk of so many MB, which only root can make.
func StartSmall(t *testing.T, size int) *Server {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT CHECKED: only root can make a small disk")
	}
	return start(t, func(dir string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size)); err != nil {
			t.Skip("NOT CHECKED: no disk can be mounted here: " + err.Error())
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}, "fsync=on")
}

// StartDisk starts one on a disk of so many MB in a file, which takes no more room than what is written. Only root can make it.
func StartDisk(t *testing.T, size int) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	return start(t, func(dir string) {
		command := fmt.Sprintf("truncate -s %dM %s && mkfs.ext4 -q -m 0 %[2]s && mount -o loop %[2]s %[3]s", size, file, dir)
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Skipf("NOT CHECKED: no disk can be made here: %v %s", err, out)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}, "fsync=on")
}

// Fill takes all room that is left on the disk of a server, and gives what gives it back.
func (s *Server) Fill(t *testing.T) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(s.dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := int64(0)
	for size := int64(1 << 30); size > 0; size /= 2 {
		for err = nil; err == nil; {
			if err = syscall.Fallocate(int(f.Fd()), 0, at, size); err == nil {
				at += size
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Error(err)
		}
	}
}

func start(t *testing.T, mount func(dir string), settings ...string) *Server {
	t.Helper()
	all := servers()
	if len(all) == 0 || all[len(all)-1].major < oldest {
		t.Skipf("NOT CHECKED: PostgreSQL %d or newer is not installed (make postgres)", oldest)
	}
	return startOf(t, all[len(all)-1], mount, settings...)
}

// programs are those of a server.
type programs struct {
	major int
	bin   string
}

// servers are the programs that the machine has, the oldest ones first.
func servers() (all []programs) {
	brought := cmp.Or(os.Getenv("BERTH_TESTBED_DIR"), "/var/tmp/berth-testbed") // by testbed/postgres
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", filepath.Join(brought, "postgres-*", "bin")} {
		found, _ := filepath.Glob(pattern) // the pattern is right
		for _, bin := range found {
			name := filepath.Base(filepath.Dir(bin))
			major, err := strconv.Atoi(name[strings.LastIndex(name, "-")+1:])
			if err == nil {
				all = append(all, programs{major, bin})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b programs) int { return a.major - b.major })
	return all
}

func startOf(t *testing.T, of programs, mount func(dir string), settings ...string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "berth-hq") // the path of a socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	mount(dir)
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{bin: of.bin, dir: dir}
	for _, more := range append([]string{"listen_addresses=''", "fsync=off", "unix_socket_directories=" + dir}, settings...) {
		s.settings += " -c " + more // the last one counts
	}
	s.run(t, "initdb", "--pgdata="+s.data(), "--username=hq", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	s.Up(t)
	t.Cleanup(func() { s.run(t, "pg_ctl", "--pgdata="+s.data(), "--silent", "--mode=immediate", "stop") })
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Up starts the server again.
func (s *Server) Up(t *testing.T) {
	t.Helper()
	s.run(t, "pg_ctl", "--pgdata="+s.data(), "--silent", "--wait", "--log="+filepath.Join(s.dir, "log"), "--options="+s.settings, "start")
}

// Again starts the server again if it ended by itself.
func (s *Server) Again(t *testing.T) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.addressOf("postgres"))
	if err != nil {
		s.Up(t)
		return
	}
	_ = c.Close(context.Background()) // nothing was written
}

// Process is the number of the server's process, whose children do the work.
func (s *Server) Process(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Crash ends the server as a power cut does, without its disk losing anything.
func (s *Server) Crash(t *testing.T) {
	t.Helper()
	s.run(t, "pg_ctl", "--pgdata="+s.data(), "--silent", "--mode=immediate", "stop")
}

func (s *Server) run(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	// The server inherits what pg_ctl is given. A pipe would be read until the server ends, and a file isn't.
	out, err := os.CreateTemp("", "pgtest")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(out.Name()) // without it the error still says which program
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
}

// Database makes an empty database and gives its address.
func (s *Server) Database(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("hq%d", s.n.Add(1))
	c, err := pgx.Connect(context.Background(), s.addressOf("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.addressOf(name)
}

// Create makes an empty database as people do, with a program and the database's name, and gives its address.
func (s *Server) Create(t *testing.T, program, name string) string {
	t.Helper()
	c := exec.Command(program, name)
	c.Env = append(os.Environ(), "PGHOST="+s.dir, "PGUSER=hq")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", c, err, out)
	}
	return s.addressOf(name)
}

func (s *Server) addressOf(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=hq", database, s.dir)
}
