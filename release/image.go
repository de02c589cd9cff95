package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// image makes an OCI image of berth and nothing else but the certificates of public authorities, for both Linux platforms: a layout in a tar
// file, as skopeo, crane, podman and docker read it.
func (b *build) image(binaries []binary, _ []document) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range binaries {
		if p.OS != "linux" {
			continue
		}
		image, err := b.platformImage(p)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.OS, Architecture: p.Arch}}})
	}
	folder, err := os.MkdirTemp("", "berth-image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": b.Version})); err != nil {
		return err
	}
	packed, err := b.folder(folder)
	if err != nil {
		return err
	}
	return b.write("berth_"+b.Version+"_image.tar", packed, 0o644)
}

func (b *build) platformImage(p binary) (v1.Image, error) {
	program, err := os.ReadFile(p.File)
	if err != nil {
		return nil, err
	}
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if err := pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, f := range []struct {
		name    string
		mode    int64
		content []byte
	}{{"etc/ssl/certs/ca-certificates.crt", 0o644, roots.Bytes()}, {"usr/bin/berth", 0o755, program}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: b.Time, Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.OS, p.Arch, v1.Time{Time: b.Time}
	config.Config = v1.Config{Entrypoint: []string{"/usr/bin/berth"}, WorkingDir: "/work", User: "65532:65532",
		Labels: map[string]string{"org.opencontainers.image.title": "berth", "org.opencontainers.image.version": b.Version,
			"org.opencontainers.image.revision": b.Commit, "org.opencontainers.image.licenses": "Apache-2.0"}}
	for i := range config.History {
		config.History[i].Created = v1.Time{Time: b.Time}
	}
	return mutate.ConfigFile(image, config)
}

// folder packs a folder's files, in the order of their names.
func (b *build) folder(root string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(content)), ModTime: b.Time, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
