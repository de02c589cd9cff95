package stages

import (
	"fmt"
	"html"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/stack"
)

// Page is what people see while Sourcegraph does not answer. It asks again by itself.
func Page(h *plan.Hop, problems diag.List) string {
	title, text := "Sourcegraph is being upgraded", fmt.Sprintf("The upgrade goes from %s to %s. Sourcegraph will be back soon. This page reloads every 30 seconds.", h.From, h.To)
	if len(problems) > 0 {
		var why []string
		for _, p := range problems {
			why = append(why, html.EscapeString(p.Summary)+" ("+p.Code+")")
		}
		title = "The upgrade of Sourcegraph waits for its admin"
		text = fmt.Sprintf("During the upgrade from %s to %s: %s. No data is lost.", h.From, h.To, strings.Join(why, "; "))
	}
	return stack.PageOf(title, text)
}
