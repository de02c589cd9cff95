package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"berth/internal/signed"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const program = `package main

import (
	"fmt"
	"os"
)

func main() { fmt.Println("berth", os.Args[1:]) }
`

// small makes a release with a small program in berth's place, whose files lie in the folder that is returned.
func small(t *testing.T, url string) *build {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &build{Version: "0.4.0", Commit: "abc1234", Time: time.Unix(1.7e9, 0).UTC(), URL: url, Source: "..", Out: t.TempDir(), Public: public, Key: private,
		Notes: "a note", Fixes: true}
	work := t.TempDir()
	source := filepath.Join(work, "main.go")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("go", "build", "-o", filepath.Join(work, "berth"), source)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var binaries []binary
	for _, p := range platforms {
		p.File = filepath.Join(work, "berth")
		binaries = append(binaries, p)
	}
	documents := []document{{Name: "LICENSE", Path: "/usr/share/doc/berth/copyright", Content: []byte("free")}}
	for _, make := range []func([]binary, []document) error{b.archives, b.packages, b.image, b.boms, b.installers} {
		if err := make(binaries, documents); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.sign(); err != nil {
		t.Fatal(err)
	}
	return b
}

// without gives a PATH on which some programs are not.
func without(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"/usr/bin", "/bin"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			_ = os.Symlink(filepath.Join(folder, e.Name()), filepath.Join(dir, e.Name()))
		}
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return dir
}

// TestInstaller: the installer installs what the publisher signed, and nothing else, with minisign or openssl, from files beside it or by HTTP.
func TestInstaller(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT CHECKED: the paths of programs are those of Linux")
	}
	var folder string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(folder)).ServeHTTP(w, r)
	}))
	defer server.Close()
	b := small(t, server.URL)
	folder = b.Out
	archive := "berth_0.4.0_linux_" + runtime.GOARCH + ".tar.gz"
	for _, c := range []struct {
		name  string
		lacks []string
		spoil func(t *testing.T, dir string) // of a copy of the release
		alone bool                           // the script is alone, so it downloads
		from  string                         // --from
		want  string                         // of its output; a failure begins with "! "
	}{
		{name: "files beside it, openssl", lacks: []string{"minisign"}, want: "installed"},
		{name: "files beside it, minisign", lacks: []string{"openssl"}, want: "installed"},
		{name: "downloaded by curl", lacks: []string{"minisign", "wget"}, alone: true, want: "installed"},
		{name: "downloaded by wget", lacks: []string{"minisign", "curl"}, alone: true, want: "installed"},
		{name: "files in another folder", lacks: []string{"minisign"}, alone: true, from: b.Out, want: "installed"},
		{name: "nothing to verify with", lacks: []string{"minisign", "openssl"}, want: "! neither minisign nor openssl 3"},
		{name: "nothing to download with", lacks: []string{"curl", "wget"}, alone: true, want: "! neither curl nor wget"},
		{name: "a changed archive", spoil: change(archive), want: "! is damaged"},
		{name: "changed checksums, openssl", lacks: []string{"minisign"}, spoil: change(checksums), want: "! signature of SHA256SUMS is wrong"},
		{name: "changed checksums, minisign", lacks: []string{"openssl"}, spoil: change(checksums), want: "! signature of SHA256SUMS is wrong"},
		{name: "another signature", lacks: []string{"minisign"}, spoil: func(t *testing.T, dir string) {
			other := small(t, server.URL) // another key, and the checksums that it signed
			for _, name := range []string{checksums, checksums + ".minisig"} {
				copyFile(t, filepath.Join(other.Out, name), filepath.Join(dir, name))
			}
		}, want: "! signature of SHA256SUMS is wrong"},
		{name: "no archive", spoil: func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, archive)); err != nil {
				t.Fatal(err)
			}
		}, want: "! has no " + archive},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, needs := range []string{"minisign", "openssl", "curl", "wget"} {
				if _, err := exec.LookPath(needs); err != nil && strings.Contains(c.name, needs) {
					t.Skipf("NOT CHECKED with %s: it is not on the PATH", needs)
				}
			}
			dir, to := t.TempDir(), t.TempDir()
			if c.alone {
				copyFile(t, filepath.Join(b.Out, "install.sh"), filepath.Join(dir, "install.sh"))
			} else if err := os.CopyFS(dir, os.DirFS(b.Out)); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, dir)
			}
			args := []string{filepath.Join(dir, "install.sh"), "--to", to}
			if c.from != "" {
				args = append(args, "--from", c.from)
			}
			sh := exec.Command("/bin/sh", args...)
			sh.Env = []string{"PATH=" + without(t, c.lacks...), "HOME=" + t.TempDir()}
			out, err := sh.CombinedOutput()
			want, fails := strings.CutPrefix(c.want, "! ")
			if (err != nil) != fails || !strings.Contains(string(out), want) {
				t.Fatalf("%v\n%s", err, out)
			}
			if _, err := os.Stat(filepath.Join(to, "berth")); (err == nil) == fails {
				t.Errorf("installed: %v", err == nil)
			}
		})
	}
}

func change(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("x"); err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFiles: archives, packages and the image hold berth, and their readers read them.
func TestFiles(t *testing.T) {
	b := small(t, "https://releases.invalid/0.4.0")
	file, err := os.Open(filepath.Join(b.Out, "berth_0.4.0_darwin_arm64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%s %o", h.Name, h.Mode))
	}
	if got := strings.Join(names, ", "); got != "berth_0.4.0_darwin_arm64/berth 755, berth_0.4.0_darwin_arm64/LICENSE 644" {
		t.Errorf("an archive has %s", got)
	}
	image := t.TempDir()
	unpack(t, filepath.Join(b.Out, "berth_0.4.0_image.tar"), image)
	index, err := layout.ImageIndexFromPath(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("the image: %v", err)
	}
	for _, c := range [][]string{{"dpkg-deb", "--contents", "berth_0.4.0_amd64.deb"}, {"rpm", "-qpl", "berth-0.4.0-1.x86_64.rpm"}} {
		if _, err := exec.LookPath(c[0]); err != nil {
			t.Logf("NOT CHECKED with %s: it is not on the PATH", c[0])
			continue
		}
		list := exec.Command(c[0], c[1:]...)
		list.Dir = b.Out
		if out, err := list.CombinedOutput(); err != nil || !strings.Contains(string(out), "/usr/bin/berth") {
			t.Errorf("%v: %v\n%s", c, err, out)
		}
	}
	brew, err := os.ReadFile(filepath.Join(b.Out, formula))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := b.sum("berth_0.4.0_darwin_arm64.tar.gz")
	if err != nil || !strings.Contains(string(brew), sum) || bytes.Contains(brew, []byte("@")) {
		t.Errorf("the formula (%v):\n%s", err, brew)
	}
	var bom struct{ Components []struct{ Name string } }
	text, err := os.ReadFile(filepath.Join(b.Out, "berth_0.4.0_linux_amd64.cdx.json"))
	if err == nil {
		err = json.Unmarshal(text, &bom)
	}
	if err != nil || len(bom.Components) != 1 || bom.Components[0].Name != "std" { // the small program has nothing but Go's own library
		t.Errorf("the SBOM (%v) has %v", err, bom.Components)
	}
}

// TestVerifying: the commands of docs/install.md make a key, and verify a release and nothing that was changed.
func TestVerifying(t *testing.T) {
	for _, program := range []string{"minisign", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT CHECKED with %s: it is not on the PATH", program)
		}
	}
	b := small(t, "https://releases.invalid/0.4.0")
	keys := t.TempDir()
	do(t, keys, "minisign", "-G", "-W", "-p", "berth.pub", "-s", "berth.key")
	old, err := filepath.Glob(filepath.Join(b.Out, "*"+signed.Suffix))
	for _, file := range append(old, filepath.Join(b.Out, checksums)) {
		err = errors.Join(err, os.Remove(file))
	}
	if err == nil {
		b.Key, err = secretKey(filepath.Join(keys, "berth.key"))
	}
	if err == nil {
		err = b.sign()
	}
	if err != nil {
		t.Fatal(err)
	}
	verify := func() error {
		c := exec.Command("minisign", "-Vm", "SHA256SUMS", "-p", filepath.Join(keys, "berth.pub"))
		c.Dir = b.Out
		return c.Run()
	}
	compare := func() (string, error) {
		c := exec.Command("sha256sum", "-c", "--ignore-missing", "SHA256SUMS")
		c.Dir = b.Out
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if err := os.Remove(filepath.Join(b.Out, "berth_0.4.0_image.tar")); err != nil { // nobody gets all files
		t.Fatal(err)
	}
	if err := verify(); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if out, err := compare(); err != nil || !strings.Contains(out, "berth_0.4.0_amd64.deb: OK") {
		t.Errorf("%v\n%s", err, out)
	}
	change("berth_0.4.0_amd64.deb")(t, b.Out)
	if out, err := compare(); err == nil || !strings.Contains(out, "berth_0.4.0_amd64.deb: FAILED") {
		t.Errorf("a changed package: %v\n%s", err, out)
	}
	change(checksums)(t, b.Out)
	if err := verify(); err == nil {
		t.Error("changed checksums are verified")
	}
}

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	if out, err := exec.Command("tar", "-xf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestRelease makes the whole release twice, from two checkouts of the same commit in folders of different names, and uses it: the same bytes, a
// program that runs alone in an empty root, packages that install, a list that berth itself trusts.
func TestRelease(t *testing.T) {
	if os.Getenv("BERTH_RELEASE") == "" {
		t.Skip("builds berth ten times: make release-test")
	}
	key := filepath.Join(t.TempDir(), "key")
	_, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := private.MarshalText()
	if err == nil {
		err = os.WriteFile(key, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var outs []string
	for _, name := range []string{"one", "a/second"} {
		checkout, out := filepath.Join(t.TempDir(), name), filepath.Join(t.TempDir(), "dist")
		do(t, ".", "git", "clone", "-q", "..", checkout)
		do(t, filepath.Join(checkout, "release"), "go", "run", ".", "--version", "0.4.0", "--commit", "abc1234", "--time", "1700000000", "--key", key, "--out", out)
		outs = append(outs, out)
	}
	do(t, ".", "diff", "-r", outs[0], outs[1])

	root := t.TempDir()
	do(t, ".", "dpkg-deb", "-x", filepath.Join(outs[0], "berth_0.4.0_amd64.deb"), root)
	if out := do(t, ".", "chroot", root, "/usr/bin/berth", "version"); !strings.Contains(out, "berth 0.4.0 abc1234") {
		t.Errorf("alone in an empty root: %s", out)
	}
	berth := filepath.Join(root, "usr/bin/berth")
	if out := do(t, outs[0], berth, "version", "--check", "releases.json"); !strings.Contains(out, "No newer berth") {
		t.Errorf("--check: %s", out)
	}
	exe := t.TempDir()
	do(t, exe, "unzip", "-q", filepath.Join(outs[0], "berth_0.4.0_windows_amd64.zip")) // no Windows here: that it starts is not checked
	if _, err := os.Stat(filepath.Join(exe, "berth_0.4.0_windows_amd64/berth.exe")); err != nil {
		t.Error(err)
	}
}

func do(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
