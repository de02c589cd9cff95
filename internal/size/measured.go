package size

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"berth/catalogue"
)

// Seen is what an installation uses, as it was looked at.
type Seen struct {
	Installation string           `json:"installation"`
	Release      string           `json:"release"`
	Target       catalogue.Target `json:"target"`
	Taken        time.Time        `json:"taken"`
	Content      *Content         `json:"content,omitempty"` // nil: pgsql could not be asked
	Services     []Peak           `json:"services"`
	Disks        []Disk           `json:"disks"`
	Unknown      []string         `json:"unknown,omitempty"` // what could not be looked at, and why
}

// Content is what an installation has, as its database counts it.
type Content struct {
	People          int     `json:"people"`
	NewPeople       int     `json:"newPeople"` // of the last thirty days
	Repositories    int     `json:"repositories"`
	NewRepositories int     `json:"newRepositories"` // the same
	Bytes           int64   `json:"bytes"`           // of all repositories
	Largest         int64   `json:"largestBytes"`    // repository
	Days            float64 `json:"days"`            // since the first person was added
}

// Peak is the most that an instance of a service used.
type Peak struct {
	Service     string  `json:"service"`
	Instances   int     `json:"instances"`
	CPU         float64 `json:"cpu"`                   // cores; -1: not known
	CPULimit    float64 `json:"cpuLimit,omitempty"`    // 0: none
	Memory      float64 `json:"memory"`                // bytes; -1: not known
	MemoryLimit float64 `json:"memoryLimit,omitempty"` // 0: none
	Days        float64 `json:"days,omitempty"`        // that the most was looked for in; 0: only now
}

// Disk is a file system that instances keep data on.
type Disk struct {
	Name      string   `json:"name"` // what people call it: "gitserver-0:/data/repos", or a device that several share
	Instances []string `json:"instances"`
	Service   string   `json:"service,omitempty"` // whose volume it is, where it is one's alone
	Size      int64    `json:"size"`              // bytes
	Free      int64    `json:"free"`
	PerDay    float64  `json:"perDay"`         // bytes by which it fills; below 0: it empties
	Days      float64  `json:"days,omitempty"` // of history that say so; 0: none
}

// What is judged from.
const (
	month    = 30.0
	enough   = 2.0 // days of history that make a pace
	sure     = 7.0 // days of history that show what is too big
	tight    = 0.9 // of a limit
	idle     = 0.3 // of a limit
	headroom = 1.5 // above the most that was used
	gib      = 1 << 30
)

// Full is in how many days the disk is full at its pace; ok is false where it does not fill, or where there is no pace yet.
func (d Disk) Full() (days float64, ok bool) {
	if d.Days < enough || d.PerDay <= 0 {
		return 0, false
	}
	return float64(d.Free) / d.PerDay, true
}

// Measured is what follows from what was seen.
type Measured struct {
	Seen
	Size    string  `json:"size,omitempty"` // that its people and repositories ask for; "": not known
	For     string  `json:"for,omitempty"`  // up to how many that size is for
	Limits  []Limit `json:"limits"`         // that are met at this pace, the first one first
	Wrong   []Wrong `json:"wrong"`          // services whose limit is too small, or larger than needed
	History float64 `json:"historyDays"`    // of Prometheus
}

// Limit is one that is met when everything goes on as it did.
type Limit struct {
	What string  `json:"what"`
	Days float64 `json:"days"`
}

// String says when.
func (l Limit) String() string {
	return fmt.Sprintf("%s in %s at this pace", l.What, daysText(l.Days))
}

func daysText(days float64) string {
	switch {
	case days < 1:
		return "less than a day"
	case days < 1.5:
		return "1 day"
	case days < 730:
		return fmt.Sprintf("%.0f days", days)
	}
	return fmt.Sprintf("%.0f years", days/365)
}

// Wrong is a service whose limit does not fit what it uses.
type Wrong struct {
	Service string `json:"service"`
	Why     string `json:"why"`
	Memory  int    `json:"memoryGiB"` // the limit that fits
}

// Judge says what follows from what was seen. shipped is the memory limit that the release ships for a service, in bytes; 0: none.
func (t Tables) Judge(s Seen, shipped func(service string) int64) Measured {
	m := Measured{Seen: s, Limits: []Limit{}, Wrong: []Wrong{}}
	if c := s.Content; c != nil {
		size, beyond := t.size(Load{People: c.People, Repositories: c.Repositories})
		m.Size, m.For = size.Name, fmt.Sprintf("%d people and %d repositories", size.People, size.Repositories)
		if beyond {
			m.For = "more than Sourcegraph has figures for"
		} else if c.Days >= month {
			m.grows("its people outgrow size "+size.Name, size.People-c.People, c.NewPeople)
			m.grows("its repositories outgrow size "+size.Name, size.Repositories-c.Repositories, c.NewRepositories)
		}
	}
	for _, d := range s.Disks {
		if days, ok := d.Full(); ok {
			m.Limits = append(m.Limits, Limit{"the disk " + d.Name + " is full", days})
		}
	}
	slices.SortStableFunc(m.Limits, func(a, b Limit) int { return cmp.Compare(a.Days, b.Days) })
	for _, p := range s.Services {
		m.History = max(m.History, p.Days)
		if w, wrong := p.wrong(shipped(p.Service)); wrong {
			m.Wrong = append(m.Wrong, w)
		}
	}
	return m
}

// grows notes when what is left is used up, at the pace of the last thirty days.
func (m *Measured) grows(what string, left, monthly int) {
	if monthly > 0 {
		m.Limits = append(m.Limits, Limit{what, float64(left) / float64(monthly) * month})
	}
}

// wrong says whether a service's memory limit is too small, or larger than needed: it never asks for less than what the release ships.
func (p Peak) wrong(shipped int64) (Wrong, bool) {
	if p.MemoryLimit <= 0 || p.Memory < 0 {
		return Wrong{}, false
	}
	fits := int(math.Ceil(p.Memory * headroom / gib))
	used := fmt.Sprintf("%.1f of %.1f GiB at most", p.Memory/gib, p.MemoryLimit/gib)
	switch least := int(math.Ceil(float64(shipped) / gib)); {
	case p.Memory > tight*p.MemoryLimit:
		return Wrong{p.Service, "too small: it used " + used, max(fits, least)}, true
	case p.Days >= sure && p.Memory < idle*p.MemoryLimit && shipped > 0 && p.MemoryLimit > float64(shipped) && float64(max(fits, least))*gib < p.MemoryLimit:
		return Wrong{p.Service, "larger than needed: it used " + used, max(fits, least)}, true
	}
	return Wrong{}, false
}

// Line is all of it in one line.
func (m Measured) Line() string {
	line := "size not known"
	if m.Size != "" {
		line = "size " + m.Size
	}
	if len(m.Limits) > 0 {
		line += "; " + m.Limits[0].String()
	}
	if len(m.Wrong) > 0 {
		line += fmt.Sprintf("; %s is %s", m.Wrong[0].Service, m.Wrong[0].Why)
	}
	return line
}

// Note is the note in an installation's state with what was measured last, for berth status.
const Note = "measured"

// Noted is that note.
type Noted struct {
	Line string    `json:"line"`
	On   time.Time `json:"on"`
}
