package forms

import (
	"strings"

	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// Overlay is the folder of a kustomization that belongs to the admin.
const Overlay = "overlay"

// overlay is the first content of the admin's folder.
const overlay = `# Yours: this file is written once, and never changed by berth. Put your own changes here, and apply this folder.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../base
# - ../guard   # Argo CD: asks before each sync whether this release may follow the one that runs
# patches:
# - target: {kind: StatefulSet, name: gitserver}
#   patch: |
#     - {op: add, path: /spec/template/metadata/annotations/example.com~1team, value: code}
`

// kustomize returns a base that is rewritten each time, and an overlay. Files of the second list belong to the admin: they are written only
// when they don't exist.
func (in *Input) kustomize() (files, once []stack.File, err error) {
	files, err = in.files("base/")
	if err != nil {
		return nil, nil, err
	}
	var resources []any
	for _, file := range files {
		resources = append(resources, file.Path[len("base/"):])
	}
	base := map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}
	files = append(files,
		stack.File{Path: "base/kustomization.yaml", Content: yaml.Encode(MadeBy, base)},
		stack.File{Path: "README.md", Content: in.kustomizeReadme()})
	if hook := in.guardHook(syncHook()); hook != nil {
		alone := map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": []any{strings.TrimPrefix(guardFile, guardDir+"/")}}
		files = append(files, stack.File{Path: guardFile, Content: yaml.Encode(MadeBy, hook.Body)},
			stack.File{Path: guardDir + "/kustomization.yaml", Content: yaml.Encode(MadeBy, alone)})
	}
	return files, []stack.File{{Path: Overlay + "/kustomization.yaml", Content: []byte(overlay)}}, nil
}
