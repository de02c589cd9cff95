package check

import (
	"errors"

	"berth/internal/window"
)

// upgrades: automatic upgrades need a window.
func (c *checker) upgrades() {
	u := c.Upgrades
	if u == nil {
		return
	}
	if u.Window == "" {
		if u.Automatic == "patch" || u.Automatic == "minor" {
			c.missingf("BERTH3802", "upgrades.window", "add  window: Sun 02:00-05:00 Europe/Berlin  or, for any time,  window: daily 00:00-24:00 UTC",
				"upgrades.automatic is %s, but there is no window for it", u.Automatic)
		}
		return
	}
	var wrong *window.Error
	if _, err := window.Parse(u.Window); errors.As(err, &wrong) {
		c.errorf("BERTH3801", "upgrades.window", wrong.Instead, "upgrades.window: %s", wrong.Problem)
	}
}
