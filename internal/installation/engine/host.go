package engine

import (
	"context"
	"slices"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/stack"
	"berth/internal/target/compose"
)

// checkHost finds the problems of this host for this installation.
func (i *onEngine) checkHost(ctx context.Context) diag.List {
	version, err := i.engine.ComposeVersion(ctx)
	var problems diag.List
	if list, ok := err.(diag.List); ok {
		problems = append(problems, list...)
	}
	facts, err := i.engine.Facts(ctx, version, i.project.Name)
	if err != nil {
		return append(problems, diag.Diagnostic{Code: "BERTH2103", Severity: diag.Error, Subject: "host", Summary: "the Docker Engine gives no information about itself", Detail: []string{err.Error()}, Hint: "see the engine's log"})
	}
	return append(problems, compose.Check(facts, i.needs())...)
}

// needs is what the installation asks of its host.
func (i *onEngine) needs() compose.Needs {
	n := compose.Needs{Registry: i.Doc.Config.Images.Registry, Places: i.places()}
	for _, inst := range i.Stack.Instances {
		at := "services." + inst.Service
		if inst.Own {
			at = "containers." + inst.Name
		} else if inst.Pool != "" {
			at = "workers." + inst.Pool
		}
		limit := compose.Limit{Service: inst.Service, CPUs: inst.CPUs, Memory: inst.Memory}
		if at += ".cpu"; i.Doc.Has(at) {
			limit.At = i.Doc.At(at)
		}
		n.Limits = append(n.Limits, limit)
		n.SecretFiles = n.SecretFiles || hasSecretFile(inst)
		n.Storage = append(n.Storage, i.storage(inst.Service)...)
	}
	for _, u := range i.project.Units {
		n.Ports = append(n.Ports, u.Ports...)
	}
	return n
}

func hasSecretFile(inst stack.Instance) bool {
	return slices.ContainsFunc(inst.Mounts, func(m stack.Mount) bool { return m.Secret != "" })
}

// storage is the size that the config expects a service's volume to have.
func (i *onEngine) storage(service string) []compose.Storage {
	q := i.Doc.Config.Services[service].Storage
	if q == "" {
		return nil
	}
	n, _ := config.Bytes(q) // check.Read has read it
	return []compose.Storage{{Service: service, Bytes: n, At: i.Doc.At("services." + service + ".storage")}}
}
