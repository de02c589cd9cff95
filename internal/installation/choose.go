package installation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
)

// ServiceNames are the services of an installation, as its config asks for them, by name.
func (w *Want) ServiceNames() []string {
	var names []string
	for _, i := range w.Stack.Instances {
		names = append(names, cmp.Or(i.Service, i.Name), i.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Choose finds instances by their services, or by their own names, in the order of all. No names are all of them. Names that fit nothing are problems.
func (w *Want) Choose(all []Instance, names []string) (chosen []Instance, problems diag.List) {
	if len(all) == 0 {
		return nil, diag.List{{Code: "BERTH4403", Severity: diag.Error, Subject: w.Stack.Name, Summary: "no container or pod of this installation exists",
			Hint: "start it with: berth up   or name another config: --config FILE"}}
	}
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(i Instance) bool { return i.named(name) }) {
			problems = append(problems, w.unknown(all, name))
		}
	}
	for _, i := range all {
		if slices.ContainsFunc(names, i.named) {
			chosen = append(chosen, i)
		}
	}
	return chosen, problems
}

func (i Instance) named(name string) bool {
	return name == i.Service || name == i.Name || name == i.Container && i.Pod == "" || name == i.Pod && i.Pod != ""
}

// unknown says what may have been meant by a name.
func (w *Want) unknown(all []Instance, name string) diag.Diagnostic {
	d := diag.Diagnostic{Code: "BERTH4404", Severity: diag.Error, Subject: name, Summary: "there is no such service or instance"}
	var there []string
	for _, i := range all {
		there = append(there, i.Service, i.Name)
	}
	slices.Sort(there)
	there = slices.Compact(there)
	known := slices.Contains(w.ServiceNames(), name)
	if _, ofRelease := w.Release.Services[name]; ofRelease && !known {
		d.Summary = "this service is not part of the installation"
		d.Hint = "see what the config asks for: berth plan --all"
		return d
	}
	if known {
		d.Summary = "the config asks for it, but it is not there"
		d.Hint = "start it with: berth up"
		return d
	}
	near := diag.Closest(name, there)
	if near == "" {
		// "frontend" is what everybody calls sourcegraph-frontend.
		for _, s := range there {
			if slices.Contains(strings.Split(s, "-"), name) && (near == "" || len(s) < len(near)) {
				near = s
			}
		}
	}
	if near != "" {
		d.Hint = "did you mean " + near + "?"
		return d
	}
	var services []string
	for _, i := range all {
		services = append(services, i.Service)
	}
	slices.Sort(services)
	d.Detail = []string{fmt.Sprintf("there are: %s", strings.Join(slices.Compact(services), ", "))}
	d.Hint = "choose one of them"
	return d
}
