// Package release compares the versions of Sourcegraph: by major and minor, because patch numbers never decide anything here.
package release

import (
	"fmt"
	"strconv"
	"strings"
)

// Minor is a major and minor version, such as 7.5.
type Minor struct{ Major, Minor int }

// last has the last minor of each major that is complete.
var last = map[int]int{3: 43, 4: 5, 5: 11, 6: 12}

// Parse reads 7.5, v7.5 or 7.5.4453.
func Parse(v string) (Minor, error) {
	parts := strings.Split(strings.TrimPrefix(v, "v"), ".")
	if len(parts) < 2 {
		return Minor{}, fmt.Errorf("%q is no version such as 7.5 or 7.5.4453", v)
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return Minor{}, fmt.Errorf("%q is no version such as 7.5 or 7.5.4453", v)
	}
	return Minor{major, minor}, nil
}

// Must is Parse for the versions that are written in this program.
func Must(v string) Minor {
	m, err := Parse(v)
	if err != nil {
		panic(err)
	}
	return m
}

func (m Minor) String() string { return fmt.Sprintf("%d.%d", m.Major, m.Minor) }

// Less orders minors.
func (m Minor) Less(o Minor) bool {
	return m.Major < o.Major || m.Major == o.Major && m.Minor < o.Minor
}

// Next is the minor that follows; after the last minor of a major comes x+1.0.
func (m Minor) Next() Minor {
	if n, ok := last[m.Major]; ok && m.Minor >= n {
		return Minor{m.Major + 1, 0}
	}
	return Minor{m.Major, m.Minor + 1}
}

// Previous is the minor before; before x.0 comes the last minor of the major before.
func (m Minor) Previous() Minor {
	if m.Minor > 0 {
		return Minor{m.Major, m.Minor - 1}
	}
	return Minor{m.Major - 1, last[m.Major-1]}
}

// In is true for releases from the first up to and not including the second; an empty bound is none.
func (m Minor) In(from, to string) bool {
	return (from == "" || !m.Less(Must(from))) && (to == "" || m.Less(Must(to)))
}

// Between lists the minors after from up to and including to.
func Between(from, to Minor) []Minor {
	var out []Minor
	for m := from.Next(); !to.Less(m); m = m.Next() {
		out = append(out, m)
	}
	return out
}

// Direct is true when Sourcegraph's own check lets an instance go from one release to the other in one step: every step back, at most one minor
// ahead within a major, and from any minor of a major to the next major's first. It does not ask whether that does harm.
//
// Source: internal/version/upgradestore in https://github.com/sourcegraph/sourcegraph-public-snapshot (IsValidUpgrade, as of 2024)
func Direct(from, to Minor) bool {
	if from.Major == to.Major {
		return to.Minor <= from.Minor+1
	}
	return to.Major < from.Major || to == Minor{from.Major + 1, 0}
}
