package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// The written forms of quantities, for the JSON Schema.
const (
	CoresPattern = `^([0-9]+(\.[0-9]{1,3})?|[0-9]+m)$`
	BytesPattern = `^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)$`
)

var (
	coresForm = lazy(CoresPattern)
	bytesForm = lazy(BytesPattern)
	// looseBytes is what people write from habit: Compose's 8g and 512mb, a bare number, a space before the unit.
	looseBytes = lazy(`^([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtT]?)(?:[iI]?[bB])?$`)
)

var bytesUnits = map[string]float64{
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
	"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
}

// quantityError says what is wrong with a quantity and what to write instead.
type quantityError struct{ problem, instead string }

func (e *quantityError) Error() string { return e.problem + "; " + e.instead }

// Cores is an amount of processor cores: 4, 0.5 or 500m.
func Cores(q Quantity) (float64, error) {
	text := string(q)
	if !coresForm().MatchString(text) {
		return 0, &quantityError{fmt.Sprintf("must be an amount of cores, got %q", text), "write cores as 4, 0.5 or 500m (thousandths)"}
	}
	number, milli := strings.CutSuffix(text, "m")
	n, err := strconv.ParseFloat(number, 64)
	if milli {
		n /= 1000
	}
	if err != nil || n <= 0 || n > 1e6 {
		return 0, &quantityError{fmt.Sprintf("must be more than 0 cores, got %q", text), "write 0.5 or 4, for example"}
	}
	return n, nil
}

// Bytes is an amount of memory or disk: 8Gi, 500Mi, 8G.
func Bytes(q Quantity) (int64, error) {
	text := string(q)
	if !bytesForm().MatchString(text) {
		return 0, &quantityError{fmt.Sprintf("must be an amount of bytes, got %q", text), bytesInstead(text)}
	}
	digits := strings.TrimRight(text, "KMGTki")
	n, err := strconv.ParseFloat(digits, 64)
	n *= bytesUnits[text[len(digits):]]
	if err != nil || n < 1 || n > math.MaxInt64/2 {
		return 0, &quantityError{fmt.Sprintf("must be more than 0 bytes, got %q", text), "write 500Mi or 8Gi, for example"}
	}
	return int64(n), nil
}

// bytesInstead suggests the right form of what was written. Compose's units count in 1024s.
func bytesInstead(text string) string {
	m := looseBytes().FindStringSubmatch(text)
	switch {
	case m == nil:
		return "write it as 500Mi or 8Gi"
	case m[2] == "":
		n, _ := strconv.ParseFloat(m[1], 64)
		if n < 1e6 { // nobody means so few bytes
			return fmt.Sprintf("it has no unit; write %sGi or %sMi", m[1], m[1])
		}
		return "it has no unit; write " + inUnits(n)
	}
	return fmt.Sprintf("write %s%si", m[1], strings.ToUpper(m[2]))
}

// inUnits is a number of bytes in the largest unit that divides it.
func inUnits(n float64) string {
	for _, unit := range []string{"Ti", "T", "Gi", "G", "Mi", "M", "Ki", "k"} {
		if whole := n / bytesUnits[unit]; whole >= 1 && whole == math.Trunc(whole) {
			return strconv.FormatFloat(whole, 'f', -1, 64) + unit
		}
	}
	return strconv.FormatFloat(math.Ceil(n/1e3), 'f', -1, 64) + "k"
}

// Measure is a quantity as Kubernetes reads it, as a number: "500m", ".2", "8G", "4Gi".
func Measure(q string) float64 {
	end := strings.IndexFunc(q, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(q)
	}
	n, _ := strconv.ParseFloat(q[:end], 64)
	switch unit := q[end:]; unit {
	case "":
		return n
	case "m":
		return n / 1000
	default:
		return n * bytesUnits[unit]
	}
}

// lazy compiles a pattern on first use: most commands need none of them.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
