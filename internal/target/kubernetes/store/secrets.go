package store

import (
	"cmp"
	"context"

	"berth/internal/state"
	"berth/internal/target/kubernetes"
)

// secret is a Secret.
type secret struct {
	Metadata metadata          `json:"metadata"`
	Data     map[string][]byte `json:"data"`
}

func (s *Store) secrets() kubernetes.Ref { return s.ref("v1", "Secret", "-secrets") }

// Adopt gives values to generated secrets that are not kept yet: those which an installation that another tool made has. Generate keeps them
// instead of new ones.
func (s *Store) Adopt(values map[string]string) { s.adopted = values }

// Generated gives the generated secrets, by name, with those that were adopted.
func (s *Store) Generated(ctx context.Context) (map[string]string, error) {
	values, _, err := s.generated(ctx)
	for name, v := range s.adopted {
		if err == nil && values[name] == "" {
			values[name] = v
		}
	}
	return values, err
}

// generated gives them with the version of the object that has them; "" when there is none.
func (s *Store) generated(ctx context.Context) (map[string]string, string, error) {
	values := map[string]string{}
	var kept secret
	err := s.client.Read(ctx, s.secrets(), &kept)
	if kubernetes.NotFound(err) {
		return values, "", nil
	}
	if err != nil {
		return nil, "", s.explain("read the generated secrets", err)
	}
	for name, v := range kept.Data {
		values[name] = string(v)
	}
	return values, kept.Metadata.ResourceVersion, nil
}

// Generate makes the secrets of some names that are not there yet, and gives all. They are in the cluster before anything uses them, and
// are never written over: of two that make them at once, the second takes those of the first.
func (s *Store) Generate(ctx context.Context, names []string) (map[string]string, error) {
	for {
		values, version, err := s.generated(ctx)
		if err != nil {
			return nil, err
		}
		missing := map[string]any{}
		for _, name := range names {
			if values[name] == "" {
				values[name] = cmp.Or(s.adopted[name], state.Random())
				missing[name] = values[name]
			}
		}
		if len(missing) == 0 {
			return values, nil
		}
		if version == "" {
			_, err = s.client.Create(ctx, s.object(s.secrets(), "secrets", map[string]any{"type": "Opaque", "stringData": missing}), manager)
		} else {
			patch := map[string]any{"metadata": map[string]any{"resourceVersion": version}, "stringData": missing}
			_, err = s.client.Patch(ctx, s.secrets(), patch, manager)
		}
		if kubernetes.Exists(err) || kubernetes.Conflict(err) {
			continue
		}
		if err != nil {
			return nil, s.explain("keep the generated secrets", err)
		}
		return values, nil
	}
}
