package compose

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/registry"
	"github.com/docker/cli/cli/connhelper"
	"github.com/moby/moby/client"
)

const (
	// dials is how many connections over ssh may begin at the same time. A server refuses more than ten of those that have not signed in (MaxStartups of
	// sshd_config), and Docker Compose alone opens one for each image.
	dials = 4
	// begun is how long a connection counts as beginning that says nothing: one that nobody uses yet says nothing, either.
	begun = 5 * time.Second
)

// tunnel leads to an engine over ssh, for berth and, by a socket, for Docker Compose.
type tunnel struct {
	to     func(ctx context.Context, network, address string) (net.Conn, error)
	begin  chan struct{} // has room for dials
	folder string        // of the socket
	socket net.Listener
}

// throughSSH prepares a tunnel; nil when an engine's address is none of ssh.
func throughSSH(host string) (*tunnel, error) {
	helper, err := connhelper.GetConnectionHelper(host)
	if helper == nil || err != nil {
		return nil, err
	}
	t := &tunnel{to: helper.Dialer, begin: make(chan struct{}, dials)}
	if t.folder, err = os.MkdirTemp("", "berth-ssh-"); err != nil { // for this user alone
		return nil, err
	}
	if t.socket, err = net.Listen("unix", filepath.Join(t.folder, "engine")); err != nil {
		os.RemoveAll(t.folder)
		return nil, err
	}
	go t.serve()
	return t, nil
}

// address is the engine's address for other programs.
func (t *tunnel) address() string { return "unix://" + t.socket.Addr().String() }

// options make a client dial through the tunnel.
func (t *tunnel) options() []client.Opt {
	return []client.Opt{client.WithDialContext(t.dial)}
}

func (t *tunnel) close() {
	t.socket.Close()
	os.RemoveAll(t.folder)
}

// dial opens a connection when few others begin.
func (t *tunnel) dial(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case t.begin <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	began := sync.OnceFunc(func() { <-t.begin })
	conn, err := t.to(ctx, network, address)
	if err != nil {
		began()
		return nil, err
	}
	time.AfterFunc(begun, began)
	return &beginning{Conn: conn, began: began}, nil
}

// beginning is a connection that counts as beginning until the engine says something.
type beginning struct {
	net.Conn
	began func()
}

func (c *beginning) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.began()
	return n, err
}

func (c *beginning) Close() error {
	c.began()
	return c.Conn.Close()
}

// CloseWrite ends what the engine reads; a task whose input ends needs that.
func (c *beginning) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// serve passes on what comes to the socket, until it is closed.
func (t *tunnel) serve() {
	for {
		near, err := t.socket.Accept()
		if err != nil {
			return
		}
		go t.pass(near)
	}
}

// pass joins a connection of the socket with one to the engine. Whatever goes wrong ends both, and the program at the other end says so.
func (t *tunnel) pass(near net.Conn) {
	defer near.Close()
	far, err := t.dial(context.Background(), "", "")
	if err != nil {
		return
	}
	defer far.Close()
	var one sync.WaitGroup
	one.Go(func() {
		_, _ = io.Copy(far, near)
		_ = far.(*beginning).CloseWrite()
	})
	_, _ = io.Copy(near, far)
	near.Close()
	one.Wait()
}

// Elsewhere reports whether the engine may be on another host, which has none of this host's files.
func (e *Engine) Elsewhere() bool { return !onSocket(e.host) }

// unpack writes files that come as an archive into a folder, and removes those that are not in it, but for the one with secret values: it is there when the
// folder is shared with this host. A file that is there keeps its identity, since
// containers that mount it go on seeing that one.
const unpack = `set -eu
cd /project
new=.berth-new
rm -rf $new
mkdir $new
tar -x -f - -C $new
cd $new
find . -type f | while read -r f; do
	mkdir -p "../${f%/*}"
	cat "$f" >"../$f"
	chmod 644 "../$f"
done
cd ..
find . -path ./$new -prune -o -type f ! -name .env -print | while read -r f; do
	[ -e "$new/$f" ] || rm -f "$f"
done
rm -rf $new
`

// Send puts files, by their paths, into a folder of the engine's host, in place of what is there. It needs an image with a shell and tar. Every user of that
// host can read them.
func (e *Engine) Send(ctx context.Context, installation string, login registry.Login, image, folder string, files map[string][]byte) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return fmt.Errorf("pack the project's files: %w", err)
		}
		_, _ = w.Write(files[name]) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack the project's files: %w", err)
	}
	task := Task{Container: installation + "-berth-files", Identity: "files", Image: image, User: "0", Entry: []string{"/bin/sh", "-c", unpack},
		Volumes: map[string]string{folder: "/project"}, Network: "none"}
	exit, said, err := e.Pipe(ctx, installation, login, task, &archive, io.Discard)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d: %s", exit, strings.TrimSpace(said))
	}
	if err != nil {
		return fmt.Errorf("copy the project's files to the engine's host: %w", err)
	}
	return nil
}
