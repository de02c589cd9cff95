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
	n := compose.Needs{Registry: i.Doc.Config.Images.Registry}
	for _, inst := range i.Stack.Instances {
		n.Limits = append(n.Limits, compose.Limit{Service: inst.Service, CPUs: inst.CPUs, Memory: inst.Memory, At: i.Doc.At("services." + inst.Service)})
		n.Ports = append(n.Ports, inst.Ports...)
		n.SecretFiles = n.SecretFiles || hasSecretFile(inst)
		n.Storage = append(n.Storage, i.storage(inst.Service)...)
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
