package catalogue

import "embed"

//go:embed index.yaml notices.yaml services.yaml import.yaml intended.yaml releases fast
var files embed.FS
