// Package docs holds the pages of this folder, so that berth help shows them where there is no browser.
package docs

import "embed"

// Pages are the Markdown pages. The generated references of codes, keys and releases are left out: berth explain and berth catalogue have them.
//
//go:embed [^c]*.md cli.md connect.md customize.md
var Pages embed.FS
