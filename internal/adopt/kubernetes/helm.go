package kubernetes

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/tree"

	"go.yaml.in/yaml/v4"
)

// Helm is Helm's own record of a release: what was installed last, and with which values.
type Helm struct {
	Name      string
	Namespace string
	Version   int // how often it was installed and upgraded
	Chart     string
	ChartVersion,
	AppVersion string
	Status  string // "deployed", "failed", "pending-upgrade"
	Applies bool   // it was installed by server-side apply, as Helm 4 does
	Objects []map[string]any
}

// Base is the release of Sourcegraph that the record is of.
func (h *Helm) Base(cat *catalogue.Catalogue) (adopt.Base, error) {
	images := map[string]string{}
	for _, body := range h.Objects {
		for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
			images[keyOf(body)+" "+tree.Text(c, "name")] = tree.Text(c, "image")
		}
	}
	return adopt.FindBase(cat, catalogue.Kubernetes, images)
}

// mostRecord is how large a record may be. Kubernetes keeps Secrets of 1 MiB at most, and text compresses to a tenth.
const mostRecord = 64 << 20

// Decode reads the record out of Helm's Secret: JSON, packed by gzip since Helm 2, in base64, and once more in base64 because it is in a Secret.
//
// Source: pkg/storage/driver/util.go of https://github.com/helm/helm, 3.0 to 4.0
func Decode(secret map[string]any) (*Helm, error) {
	encoded := []byte(tree.Text(secret, "data", "release"))
	for range 2 {
		decoded, err := base64.StdEncoding.DecodeString(string(encoded))
		if err != nil {
			return nil, fmt.Errorf("read Helm's record: %w", err)
		}
		encoded = decoded
	}
	if bytes.HasPrefix(encoded, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(encoded))
		if err != nil {
			return nil, fmt.Errorf("unpack Helm's record: %w", err)
		}
		if encoded, err = io.ReadAll(io.LimitReader(z, mostRecord)); err != nil {
			return nil, fmt.Errorf("unpack Helm's record: %w", err)
		}
	}
	var record struct {
		Name      string
		Namespace string
		Version   int
		Info      struct{ Status string }
		Chart     struct {
			Metadata struct{ Name, Version, AppVersion string }
		}
		Manifest    string
		ApplyMethod string `json:"apply_method"`
	}
	if err := json.Unmarshal(encoded, &record); err != nil {
		return nil, fmt.Errorf("read Helm's record: %w", err)
	}
	objects, err := Manifest([]byte(record.Manifest))
	if err != nil {
		return nil, fmt.Errorf("read the manifest in Helm's record: %w", err)
	}
	m := record.Chart.Metadata
	return &Helm{Name: record.Name, Namespace: record.Namespace, Version: record.Version, Chart: m.Name, ChartVersion: m.Version, AppVersion: m.AppVersion,
		Status: record.Info.Status, Applies: record.ApplyMethod == "ssa", Objects: objects}, nil
}

// Manifest reads objects as YAML, with --- between them. Where a map has a key twice, the last one counts, as for Helm: its chart has such maps.
func Manifest(text []byte) ([]map[string]any, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithV3Defaults(), yaml.WithUniqueKeys(false))
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for {
		var body map[string]any
		err := loader.Load(&body)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		case tree.Text(body, "kind") == "List":
			out = append(out, tree.Items(body["items"])...)
		case body != nil:
			out = append(out, body)
		}
	}
}
