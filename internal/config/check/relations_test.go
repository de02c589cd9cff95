package check

import (
	"testing"

	"berth/catalogue"
	"berth/internal/config"
)

// TestKeysOfRelationsExist: a message names only keys that berth explain knows.
func TestKeysOfRelationsExist(t *testing.T) {
	for _, e := range catalogue.Embedded().Relations().Refused {
		for _, key := range []string{e.Key, e.Unless} {
			if key == "" {
				continue
			}
			if _, err := config.Explain(key, config.Facts{}); err != nil {
				t.Errorf("%v: %v", e.Variables, err)
			}
		}
	}
}
