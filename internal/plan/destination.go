package plan

import (
	"fmt"

	"berth/catalogue"
)

// Destination is an installation that a move leads to, or comes from.
type Destination struct {
	File         string           `json:"file"`              // its config, as the admin named it
	Context      string           `json:"context,omitempty"` // of kubectl or docker, where the admin named it
	Installation string           `json:"installation"`
	Target       catalogue.Target `json:"target"`
	URL          string           `json:"url"`
}

// String says which one it is, as part of a sentence.
func (d *Destination) String() string { return fmt.Sprintf("%s on %s", d.Installation, d.Target) }

// Command is the command that moves there, without the name of the program.
func (d *Destination) Command() string {
	text := "move --to " + d.File
	if d.Context != "" {
		text += " --to-context " + d.Context
	}
	return text
}

// Clones are repositories that are cloned again.
type Clones struct {
	Repositories int     `json:"repositories"`
	Bytes        int64   `json:"bytes"`
	Seconds      float64 `json:"seconds"` // at CloneRate
}

// CloneRate is how many bytes a second are cloned, as plans assume: code hosts and networks differ.
const CloneRate = 10 << 20
