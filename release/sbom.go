package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// boms writes for each binary which modules are in it, in the form of CycloneDX: what the Go linker says of itself.
func (b *build) boms(binaries []binary, _ []document) error {
	for _, p := range binaries {
		bom, err := b.bom(p)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true)
		if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
			return err
		}
		if err := b.write(p.name(b.Version)+".cdx.json", out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) bom(p binary) (*cdx.BOM, error) {
	info, err := buildinfo.ReadFile(p.File)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(p.File)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(program)
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: b.Time.Format("2006-01-02T15:04:05Z"), Component: &cdx.Component{
		BOMRef: "berth", Type: cdx.ComponentTypeApplication, Name: "berth", Version: b.Version,
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		Properties: &[]cdx.Property{{Name: "os", Value: p.OS}, {Name: "arch", Value: p.Arch}}}}
	components := []cdx.Component{{BOMRef: "std", Type: cdx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion, PackageURL: "pkg:golang/std@" + info.GoVersion[len("go"):]}}
	refs := []string{"std"}
	for _, m := range info.Deps {
		for m.Replace != nil {
			m = m.Replace
		}
		url := fmt.Sprintf("pkg:golang/%s@%s", m.Path, m.Version)
		components = append(components, cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url,
			Properties: &[]cdx.Property{{Name: "go.sum", Value: m.Sum}}})
		refs = append(refs, url)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: "berth", Dependencies: &refs}}
	return bom, nil
}
