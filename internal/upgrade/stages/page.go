package stages

import (
	"fmt"
	"html"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
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
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="30">` +
		`<title>` + title + `</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem;color:#1d212f;background:#fff}` +
		`@media(prefers-color-scheme:dark){body{color:#e6ebf2;background:#14171f}}</style></head><body><main><h1>` + title + `</h1><p role="status">` + text + `</p></main></body></html>`
}
