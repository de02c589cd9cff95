package catalogue

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// SupportStatus says how far something is supported.
type SupportStatus string

// The statuses of the support record.
const (
	Supported   SupportStatus = "supported"
	Guidance    SupportStatus = "guidance"    // supported, with what the statement adds
	Deprecated  SupportStatus = "deprecated"  // still supported, and on its way out
	Exception   SupportStatus = "exception"   // needs one
	Unsupported SupportStatus = "unsupported" //
	Unknown     SupportStatus = "unknown"     // no source says
)

// SupportRecord is what is officially supported, as support.yaml has it.
type SupportRecord struct {
	Docs string `yaml:"docs"` // where paths of sources begin
	Read string `yaml:"read"` // when its sources were read, yyyy-mm-dd, where a statement says no other day
	// Deciders may decide about exceptions.
	Deciders []Decider        `yaml:"deciders"`
	Fillers  []string         `yaml:"fillers"`
	Subjects []SupportSubject `yaml:"subjects"`
}

// Decider is somebody who may decide about exceptions.
type Decider struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key"` // the public key of minisign, in one line
}

// SupportSubject is a thing that people ask about.
type SupportSubject struct {
	ID         string             `yaml:"id" json:"id"`
	Title      string             `yaml:"title" json:"title"`
	Words      []string           `yaml:"words" json:"words"`                     // that people call it by
	Is         string             `yaml:"is" json:"is,omitempty"`                 // "option": a deployment option; "target": a place to run
	Takes      string             `yaml:"takes" json:"takes,omitempty"`           // "version": its version matters
	VersionOf  string             `yaml:"versionOf" json:"versionOf,omitempty"`   // a version behind it is one of that subject
	Also       []string           `yaml:"also" json:"also,omitempty"`             // subjects that a question about it is about, too
	Statements []SupportStatement `yaml:"statements" json:"statements,omitempty"` // in order: the first that fits
	// Life of a deployment option is what counts where no statement fits; WayOff is where it leads.
	Life   Life    `yaml:"life" json:"life,omitempty"`
	WayOff *WayOff `yaml:"wayOff" json:"wayOff,omitempty"`
}

// SupportStatement says how far a subject is supported.
type SupportStatement struct {
	Releases string        `yaml:"releases" json:"releases,omitempty"` // of Sourcegraph: ">=6.0 <7.0"; "": all
	Versions string        `yaml:"versions" json:"versions,omitempty"` // of the subject; "": all
	Status   SupportStatus `yaml:"status" json:"status"`
	Says     string        `yaml:"says" json:"says"`
	Source   string        `yaml:"source" json:"source"`               // an address, or a path under Docs
	Read     string        `yaml:"read" json:"read"`                   // when the source was read, yyyy-mm-dd
	Evidence string        `yaml:"evidence" json:"evidence,omitempty"` // a test of berth that showed it
}

// supportFile is the catalogue's file with the support record.
const supportFile = "support.yaml"

// SupportRecord is what is officially supported. Sources are whole addresses in it.
// Nobody changes it.
func (c *Catalogue) SupportRecord() *SupportRecord {
	if c.fast {
		return builtInRecord()
	}
	return must(read[SupportRecord](c.fsys, supportFile)).whole()
}

var builtInRecord = sync.OnceValue(func() *SupportRecord { return must(read[SupportRecord](files, supportFile)).whole() })

// ParseSupportRecord reads a record that is newer than the program.
func ParseSupportRecord(text []byte) (*SupportRecord, error) {
	var r SupportRecord
	if err := yaml.Load(text, &r); err != nil { // keys of a later form are no harm
		return nil, err
	}
	return r.whole(), nil
}

// whole writes sources as whole addresses, and the day of reading to each statement and stage.
func (r *SupportRecord) whole() *SupportRecord {
	read := func(source, day *string) {
		*day = cmp.Or(*day, r.Read)
		if !strings.Contains(*source, "://") {
			*source = r.Docs + "/" + strings.TrimSuffix(strings.TrimSuffix(*source, ".mdx"), "/index")
		}
	}
	for _, s := range r.Subjects {
		for k := range s.Statements {
			read(&s.Statements[k].Source, &s.Statements[k].Read)
		}
		for k := range s.Life {
			read(&s.Life[k].Source, &s.Life[k].Read)
		}
	}
	return r
}

// Within reports whether a version is in a range such as ">=6.0 <7.0". A version with fewer numbers than a bound stands for its newest patch, so
// "16" is within ">=14.4". Of one with more numbers those count that the bound has, so "16.2" is 16.
func Within(version, bounds string) (bool, error) {
	for bound := range strings.FieldsSeq(bounds) {
		operator := bound[:len(bound)-len(strings.TrimLeft(bound, "<>="))]
		c, err := compareBound(version, bound[len(operator):])
		if err != nil {
			return false, err
		}
		fits, known := map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0, "=": c == 0}[operator]
		if !known {
			return false, fmt.Errorf("%q is not a bound", bound)
		}
		if !fits {
			return false, nil
		}
	}
	return true, nil
}

// compareBound is CompareVersions for a version and a bound.
func compareBound(version, bound string) (int, error) {
	for _, v := range []string{version, bound} {
		for number := range strings.SplitSeq(v, ".") {
			if _, err := strconv.Atoi(number); err != nil {
				return 0, fmt.Errorf("%q is no version", v)
			}
		}
	}
	if strings.HasPrefix(bound, version+".") {
		return 1, nil
	}
	numbers := strings.Split(version, ".")
	return CompareVersions(strings.Join(numbers[:min(len(numbers), strings.Count(bound, ".")+1)], "."), bound), nil
}
