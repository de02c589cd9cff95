package catalogue

import "embed"

//go:embed controllers.yaml index.yaml known-issues.yaml notices.yaml relations.yaml scaling.yaml services.yaml sizes.yaml support.yaml upgrades.yaml import.yaml intended.yaml postgres.yaml sourcegraph-config.yaml state.yaml releases fast
var files embed.FS
