package catalogue

import (
	"cmp"
	"maps"
	"slices"
)

// Summary is what `berth catalogue show` prints about a release.
type Summary struct {
	Version
	Tags     map[Target]Tag   `json:"tags"`
	Services []ServiceSummary `json:"services"` // ordered by name
}

// ServiceSummary is what a summary says about a service.
type ServiceSummary struct {
	Name    string   `json:"name"`
	Does    string   `json:"does"`
	Without string   `json:"without,omitempty"` // what people miss without it; "" when Sourcegraph needs it
	On      []Target `json:"on"`                // targets that have it
	Image   string   `json:"image,omitempty"`   // under Compose
	In      string   `json:"in,omitempty"`      // on Kubernetes: the service in whose pods it runs
	Scales  bool     `json:"scales"`            // Compose can run several
	Overlay string   `json:"overlay,omitempty"` // only this overlay has it
}

// Summarise describes a release for every target that has it. name is as in Resolve; for a minor release it takes the newer of the targets'
// newest patches.
func (c *Catalogue) Summarise(name string) (*Summary, error) {
	version, err := c.resolveAny(name)
	if err != nil {
		return nil, err
	}
	versions := c.Versions("")
	i := slices.IndexFunc(versions, func(v Version) bool { return v.Version == version })
	s := &Summary{Version: versions[i]}
	services := map[string]*ServiceSummary{}
	for _, target := range []Target{Compose, Kubernetes} {
		if s.Dates[target] == "" {
			continue
		}
		release, err := c.Release(version, target)
		if err != nil {
			return nil, err
		}
		s.Tags = release.Tags
		for name, service := range release.Services {
			if services[name] == nil {
				info := c.Describe()[name]
				services[name] = &ServiceSummary{Name: name, Does: info.Does, Without: info.Without}
			}
			services[name].add(release, target, service)
		}
	}
	for service := range maps.Values(services) {
		s.Services = append(s.Services, *service)
	}
	slices.SortFunc(s.Services, func(a, b ServiceSummary) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

// resolveAny resolves for the target with the newer release. The error is that of the target with the newest release.
func (c *Catalogue) resolveAny(name string) (string, error) {
	targets := []Target{Compose, Kubernetes}
	slices.SortStableFunc(targets, func(a, b Target) int { return CompareVersions(c.Newest(b), c.Newest(a)) })
	first, err := c.Resolve(name, targets[0])
	second, errSecond := c.Resolve(name, targets[1])
	if errSecond == nil && (err != nil || CompareVersions(second, first) > 0) {
		return second, nil
	}
	return first, err
}

func (s *ServiceSummary) add(release *Release, target Target, service Service) {
	s.On = append(s.On, target)
	if target == Kubernetes {
		s.In, s.Overlay = service.Kubernetes.In, service.Kubernetes.Overlay
		return
	}
	s.Image = release.Images[service.Compose.Image]
	s.Scales, s.Overlay = service.Compose.Scalable(), service.Compose.Overlay
}
