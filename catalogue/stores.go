package catalogue

// Stores say who uses which store, and by which variables. Services that a release does not have don't matter for it.
type Stores struct {
	Postgres      PostgresStores        `yaml:"postgres"`
	Redis         map[string]RedisStore `yaml:"redis"`         // by service
	ObjectStorage []Uploads             `yaml:"objectStorage"` // the uses of object storage
	Trust         Trust                 `yaml:"trust"`
}

// PostgresStores are the databases. Their clients read certificates from one set of variables for all databases.
type PostgresStores struct {
	CA                string                   `yaml:"ca"` // the variable with the path
	ClientCertificate string                   `yaml:"clientCertificate"`
	ClientKey         string                   `yaml:"clientKey"`
	Identity          map[string]string        `yaml:"identity"`  // the variables of clients that sign in by their identity at AWS
	Databases         map[string]DatabaseStore `yaml:"databases"` // by service
}

// DatabaseStore is one of the Postgres databases.
type DatabaseStore struct {
	Prefix   string   `yaml:"prefix"`   // of the variables with its address: "CODEINTEL_PG" of CODEINTEL_PGHOST. A client without them asks the frontend
	Exporter string   `yaml:"exporter"` // the service that measures it
	User     string   `yaml:"user"`     // of the bundled one
	Database string   `yaml:"database"` // of the bundled one
	Clients  []string `yaml:"clients"`  // the services that open it

	Extensions []string `yaml:"extensions"` // of Postgres, that the migrator creates there
}

// RedisStore is one of the Redis stores.
type RedisStore struct {
	Variable string   `yaml:"variable"` // with its address
	Clients  []string `yaml:"clients"`
}

// Uploads is one use of object storage.
type Uploads struct {
	When    `yaml:",inline"`
	Prefix  string   `yaml:"prefix"` // of its variables
	Clients []string `yaml:"clients"`
}

// Trust is how clients get further certificate authorities, where a store has no variable for them.
type Trust struct {
	Variable string `yaml:"variable"` // with folders, separated by colons
	Folders  string `yaml:"folders"`  // its default
}

// Outside says to whom outside the installation a service talks, by the client that it uses.
type Outside struct {
	When   `yaml:",inline"`
	Needs  string   `yaml:"needs,omitempty"`  // a key of the config without which it talks to nobody outside; "": none
	HTTP   []string `yaml:"http"`             // by clients that take the variables of proxies
	Direct []string `yaml:"direct,omitempty"` // by clients that don't: ssh, mail, databases
}
