package catalogue

import "embed"

//go:embed index.yaml notices.yaml services.yaml upgrades.yaml import.yaml intended.yaml releases fast
var files embed.FS
