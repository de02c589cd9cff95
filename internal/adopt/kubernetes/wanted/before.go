package wanted

import (
	"encoding/json"
	"fmt"
	"maps"

	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// Before is how the objects of an installation were before berth took them over, where no tool has a record of them: what berth adopt undo makes of them again.
type Before struct {
	Namespace string   `json:"namespace"`
	Release   string   `json:"release"`
	Next      string   `json:"next,omitempty"` // the command of their own that goes on; "": nobody has files
	Objects   []Former `json:"objects"`
}

// Former is an object as it was. A Secret is there without its values, which stay in the cluster.
type Former struct {
	Object    map[string]any `json:"object"`
	Manager   string         `json:"manager"`   // who deployed it, as managedFields has it
	Operation string         `json:"operation"` // how: "Update", "Apply"
}

// BeforeFile is the name of the file with a Before, beside the config.
const BeforeFile = "adopt-before.json"

// FormerOf is a live object as it was. body is what is wanted of it.
func FormerOf(body, live map[string]any) Former {
	f := Former{Object: fields.With(body, "status", nil), Manager: "kubectl-client-side-apply", Operation: "Update"}
	for _, m := range fields.Predecessors(live) {
		f.Manager, f.Operation = m.Name, m.Operation()
		break
	}
	if tree.Text(body, "kind") == "Secret" {
		f.Object = fields.With(f.Object, "data", nil)
	} else if applied := tree.Text(live, "metadata", "annotations", fields.LastApplied); applied != "" {
		metadata := maps.Clone(tree.Branch(body, "metadata"))
		annotations := maps.Clone(tree.Branch(metadata, "annotations"))
		if annotations == nil {
			annotations = map[string]any{}
		}
		annotations[fields.LastApplied] = applied
		metadata["annotations"] = annotations
		f.Object = fields.With(f.Object, "metadata", metadata)
	}
	return f
}

// ReadBefore reads a Before.
func ReadBefore(text []byte) (*Before, error) {
	var b Before
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("read how the objects were before berth, in %s: %w", BeforeFile, err)
	}
	return &b, nil
}
