package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path"
	"slices"
	"strings"
)

// archives packs each binary with what comes with it: tar.gz, and zip for Windows.
func (b *build) archives(binaries []binary, documents []document) error {
	slices.SortFunc(documents, func(a, c document) int { return strings.Compare(a.Name, c.Name) })
	for _, p := range binaries {
		program, err := os.ReadFile(p.File)
		if err != nil {
			return err
		}
		name := p.name(b.Version)
		files := append([]document{{Name: path.Base(p.File), Content: program}}, documents...)
		pack, suffix := b.tarball, ".tar.gz"
		if p.OS == "windows" {
			pack, suffix = b.zip, ".zip"
		}
		packed, err := pack(name, files)
		if err != nil {
			return err
		}
		if err := b.write(name+suffix, packed, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) tarball(folder string, files []document) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: folder + "/" + f.Name, Mode: 0o644, Size: int64(len(f.Content)), ModTime: b.Time, Format: tar.FormatUSTAR}
		if path.Base(f.Name) == "berth" && f.Path == "" {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

func (b *build) zip(folder string, files []document) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		file, err := w.CreateHeader(&zip.FileHeader{Name: folder + "/" + f.Name, Method: zip.Deflate, Modified: b.Time})
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(f.Content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
