package doctor

import (
	"fmt"

	"berth/internal/diag"
)

// objectChecks look at object storage of the admin's own. The bundled one is a service as others are.
var objectChecks = []*Check{
	{Code: "BERTH5044", Looks: "whether your own object storage takes, gives and deletes an object, and whether it is the one that was written", Needs: []Source{FromObjects},
		Symptoms: []string{"uploads of code intelligence are not processed"}, find: refusesObjects},
}

// refusesObjects: a store that answers and refuses does so to Sourcegraph, too.
func refusesObjects(e *Evidence, c *Check) []*Finding {
	if e.Objects == nil || e.Objects.Refuses == "" {
		return nil
	}
	return []*Finding{c.found("object storage", diag.Error, fmt.Sprintf("the bucket %s does not %s an object", e.Objects.Bucket, e.Objects.Step),
		"see that the keys of the config may put, get and delete there: berth explain objectStorage", e.Objects.Refuses)}
}
