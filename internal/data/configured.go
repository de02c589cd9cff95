package data

import (
	"context"
	_ "embed" // the script
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

//go:embed scripts/configured.sh
var configuredScript string

// Configured is what Sourcegraph holds of its own configuration. Names only: the contents have secrets.
type Configured struct {
	Connections []Connection // to code hosts
	SiteConfig  []string     // the names at the top of the site configuration
	Settings    []string     // the names at the top of the global settings
	ExternalURL string       // its address, as the site configuration says it; "" where it does not
}

// Connection is a connection to a code host.
type Connection struct {
	Kind string `json:"kind"` // "GITHUB"
	Name string `json:"name"` // as Sourcegraph's pages show it
}

// Configured asks the databases what Sourcegraph holds of its own configuration.
func (w *Worker) Configured(ctx context.Context, image Image) (*Configured, error) {
	c := &Configured{}
	into := map[string]any{"connections": &c.Connections, "siteConfig": &c.SiteConfig, "settings": &c.Settings, "externalURL": &c.ExternalURL}
	return c, w.ask(ctx, image, "configured", configuredScript, time.Minute, func(string) {}, func(kind, text string) error {
		if into[kind] == nil {
			return nil
		}
		return json.Unmarshal([]byte(text), into[kind])
	})
}

// eachFact gives the facts among the lines that a task wrote.
func eachFact(lines []string, take func(kind, text string) error) error {
	ended := false
	for _, line := range lines {
		if line == factsEnd {
			ended = true
		}
		fact, ok := strings.CutPrefix(line, factsMark)
		if !ok {
			continue
		}
		kind, text, _ := strings.Cut(fact, " ")
		if err := take(kind, text); err != nil {
			return fmt.Errorf("read what the databases report about %s: %w", kind, err)
		}
	}
	if !ended {
		return fmt.Errorf("the databases did not report everything: %s", strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	return nil
}
