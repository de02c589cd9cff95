package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Refusal is an answer of the API server that is not what was asked for.
type Refusal struct {
	Status  int
	Reason  string // "NotFound", "Invalid"; "" when what answered is no API server
	Message string
	Causes  []Cause
}

// Cause is one reason of a refusal.
type Cause struct {
	Field   string // "spec.selector"
	Reason  string
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// refusal is what a refusing answer says. generic is what client-go makes of its status alone; text is the answer itself, which
// client-go keeps there when it is not JSON.
func refusal(generic metav1.Status, text []byte) *Refusal {
	r := &Refusal{Status: int(generic.Code)}
	if len(text) == 0 && generic.Details != nil && len(generic.Details.Causes) > 0 {
		text = []byte(generic.Details.Causes[0].Message)
	}
	var said metav1.Status
	if json.Unmarshal(text, &said) == nil && said.Kind == "Status" && said.Message != "" {
		r.Reason, r.Message = string(said.Reason), said.Message
		if said.Details != nil {
			for _, c := range said.Details.Causes {
				r.Causes = append(r.Causes, Cause{Field: c.Field, Reason: string(c.Type), Message: c.Message})
			}
		}
		return r
	}
	// Something in between answered: a proxy, a load balancer.
	r.Message = strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Status, http.StatusText(r.Status), strings.Join(strings.Fields(string(text[:min(len(text), 300)])), " ")))
	return r
}

func refused(err error, status int, reason string) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Status == status && (reason == "" || r.Reason == reason)
}

// NotFound reports whether an object, or its whole kind, is not there.
func NotFound(err error) bool { return refused(err, http.StatusNotFound, "") }

// Forbidden reports whether we may not do it, or an admission plugin or quota is against it.
func Forbidden(err error) bool { return refused(err, http.StatusForbidden, "") }

// Invalid reports whether an object is refused for what is in it.
func (r *Refusal) Invalid() bool {
	return r.Status == http.StatusUnprocessableEntity || r.Status == http.StatusBadRequest
}

// misshapen reports whether an object that was to be applied has fields of a wrong kind, which API servers call an error of theirs.
func (r *Refusal) misshapen() bool {
	return r.Status == http.StatusInternalServerError && strings.Contains(r.Message, "typed patch object")
}

// Exists reports whether an object that was to be made is there already.
func Exists(err error) bool { return refused(err, http.StatusConflict, "AlreadyExists") }

// Conflict reports whether somebody else changed the object meanwhile, or owns fields of it: see Owners.
func Conflict(err error) bool { return refused(err, http.StatusConflict, "Conflict") }

// Owner is who else sets a field that was to be applied.
type Owner struct {
	Field   string // ".spec.replicas"
	Manager string // "kubectl-client-side-apply"
}

// Owners are the owners of fields that kept an object from being applied without force.
func Owners(err error) []Owner {
	var r *Refusal
	if !Conflict(err) || !errors.As(err, &r) {
		return nil
	}
	var owners []Owner
	for _, c := range r.Causes {
		if c.Reason != "FieldManagerConflict" {
			continue
		}
		// conflict with "kubectl" using apps/v1
		_, rest, _ := strings.Cut(c.Message, `"`)
		manager, _, _ := strings.Cut(rest, `"`)
		owners = append(owners, Owner{Field: c.Field, Manager: manager})
	}
	return owners
}
