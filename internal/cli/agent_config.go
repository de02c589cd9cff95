package cli

import (
	"context"
	"fmt"
	"os"

	"berth/internal/diag"
	"berth/internal/render/agent"
	"berth/internal/state"
	"berth/internal/target/kubernetes"
)

// agentManager is who sets the release in the agent's ConfigMap: kubectl apply --server-side reports a conflict before it takes it back.
const agentManager = "berth-agent"

// fromConfigMap brings the config from a ConfigMap of the cluster into this folder. The release that an upgrade writes into the config goes to
// the ConfigMap first: a pod's folder is gone with the pod.
func (e *Env) fromConfigMap(ctx context.Context, f agentFlags) (done func(), err error) {
	client, err := kubernetes.Connect(ctx, e.Getenv, "")
	if err != nil {
		return nil, err
	}
	ref := kubernetes.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: client.Namespace(), Name: f.configMap}
	var found struct{ Data map[string]string }
	err = client.Read(ctx, ref, &found)
	if kubernetes.NotFound(err) || err == nil && found.Data[agent.ConfigKey] == "" {
		return nil, diag.List{{Code: "BERTH3812", Severity: diag.Error, Subject: ref.String(), Summary: fmt.Sprintf("namespace %s has no config in a ConfigMap %s", ref.Namespace, ref.Name),
			Hint: "render it and apply it: berth agent --render cronjob --image IMAGE --out DIR"}}
	}
	if err != nil {
		return nil, err
	}
	text := found.Data[agent.ConfigKey]
	if there, err := os.ReadFile(e.Abs(f.file)); err == nil && string(there) != text {
		return nil, diag.List{{Code: "BERTH3813", Severity: diag.Error, Subject: f.file, Summary: f.file + " differs from the config of the ConfigMap; nothing was written",
			Hint: "run it in an empty folder, or without --config-map"}}
	}
	if err := state.WriteFile(e.Abs(f.file), []byte(text), 0o600); err != nil {
		return nil, err
	}
	e.Current = true
	e.Keep = func(text string) error {
		_, err := client.Patch(context.WithoutCancel(ctx), ref, map[string]any{"data": map[string]any{agent.ConfigKey: text}}, agentManager)
		return err
	}
	return client.Close, nil
}
