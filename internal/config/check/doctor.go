package check

import (
	"fmt"
	"time"

	"berth/internal/diag"
)

// mutes: a mute names a code that exists, has a reason, and ends.
func (c *checker) mutes() {
	if c.Doctor == nil {
		return
	}
	for n, m := range c.Doctor.Mute {
		at := fmt.Sprintf("doctor.mute.%d", n)
		if _, known := diag.Explain(m.Code); m.Code != "" && !known {
			c.errorf("BERTH4421", at+".code", "copy the code from the finding: berth doctor", "there is no code %q", m.Code)
		}
		if _, err := time.Parse(time.DateOnly, m.Until); m.Until != "" && err != nil {
			c.errorf("BERTH4421", at+".until", "write a day, such as  until: 2027-01-31", "doctor.mute: until is not a day: %q", m.Until)
		}
	}
}
