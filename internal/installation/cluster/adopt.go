package cluster

import (
	"context"
	"encoding/base64"
	"slices"

	"berth/internal/installation"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// adopt gives the generated secrets, with those that an installation which another tool made has already: a new password would not open
// a database that is there. The installation's own Secrets tell them. generated are those that berth keeps.
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
			if kubernetes.NotFound(err) || kubernetes.Forbidden(err) {
				continue // what is forbidden is reported with all other missing rights
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
