package contents

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/catalogue"
	"berth/internal/diag"
)

// SettingProblem is what is wrong with one setting of Postgres.
type SettingProblem struct {
	Name    string
	Code    string
	Summary string
	Hint    string
	Warning bool
}

// Settings checks settings of a bundled Postgres of a major release: names, types, units, bounds, and what berth or the image decides.
func Settings(known *catalogue.PostgresSettings, major int, settings map[string]string) (problems []SettingProblem) {
	all := known.Of(major)
	if all == nil {
		return nil
	}
	byName := map[string]string{}
	for name := range all {
		byName[strings.ToLower(name)] = name
	}
	for _, written := range slices.Sorted(maps.Keys(settings)) {
		name, value := byName[strings.ToLower(written)], settings[written]
		report := func(code, hint, format string, args ...any) {
			problems = append(problems, SettingProblem{Name: written, Code: code, Hint: hint, Summary: fmt.Sprintf(format, args...)})
		}
		switch s := catalogue.ReadPostgresSetting(all[name]); {
		case name == "" && strings.Contains(written, "."): // of an extension, which the server takes without knowing it
		case name == "":
			hint := unknownSetting(known, major, written, all)
			report("BERTH1501", hint, "Postgres %d has no setting %s, and does not start with an unknown one", major, written)
		case known.Owned[name] != "":
			report("BERTH1503", "remove it", "%s can't be set: %s", name, known.Owned[name])
		case s.Type == "internal":
			report("BERTH1503", "remove it", "%s can't be set: it only shows how the server was built or runs", name)
		default:
			if why, instead := wrong(s, value); why != "" {
				if instead != "" {
					instead = "write  " + written + ": " + instead
				}
				report("BERTH1502", instead, "%s = %s: %s", name, shown(value), why)
			} else if r, risky := known.Risky[name]; risky && boolean(value) == r.Value {
				report("BERTH1504", "remove it", "%s = %s: %s", name, value, r.Risk)
				problems[len(problems)-1].Warning = true
			}
		}
	}
	return problems
}

// shown is a value in a message: the end of a long one is left out.
func shown(value string) string {
	if text := []rune(value); len(text) > 40 {
		return strconv.Quote(string(text[:40]) + "…")
	}
	return strconv.Quote(value)
}

// unknownSetting says what was most likely meant.
func unknownSetting(known *catalogue.PostgresSettings, major int, written string, all map[string]string) string {
	for _, other := range []int{12, 16} {
		if other != major && known.Of(other)[written] != "" {
			return fmt.Sprintf("only Postgres %d has it: remove it, or see the release notes of Postgres for what replaces it", other)
		}
	}
	if guess := diag.Closest(written, slices.Collect(maps.Keys(all))); guess != "" {
		return "did you mean " + guess + "?"
	}
	return "remove it; SHOW ALL lists the settings"
}

// setting is what one setting takes, with the rules for its values.
type setting = catalogue.PostgresSetting

// wrong says why a value is wrong, and what to write instead; "" where that is known.
func wrong(s setting, value string) (why, instead string) {
	switch s.Type {
	case "bool":
		if boolean(value) == "" {
			return "must be on or off", ""
		}
	case "enum":
		return wrongWord(s, value)
	case "integer", "real":
		return wrongNumber(s, value)
	}
	return "", ""
}

func wrongWord(s setting, value string) (why, instead string) {
	same := func(v string) bool { return strings.EqualFold(v, value) }
	if slices.ContainsFunc(s.Values, same) || slices.Contains(s.Values, "on") && boolean(value) != "" {
		return "", ""
	}
	return "must be " + diag.Listed(s.Values, "or"), diag.Closest(value, s.Values)
}

// boolean reads a truth value as Postgres does: any beginning of a word that is no beginning of another. "" is none.
func boolean(text string) string {
	t := strings.ToLower(strings.TrimSpace(text))
	for word, value := range map[string]string{"true": "on", "false": "off", "yes": "on", "no": "off"} {
		if t != "" && strings.HasPrefix(word, t) {
			return value
		}
	}
	switch t {
	case "on", "1":
		return "on"
	case "off", "of", "0":
		return "off"
	}
	return ""
}

var numberForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))\s*([A-Za-zµ]*)\s*$`)
})

// The units of Postgres, which distinguishes small letters from large ones. https://www.postgresql.org/docs/16/config-setting.html
var (
	memoryUnits = map[string]float64{"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "8kB": 8 << 10}
	timeUnits   = map[string]float64{"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
)

// unitNames are the units that a text may have, from small to large.
func unitNames(base string) []string {
	if memoryUnits[base] > 0 {
		return []string{"B", "kB", "MB", "GB", "TB"}
	}
	return []string{"us", "ms", "s", "min", "h", "d"}
}

// looseUnits are units as people write them from habit.
var looseUnits = map[string]string{"b": "B", "k": "kB", "kb": "kB", "ki": "kB", "kib": "kB", "m": "MB", "mb": "MB", "mi": "MB", "mib": "MB", "g": "GB", "gb": "GB",
	"gi": "GB", "gib": "GB", "t": "TB", "tb": "TB", "ti": "TB", "tib": "TB"}

var looseTimes = map[string]string{"sec": "s", "secs": "s", "second": "s", "seconds": "s", "m": "min", "mins": "min", "minute": "min", "minutes": "min", "hr": "h", "hour": "h",
	"hours": "h", "day": "d", "days": "d", "msec": "ms"}

// Amount reads a number with its unit, in units of unit: the form of settings such as shared_buffers.
func Amount(value, unit string) (n float64, ok bool) {
	m := numberForm().FindStringSubmatch(value)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		whole, err := strconv.ParseInt(m[1], 0, 64)
		if err != nil {
			return 0, false
		}
		n = float64(whole)
	}
	if m[2] == "" {
		return n, true
	}
	units := timeUnits
	if memoryUnits[unit] > 0 {
		units = memoryUnits
	}
	if units[m[2]] == 0 || units[unit] == 0 {
		return 0, false
	}
	return n * units[m[2]] / units[unit], true
}

func wrongNumber(s setting, value string) (why, instead string) {
	m := numberForm().FindStringSubmatch(value)
	n, ok := Amount(value, s.Unit)
	switch {
	case m == nil && s.Unit == "":
		return "must be a number", ""
	case m == nil:
		return "must be a number with one of the units " + diag.Listed(unitNames(s.Unit), "and"), ""
	case s.Unit == "" && m[2] != "":
		return "takes a number without a unit", m[1]
	case !ok:
		loose := looseTimes
		if memoryUnits[s.Unit] > 0 {
			loose = looseUnits
		}
		if unit := loose[strings.ToLower(m[2])]; unit != "" {
			instead = m[1] + unit
		}
		return fmt.Sprintf("%q is not a unit of Postgres; units are %s", m[2], diag.Listed(unitNames(s.Unit), "and")), instead
	}
	if s.Type == "integer" {
		n = math.RoundToEven(n)
	}
	if s.Max > s.Min && (n < s.Min || n > s.Max) {
		unit := ""
		if s.Unit != "" {
			unit = ", in units of " + s.Unit
		}
		return fmt.Sprintf("must be from %s to %s%s", number(s.Min), number(s.Max), unit), ""
	}
	return "", ""
}

func number(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1e15 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}
