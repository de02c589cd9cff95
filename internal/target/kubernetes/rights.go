package kubernetes

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Right is something that one may do or not.
type Right struct {
	Verb        string `json:"verb"`                  // "create", "patch"
	Group       string `json:"group,omitempty"`       // "apps"; "" is that of the oldest kinds
	Resource    string `json:"resource"`              // "statefulsets"
	Subresource string `json:"subresource,omitempty"` // "log"
	Namespace   string `json:"namespace,omitempty"`   // "" is the whole cluster
	Name        string `json:"name,omitempty"`        // "" is any
}

// May asks whether we have a right, and why not as far as the cluster tells.
func (c *Client) May(ctx context.Context, r Right) (allowed bool, why string, err error) {
	var answer struct {
		Status struct {
			Allowed bool   `json:"allowed"`
			Reason  string `json:"reason"`
		} `json:"status"`
	}
	err = c.review(ctx, "SelfSubjectAccessReview", map[string]any{"resourceAttributes": r}, &answer)
	return answer.Status.Allowed, answer.Status.Reason, err
}

// Rule is a set of rights.
type Rule struct {
	Verbs     []string `json:"verbs"`
	Groups    []string `json:"apiGroups"`
	Resources []string `json:"resources"` // "pods/log" is a part
	Names     []string `json:"resourceNames"`
}

// Rights are all that we may do in a namespace: one request instead of one for each right.
type Rights struct {
	Rules []Rule `json:"resourceRules"`
	// Incomplete says that the cluster can't list all rights: what is not in the rules may be allowed nevertheless; May knows.
	Incomplete bool `json:"incomplete"`
}

// Rights asks what we may do in a namespace.
func (c *Client) Rights(ctx context.Context, namespace string) (Rights, error) {
	var answer struct {
		Status Rights `json:"status"`
	}
	err := c.review(ctx, "SelfSubjectRulesReview", map[string]any{"namespace": namespace}, &answer)
	return answer.Status, err
}

// Has reports whether the rules give a right.
func (r Rights) Has(want Right) bool {
	resource := want.Resource
	if want.Subresource != "" {
		resource += "/" + want.Subresource
	}
	return slices.ContainsFunc(r.Rules, func(rule Rule) bool {
		return among(rule.Verbs, want.Verb) && among(rule.Groups, want.Group) &&
			(among(rule.Resources, resource) || want.Subresource != "" && slices.Contains(rule.Resources, "*/"+want.Subresource)) &&
			(len(rule.Names) == 0 || want.Name != "" && slices.Contains(rule.Names, want.Name))
	})
}

func among(list []string, one string) bool {
	return slices.Contains(list, one) || slices.Contains(list, "*")
}

// review asks the API server about ourselves. It changes nothing, so it may be asked twice.
func (c *Client) review(ctx context.Context, kind string, spec map[string]any, out any) error {
	const version = "authorization.k8s.io/v1"
	err := c.call(ctx, request{method: http.MethodPost, path: root(version) + "/" + strings.ToLower(kind) + "s",
		body: map[string]any{"apiVersion": version, "kind": kind, "spec": spec}}, out)
	if err != nil {
		return fmt.Errorf("ask for our rights: %w", err)
	}
	return nil
}
