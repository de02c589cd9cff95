package check

import (
	"fmt"
	"strings"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/jsonc"
)

// siteConfigKeys: keys that berth writes into Sourcegraph's site configuration need that configuration to be a file. berth does not make it
// one unasked, since a file replaces at every start what people edited in Sourcegraph's pages.
func (c *checker) siteConfigKeys() {
	if c.rel == nil || c.SiteConfig != nil {
		return
	}
	// url is needed anyhow, and may be set in the pages. For the registry executors are reported.
	reported := map[string]bool{"url": true, catalogue.RegistryKey: true}
	for _, w := range c.rel.Relations.SiteConfig {
		if c.writes(w.Key) && !reported[w.Key] {
			reported[w.Key] = true
			c.errorf("BERTH1169", w.Key, "add  siteConfig: {file: site-config.json}  with your site configuration in that file, or set this in Sourcegraph's own pages",
				"%s is part of Sourcegraph's site configuration, and this config has no file for that", w.Key)
		}
	}
}

// writes reports whether the config has a value for the site configuration at a key.
func (c *checker) writes(key string) bool {
	switch key {
	case "license":
		return c.License != nil
	case "executors":
		return c.Executors != nil
	case catalogue.RegistryKey:
		return c.Executors != nil && c.Images.Registry != ""
	}
	return c.doc.Has(key)
}

// siteConfigFile: what berth writes into the site configuration agrees with what the file says there.
func (c *checker) siteConfigFile() {
	if c.rel == nil || c.SiteConfig == nil || c.SiteConfig.File == "" {
		return
	}
	data, err := c.world.ReadFile(c.SiteConfig.File)
	if err != nil {
		return // the rule files reports it
	}
	file, ok := jsonc.Parse(data)
	if !ok {
		return // the rule files reports it
	}
	if _, object := file.Any.(map[string]any); !object {
		c.inSiteConfig(data, 0, "", "write an object:  {}", "the site configuration must be an object")
		return
	}
	for _, w := range c.rel.Relations.SiteConfig {
		if c.writes(w.Key) && w.Holds(c.rel.Version, c.On) {
			c.written(data, file, w)
		}
	}
}

// written checks one place that berth writes.
func (c *checker) written(data []byte, file jsonc.Value, w catalogue.Written) {
	name := strings.Join(w.Path, " / ")
	for i := 1; i < len(w.Path); i++ {
		if v := file.At(w.Path[:i]...); v != nil {
			if _, object := v.Any.(map[string]any); !object {
				c.inSiteConfig(data, v.Start, w.Key, "write an object:  {}", "%s must be an object, because berth writes %s into it", strings.Join(w.Path[:i], " / "), w.Key)
				return
			}
		}
	}
	there := file.At(w.Path...)
	if there == nil {
		return
	}
	switch w.Both {
	case catalogue.Same:
		text, _ := there.Any.(string)
		if text = strings.TrimRight(text, "/"); text != strings.TrimRight(c.URL, "/") && text != strings.TrimRight(address.Of(c.Config).URL(), "/") {
			c.inSiteConfig(data, there.Start, w.Key, "remove it here, because berth writes url into it", "%s differs from %s, %s", name, w.Key, c.URL)
		}
	case catalogue.Join:
		if _, list := there.Any.([]any); !list {
			c.inSiteConfig(data, there.Start, w.Key, "write a list:  []", "%s must be a list, because berth adds those of %s to it", name, w.Key)
		}
	case catalogue.Refuse:
		hint := "remove it here, or remove " + w.Key + " from the config"
		if w.Instead != "" {
			hint = "move it to a file of its own:  " + nested(w.Instead, "{file: PATH}")
		}
		c.inSiteConfig(data, there.Start, w.Key, hint, "both this file and %s set %s", w.Key, name)
	}
}

// nested writes a key with its value in one line.
func nested(path, value string) string {
	keys := strings.Split(path, ".")
	text := keys[len(keys)-1] + ": " + value
	for i := len(keys) - 2; i >= 0; i-- {
		text = keys[i] + ": {" + text + "}"
	}
	return text
}

// inSiteConfig reports a place of the site configuration, and the key of the config that is concerned.
func (c *checker) inSiteConfig(data []byte, offset int, key, hint, format string, args ...any) {
	at := config.PlaceInJSON(c.SiteConfig.File, data, offset)
	c.add("BERTH1180", at, hint, format, args...)
	if key != "" {
		from := c.doc.At(key)
		c.problems[len(c.problems)-1].Detail = []string{fmt.Sprintf("siteConfig.file names this file; %s:%d has %s", from.File, from.Line, key)}
	}
}
