package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// binary is berth for a platform.
type binary struct {
	OS, Arch string
	File     string
}

// name is what archives of it are called, without a suffix.
func (b binary) name(version string) string { return "berth_" + version + "_" + b.OS + "_" + b.Arch }

// platforms are what berth is built for.
var platforms = []binary{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}, {OS: "darwin", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"},
	{OS: "windows", Arch: "amd64"}}

// binaries builds all of them.
func (b *build) binaries(work string) ([]binary, error) {
	flags := fmt.Sprintf("-s -w -buildid= -X berth/internal/cli.version=%s -X berth/internal/cli.commit=%s -X berth/internal/cli.key=%s", b.Version, b.Commit, b.Public)
	var out []binary
	for _, p := range platforms {
		if b.Here && (p.OS != runtime.GOOS || p.Arch != runtime.GOARCH) {
			continue
		}
		began := time.Now()
		p.File = filepath.Join(work, p.OS+"-"+p.Arch, "berth")
		if p.OS == "windows" {
			p.File += ".exe"
		}
		c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", p.File, "./cmd/berth")
		c.Dir = b.Source
		c.Env = append(os.Environ(), "GOOS="+p.OS, "GOARCH="+p.Arch, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
		if text, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build for %s/%s: %w\n%s", p.OS, p.Arch, err, text)
		}
		fmt.Printf("built for %s/%s in %.0f s\n", p.OS, p.Arch, time.Since(began).Seconds())
		out = append(out, p)
	}
	return out, nil
}

// document is a file that comes with berth.
type document struct {
	Name    string // in archives
	Path    string // on a Linux system; "" where packages have none
	Content []byte
}

// documents are what comes with berth: the license, completions, man pages. This machine's own berth writes the last two.
func (b *build) documents(work string) ([]document, error) {
	var out []document
	license, err := os.ReadFile(filepath.Join(b.Source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	out = append(out, document{Name: "LICENSE", Path: "/usr/share/doc/berth/copyright", Content: license})
	program := filepath.Join(work, runtime.GOOS+"-"+runtime.GOARCH, "berth")
	for shell, place := range map[string]string{"bash": "/usr/share/bash-completion/completions/berth", "zsh": "/usr/share/zsh/vendor-completions/_berth",
		"fish": "/usr/share/fish/vendor_completions.d/berth.fish"} {
		text, err := exec.Command(program, "completion", shell).Output()
		if err != nil {
			return nil, fmt.Errorf("completion of %s: %w", shell, err)
		}
		out = append(out, document{Name: "completions/" + path.Base(place), Path: place, Content: text})
	}
	manual := filepath.Join(work, "man")
	if text, err := exec.Command(program, "man", "--out", manual).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("man pages: %w\n%s", err, text)
	}
	pages, err := os.ReadDir(manual)
	for _, page := range pages {
		text, readErr := os.ReadFile(filepath.Join(manual, page.Name()))
		err = errors.Join(err, readErr)
		section := strings.TrimPrefix(filepath.Ext(page.Name()), ".")
		out = append(out, document{Name: "man/" + page.Name(), Path: "/usr/share/man/man" + section + "/" + page.Name(), Content: text})
	}
	return out, err
}
