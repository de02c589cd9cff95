package catalogue

// Scaling says what single services need for a load, as scaling.yaml has it.
type Scaling struct {
	Source   string            `yaml:"source"`
	Read     string            `yaml:"read"` // yyyy-mm-dd
	Fixes    map[string]string `yaml:"fixes"`
	Machines []Machine         `yaml:"machines"`
	Larger   []Size            `yaml:"larger"` // than those of sizes.yaml
	Moves    []MeasuredMove    `yaml:"moves"`  // the smallest first
	Node     Machine           `yaml:"node"`
	Tables   []ScalingTable    `yaml:"tables"`
}

// Machine is a kind of machine, by its names.
type Machine struct {
	Cores  int    `yaml:"cores" json:"cores"`
	Memory int    `yaml:"memory" json:"memory"` // GB
	AWS    string `yaml:"aws" json:"aws"`
	GCP    string `yaml:"gcp" json:"gcp"`
	Azure  string `yaml:"azure" json:"azure"`
}

// MeasuredMove is what a move of an installation cost.
type MeasuredMove struct {
	Databases float64 `yaml:"databases"` // GB
	Down      int     `yaml:"down"`      // seconds in which nobody could write
	Short     int     `yaml:"short"`     // the same with --short-downtime
	When      string  `yaml:"when"`
	Machine   string  `yaml:"machine"`
}

// ScalingTable is what a service needs at some amounts of something.
type ScalingTable struct {
	Service string         `yaml:"service"`
	By      string         `yaml:"by"`
	Points  []ScalingPoint `yaml:"points"`
}

// ScalingPoint is the need at an amount. What is 0 the table says nothing about. Memory and disks are GB, CPUs cores; each for one instance.
type ScalingPoint struct {
	At               float64 `yaml:"at" json:"-"`
	Replicas         float64 `yaml:"replicas" json:"replicas"`
	CPURequest       float64 `yaml:"cpuRequest" json:"cpuRequest"`
	CPU              float64 `yaml:"cpu" json:"cpu"`
	MemoryRequest    float64 `yaml:"memoryRequest" json:"memoryRequest"`
	Memory           float64 `yaml:"memory" json:"memory"`
	EphemeralRequest float64 `yaml:"ephemeralRequest" json:"ephemeralRequest"`
	Ephemeral        float64 `yaml:"ephemeral" json:"ephemeral"`
	Disk             float64 `yaml:"disk" json:"disk"`
}

// scalingFile is the catalogue's file with the reference points.
const scalingFile = "scaling.yaml"

// Scaling is what is known of the needs of single services.
func (c *Catalogue) Scaling() *Scaling { return must(read[Scaling](c.fsys, scalingFile)) }
