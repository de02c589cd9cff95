package catalogue

// ConfigurationFile is the catalogue's file with what Sourcegraph's own configuration files contain.
const ConfigurationFile = "sourcegraph-config.yaml"

// Configuration is what Sourcegraph's own configuration files contain.
type Configuration struct {
	Redacted      []string            `yaml:"redacted"`      // what Sourcegraph's pages show in place of a secret: the beginnings of such texts
	Secrets       []string            `yaml:"secrets"`       // places of the site configuration that hold secrets: names with slashes, * is any
	SiteConfig    map[string]string   `yaml:"siteConfig"`    // the types of keys at the top, in the words of JSON; "any" where no source says it
	Deprecated    map[string]string   `yaml:"deprecated"`    // of these the keys without effect, with the reason
	AuthProviders map[string][]string `yaml:"authProviders"` // what a way to sign in must have, by its type
	Required      map[string][]string `yaml:"required"`      // what an object at a key of the site configuration must have
	Settings      map[string]string   `yaml:"settings"`      // as SiteConfig
	CodeHosts     map[string]CodeHost `yaml:"codeHosts"`     // by kind
}

// CodeHost is what a connection of one kind contains.
type CodeHost struct {
	Secrets  []string          `yaml:"secrets"` // places that hold secrets
	Required []string          `yaml:"required"`
	OneOf    []string          `yaml:"oneOf"` // at least one of these, or it has no access; none: all have
	Keys     map[string]string `yaml:"keys"`  // their types; none: they are not known
	SSH      struct {
		Host string `yaml:"host"` // the key with the host that it clones from; "": it never uses SSH
		When string `yaml:"when"` // the key that says "ssh"; "": the host itself says it

		Names map[string]string `yaml:"names"` // hosts that have another name for SSH
	} `yaml:"ssh"`
}

// Configuration is what is known of Sourcegraph's own configuration files.
func (c *Catalogue) Configuration() *Configuration {
	return must(read[Configuration](c.fsys, ConfigurationFile))
}
