package doctor

import (
	"fmt"

	"berth/internal/diag"
)

// objectChecks look at object storage of the admin's own. The bundled one is a service as others are.
var objectChecks = []*Check{
	{Code: "BERTH5044", Looks: "whether your own object storage can write, read and delete an object, and returns the same bytes", Needs: []Source{FromObjects},
		Symptoms: []string{"uploads of code intelligence are not processed"}, find: refusesObjects},
	{Code: "BERTH5045", Looks: "whether this machine, and so Sourcegraph, knows the authority of your own object storage's certificate", Needs: []Source{FromObjects},
		Symptoms: []string{"x509: certificate signed by unknown authority", "uploads of code intelligence are not processed"}, find: unknownAuthority},
}

// refusesObjects: a store that answers and refuses does so to Sourcegraph, too.
func refusesObjects(e *Evidence, c *Check) []*Finding {
	if e.Objects == nil || e.Objects.Refuses == "" || e.Objects.Untrusted {
		return nil
	}
	return storage(c.found("object storage", diag.Error, fmt.Sprintf("the bucket %s does not %s an object", e.Objects.Bucket, e.Objects.Step),
		"check that the keys of the config may put, get and delete there: berth explain objectStorage", e.Objects.Refuses))
}

func unknownAuthority(e *Evidence, c *Check) []*Finding {
	if e.Objects == nil || !e.Objects.Untrusted {
		return nil
	}
	return storage(c.found("object storage", diag.Error, "its certificate is of an authority that this machine does not know",
		"name the file with the authority:  objectStorage: {ca: ca.pem}  then: berth up", e.Objects.Refuses))
}

// storage is a finding about what stands in blobstore's place: services need it by that name.
func storage(f *Finding) []*Finding {
	f.Service = "blobstore"
	return []*Finding{f}
}
