package fields

import (
	"encoding/json"
	"math/big"
	"strings"
)

// suffixes are the suffixes of Kubernetes' quantities.
var suffixes = []struct {
	text     string
	base, to int64 // base to the power of to
}{
	{"Ki", 1024, 1}, {"Mi", 1024, 2}, {"Gi", 1024, 3}, {"Ti", 1024, 4}, {"Pi", 1024, 5}, {"Ei", 1024, 6},
	{"n", 10, -9}, {"u", 10, -6}, {"m", 10, -3}, {"k", 10, 3}, {"M", 10, 6}, {"G", 10, 9}, {"T", 10, 12}, {"P", 10, 15}, {"E", 10, 18},
}

// quantity reads a quantity exactly: "1000m" and "1" are the same.
func quantity(v any) (*big.Rat, bool) {
	text := Plain(v)
	if len(text) > 64 || strings.Contains(text, "/") {
		return nil, false
	}
	factor := big.NewRat(1, 1)
	for _, s := range suffixes {
		if number, ok := strings.CutSuffix(text, s.text); ok && number != "" {
			text, factor = number, power(s.base, s.to)
			break
		}
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 4 {
		return nil, false // nobody means such a size, and it is expensive to compute
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, false
	}
	return n.Mul(n, factor), true
}

func power(base, to int64) *big.Rat {
	n := new(big.Int).Exp(big.NewInt(base), big.NewInt(max(to, -to)), nil)
	if to < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}

// Larger compares two quantities: 1 when the first is larger, and 0 when one of them is no quantity.
func Larger(a, b string) int {
	x, ok := quantity(a)
	y, also := quantity(b)
	if !ok || !also {
		return 0
	}
	return x.Cmp(y)
}

// SameQuantity reports whether both are quantities, and equal.
func SameQuantity(a, b any) bool {
	x, ok := quantity(a)
	y, also := quantity(b)
	return ok && also && x.Cmp(y) == 0
}

// SameScalar compares texts, numbers of any kind, and booleans.
func SameScalar(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	}
	x, ok := Float(a)
	y, also := Float(b)
	return ok && also && x == y
}

// Float is a number of any kind; false for anything else.
func Float(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}
