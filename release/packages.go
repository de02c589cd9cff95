package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages makes a deb and an rpm for each Linux.
func (b *build) packages(binaries []binary, documents []document) error {
	folder, err := os.MkdirTemp("", "berth-packages")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for _, p := range binaries {
		if p.OS != "linux" {
			continue
		}
		contents := files.Contents{b.packaged(p.File, "/usr/bin/berth", 0o755)}
		for _, d := range documents {
			file := filepath.Join(folder, strings.ReplaceAll(d.Name, "/", "-"))
			if err := os.WriteFile(file, d.Content, 0o644); err != nil {
				return err
			}
			contents = append(contents, b.packaged(file, d.Path, 0o644))
		}
		for _, format := range []string{"deb", "rpm"} {
			if err := b.pack(format, p, contents); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *build) packaged(source, destination string, mode os.FileMode) *files.Content {
	return &files.Content{Source: source, Destination: destination, FileInfo: &files.ContentFileInfo{Mode: mode, MTime: b.Time, Owner: "root", Group: "root"}}
}

func (b *build) pack(format string, p binary, contents files.Contents) error {
	info := nfpm.WithDefaults(&nfpm.Info{Name: "berth", Arch: p.Arch, Platform: "linux", Version: b.Version, Section: "admin", Priority: "optional",
		Maintainer: "The berth authors <berth@releases.invalid>", License: "Apache-2.0", MTime: b.Time,
		Description:  "Runs self-hosted Sourcegraph\nOn Docker Compose and Kubernetes, from one short file, with upgrades over several releases.",
		Overridables: nfpm.Overridables{Contents: contents, Suggests: []string{"docker-ce"}, RPM: nfpm.RPM{BuildHost: "berth"}}})
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := packager.Package(info, &out); err != nil {
		return err
	}
	return b.write(packager.ConventionalFileName(info), out.Bytes(), 0o644)
}
