//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// TestClusterReleased installs the files of a release as docs/install.md says: the deb in a Debian that has nothing else, the rpm into an empty folder, and the
// image from a registry, which plans an installation in a cluster.
func TestClusterReleased(t *testing.T) {
	needs(t, engine, control, images(release), packagers)
	const version = "0.4.0"
	dist := t.TempDir()
	typed(t, "..", "make", "release", "RELEASE="+version, "HERE=1", "DIST="+dist)
	arch := map[string]struct{ deb, rpm string }{"amd64": {"amd64", "x86_64"}, "arm64": {"arm64", "aarch64"}}[runtime.GOARCH]

	t.Run("deb", func(t *testing.T) {
		out := docker(t, "run", "--rm", "--network", "none", "--volume", dist+":/dist:ro", "--workdir", "/dist", "berth-testbed/debian:12", "sh", "-ec",
			"apt install --yes ./berth_"+version+"_"+arch.deb+".deb; berth version; ls /usr/share/bash-completion/completions/berth; apt remove --yes berth; test ! -e /usr/bin/berth")
		says(t, out, "berth "+version, "completions/berth", "Removing berth")
	})
	t.Run("rpm", func(t *testing.T) {
		root := t.TempDir()
		typed(t, dist, "dnf", "install", "--assumeyes", "--installroot", root, "--releasever", "1", "--disablerepo", "*", "./berth-"+version+"-1."+arch.rpm+".rpm")
		says(t, typed(t, dist, "chroot", root, "/usr/bin/berth", "version"), "berth "+version)
		says(t, typed(t, dist, "dnf", "remove", "--assumeyes", "--installroot", root, "--releasever", "1", "--disablerepo", "*", "berth"), "Removed")
	})
	t.Run("image", func(t *testing.T) {
		image := registryAddress() + "/berth:" + version
		typed(t, dist, "skopeo", "copy", "--all", "--dest-tls-verify=false", "oci-archive:berth_"+version+"_image.tar", "docker://"+image)
		kubeconfig, err := os.ReadFile(os.Getenv("KUBECONFIG"))
		if err != nil {
			t.Fatal(err)
		}
		s := &site{t: t, dir: t.TempDir()}
		s.writeFile(".kube/config", string(kubeconfig))
		s.write("target: kubernetes", "release: "+release, "url: http://localhost", "size: demo", namespaced("released", ""))
		plan := exec.Command("docker", "run", "--rm", "--network", "host", "-v", s.dir+":/work", "-v", filepath.Join(s.dir, ".kube")+":/home/.kube:ro",
			"-e", "KUBECONFIG=/home/.kube/config", "--user", strconv.Itoa(os.Getuid()), image, "plan")
		out, err := plan.CombinedOutput()
		if plan.ProcessState.ExitCode() != 2 {
			t.Fatalf("%v\n%s", err, out)
		}
		says(t, string(out), "Namespace/released", "plan ")
		docker(t, "image", "rm", image)
	})
}

// typed runs a program of the reader's system, and gives what it says.
func typed(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}
