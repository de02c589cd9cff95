package upgrade

import (
	"fmt"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
)

// Refused says why an installation that does not run a release must not go to it. One that runs it already may be deployed again, stopped and
// upgraded from: ask only where another release runs, or none.
func Refused(c *catalogue.Catalogue, release string, target catalogue.Target) diag.List {
	for _, n := range c.Notices(release, target) {
		if n.Use == catalogue.AnyUse {
			return diag.List{{Code: "BERTH1134", Severity: diag.Error, Subject: "release", Detail: []string{n.Reason, "source: " + n.Source},
				Summary: fmt.Sprintf("release %s must not be used with %s", release, config.Title(target)), Hint: "write  release: " + n.Instead}}
		}
	}
	return nil
}
