package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"aead.dev/minisign"
	"berth/internal/release"
	"berth/internal/signed"
)

// installFiles are the installer, and what is published elsewhere: a formula for Homebrew, an action for GitHub.
//
//go:embed files
var installFiles embed.FS

const checksums = "SHA256SUMS"

// formula has the checksums of all platforms.
const formula = "berth.rb"

// installers fills in the files that install a release.
func (b *build) installers(binaries []binary, _ []document) error {
	var sums []string
	for _, p := range binaries {
		sum, err := b.sum(p.name(b.Version) + map[bool]string{true: ".zip", false: ".tar.gz"}[p.OS == "windows"])
		if err != nil {
			return err
		}
		sums = append(sums, strings.ToUpper("@"+p.OS+"_"+p.Arch+"@"), sum)
	}
	entries, err := installFiles.ReadDir("files")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == formula && len(binaries) < len(platforms) {
			continue
		}
		text, err := installFiles.ReadFile("files/" + e.Name())
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasSuffix(e.Name(), ".sh") {
			mode = 0o755
		}
		if err := b.write(e.Name(), []byte(b.filled(string(text), sums...)), mode); err != nil {
			return err
		}
	}
	if err := b.write("berth.pub", []byte("untrusted comment: the key that releases of berth are signed with\n"+b.Public.String()+"\n"), 0o644); err != nil {
		return err
	}
	return b.list(binaries)
}

// list adds the release to the list of all, which berth version --check reads.
func (b *build) list(binaries []binary) error {
	var list release.List
	if b.List != "" {
		text, err := os.ReadFile(b.List)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("%s: %w", b.List, err)
		}
	}
	newest, err := b.newestSourcegraph()
	if err != nil {
		return err
	}
	list.Add(release.Release{Version: b.Version, Date: b.Time.Format(time.DateOnly), Security: b.Fixes, Notes: b.Notes, Sourcegraph: newest}, b.Time)
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return b.write(release.ListName, append(text, '\n'), 0o644)
}

// newestSourcegraph asks the catalogue for the newest release that this berth knows.
func (b *build) newestSourcegraph() (string, error) {
	c := exec.Command("go", "run", "./cmd/berth", "version", "--json")
	c.Dir = b.Source
	text, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("berth version: %w", err)
	}
	var document struct {
		Result struct {
			Newest string `json:"newestRelease"`
		} `json:"result"`
	}
	if err := json.Unmarshal(text, &document); err != nil || document.Result.Newest == "" {
		return "", fmt.Errorf("berth version --json does not say the newest release: %s", text)
	}
	return document.Result.Newest, nil
}

func (b *build) sum(name string) (string, error) {
	f, err := os.Open(filepath.Join(b.Out, name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sign writes the checksums of all files, and signs them and the list of releases.
func (b *build) sign() error {
	entries, err := os.ReadDir(b.Out)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		sum, err := b.sum(e.Name())
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, e.Name())
	}
	if err := b.write(checksums, sums.Bytes(), 0o644); err != nil {
		return err
	}
	for _, name := range []string{checksums, release.ListName} {
		text, err := os.ReadFile(filepath.Join(b.Out, name))
		if err != nil {
			return err
		}
		// The form with a hash before is the one that minisign writes today.
		reader := minisign.NewReader(bytes.NewReader(text))
		if _, err := io.Copy(io.Discard, reader); err != nil {
			return err
		}
		signature := reader.SignWithComments(b.Key, "berth "+b.Version, "signature of "+name)
		if err := b.write(name+signed.Suffix, signature, 0o644); err != nil {
			return err
		}
	}
	return nil
}
