package cluster

import (
	"context"
	"encoding/base64"
	"slices"

	"berth/internal/installation"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/observe"
	"berth/internal/tree"
)

// adopt gives the generated secrets, with those that an installation which another tool made has already: a new password would not open
// a database that is there. The installation's own Secrets tell them, or a variable of its pods where it has no Secret. generated are those that berth keeps.
func (c *inCluster) adopt(ctx context.Context, generated map[string]string) (map[string]string, error) {
	missing := slices.DeleteFunc(installation.GeneratedNames(c.Stack.Secrets), func(name string) bool { return generated[name] != "" })
	if len(missing) == 0 {
		return generated, nil
	}
	if err := c.Render(generated); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for i := range c.set.Objects {
		o := &c.set.Objects[i]
		for key, parts := range o.Values {
			if len(parts) != 1 || !slices.Contains(missing, parts[0].Secret) {
				continue
			}
			live, err := c.client.Get(ctx, kubernetes.RefOf(o.Body))
			if kubernetes.Forbidden(err) {
				continue // it is reported with all other missing rights
			}
			if kubernetes.NotFound(err) {
				value, err := c.plain(ctx, o.Name(), key)
				if err != nil {
					return nil, err
				}
				if value != "" {
					found[parts[0].Secret] = value
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			if value, err := base64.StdEncoding.DecodeString(tree.Text(live, "data", key)); err == nil && len(value) > 0 {
				found[parts[0].Secret] = string(value)
			}
		}
	}
	c.state.Adopt(found)
	return c.state.Generated(ctx)
}

// plain is the value of a Secret that is not there, as a StatefulSet that is there, or the workload in its place, has it in a variable; "" when none has it.
func (c *inCluster) plain(ctx context.Context, secret, key string) (string, error) {
	for i := range c.set.Objects {
		o := &c.set.Objects[i]
		variables := render.Referring(o.Body, secret, key)
		if o.Kind() != "StatefulSet" || len(variables) == 0 {
			continue
		}
		live, err := c.client.Get(ctx, kubernetes.RefOf(o.Body))
		if kubernetes.NotFound(err) {
			live, err = observe.Rival(ctx, c.client, o.Body)
		}
		if kubernetes.Forbidden(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		if value := render.Plain(live, variables); value != "" {
			return value, nil
		}
	}
	return "", nil
}
