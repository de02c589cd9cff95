//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEngineOverSSH works on an engine over ssh, with a server as Debian sets it up, from a machine whose files the engine does not see
func TestEngineOverSSH(t *testing.T) {
	needs(t, engine, images(release), ssh, long)
	s := newSite(t, "ssh")
	laptop := overSSH(t, s)
	s.must(0, "lock", "--to", release)
	s.must(0, "up", "--yes")
	s.firstUse("example/ssh", "lighthouse")
	s.search("example/ssh", "lighthouse")

	t.Run("a file that changed is seen by the container that mounts it", func(t *testing.T) {
		s := s.in(t)
		before := s.containers()["prometheus"]
		s.edit("name: ssh", "name: ssh\nservices: {gitserver: {replicas: 2}}")
		s.must(0, "up", "--yes")
		if s.containers()["prometheus"] != before {
			t.Error("prometheus was made again")
		}
		if seen := docker(t, "exec", "ssh-prometheus", "sh", "-c", "cat /sg_prometheus_add_ons/*"); !strings.Contains(seen, "gitserver-1") {
			t.Errorf("prometheus sees\n%s", seen)
		}
	})
	t.Run("the engine's host has the project, without secrets", func(t *testing.T) {
		here, there := filepath.Join(s.dir, ".berth", "ssh", "project"), filepath.Join(laptop, ".berth", "ssh", "project")
		out, err := exec.Command("diff", "--recursive", here, there).CombinedOutput()
		if want := "Only in " + here + ": .env\n"; string(out) != want {
			t.Errorf("diff: %v\n%s\nwant only %s", err, out, want)
		}
	})
	t.Run("there is nothing more to do", func(t *testing.T) { s.in(t).must(0, "plan") })
}

// overSSH makes berth reach the engine over ssh, and run where its folder lies at a path at which the engine's host has nothing. It gives that path.
func overSSH(t *testing.T, s *site) (folder string) {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	folder = "/mnt/berth-" + s.name
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "admin"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	programs, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	client, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sshd.conf": fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\n"+
			"SetEnv DOCKER_HOST=%s PATH=%s:/usr/bin:/bin\n", port, at("host"), at("admin.pub"), os.Getenv("DOCKER_HOST"), filepath.Dir(programs)),
		"bin/ssh": fmt.Sprintf("#!/bin/sh\nexec %s -i %s -o StrictHostKeyChecking=no -o UserKnownHostsFile=%s \"$@\"\n", client, at("admin"), at("known_hosts")),
		"bin/berth": fmt.Sprintf("#!/bin/sh\n[ -n \"$BERTH_INSIDE\" ] || BERTH_INSIDE=1 exec unshare --mount \"$0\" \"$@\"\n"+
			"mount --bind \"$PWD\" %[1]s && cd %[1]s && export DOCKER_HOST=ssh://root@127.0.0.1:%[2]d PATH=%[3]s:\"$PATH\" && exec %[4]s \"$@\"\n", folder, port, at("bin"), program(t)),
	} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, made := range []string{folder, "/run/sshd"} { // sshd lives in the second one
		if err := os.MkdirAll(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.Command("/usr/sbin/sshd", "-D", "-f", at("sshd.conf"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BERTH_PROGRAM", at("bin/berth"))
	t.Cleanup(func() {
		s.remove()
		_ = server.Process.Kill()
		_ = server.Wait()
		os.RemoveAll(folder)
	})
	return folder
}
