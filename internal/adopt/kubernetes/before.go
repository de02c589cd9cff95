package kubernetes

import (
	"encoding/json"
	"fmt"

	"berth/internal/adopt/kubernetes/wanted"
)

// remember keeps how an object was, and who maintains it. body is what was wanted of it.
func (s *Source) remember(body, live map[string]any) {
	if who, off := wanted.Maintainer(live); who != "" {
		s.maintainers[[2]string{who, off}]++
	}
	s.before = append(s.before, wanted.FormerOf(body, live))
}

// Before is the file that remembers the objects; nil for a Helm release, of which Helm's record says it.
func (s *Source) Before(release string) ([]byte, error) {
	if s.Origin.Record == helmsRecord {
		return nil, nil
	}
	text, err := json.MarshalIndent(wanted.Before{Namespace: s.Namespace, Release: release, Next: s.Origin.Next, Objects: s.before}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write how the objects were: %w", err)
	}
	return append(text, '\n'), nil
}
