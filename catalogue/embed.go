package catalogue

import "embed"

//go:embed index.yaml notices.yaml services.yaml import.yaml intended.yaml releases/*.yaml fast/*.json
var files embed.FS
