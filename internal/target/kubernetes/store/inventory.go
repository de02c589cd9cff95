package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"berth/internal/target/kubernetes"
)

// Inventory is which objects are the installation's own: what is in it and no longer wanted may be removed, and nothing else.
type Inventory struct {
	Applied []kubernetes.Ref `json:"applied"` // at the end of the last run that came to its end
	Pending []kubernetes.Ref `json:"pending"` // that a run since was about to apply
}

// All are the objects that may be there, each once, in order.
func (i Inventory) All() []kubernetes.Ref {
	all := slices.Concat(i.Applied, i.Pending)
	slices.SortFunc(all, func(a, b kubernetes.Ref) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.APIVersion, b.APIVersion))
	})
	return slices.Compact(all)
}

const inventoryKey = "inventory.json"

// Inventory gives the inventory; an empty one when nothing was ever applied.
func (s *Store) Inventory(ctx context.Context) (Inventory, error) {
	var i Inventory
	return i, s.load(ctx, s.configMap("-inventory"), inventoryKey, &i)
}

// Intend notes objects that are about to be applied, before the first one is: a run that is killed leaves nothing that nobody knows of.
func (s *Store) Intend(ctx context.Context, refs []kubernetes.Ref) error {
	i, err := s.Inventory(ctx)
	if err != nil {
		return err
	}
	i.Pending = Inventory{Applied: i.Pending, Pending: refs}.All()
	return s.setInventory(ctx, i)
}

// Conclude notes what is there at the end of a run.
func (s *Store) Conclude(ctx context.Context, refs []kubernetes.Ref) error {
	return s.setInventory(ctx, Inventory{Applied: Inventory{Applied: refs}.All()})
}

func (s *Store) setInventory(ctx context.Context, i Inventory) error {
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("write the inventory: %w", err)
	}
	err = s.put(ctx, s.object(s.configMap("-inventory"), "inventory", map[string]any{"data": map[string]any{inventoryKey: string(text)}}))
	if err != nil {
		return s.explain("write the inventory", err)
	}
	return nil
}
