package look

import (
	"time"

	"berth/internal/config"
	"berth/internal/doctor"
)

// mutes are those of a config. A mute holds to the end of its day, in UTC.
func mutes(c *config.Config) (out []doctor.Mute) {
	if c.Doctor == nil {
		return nil
	}
	for _, m := range c.Doctor.Mute {
		day, err := time.Parse(time.DateOnly, m.Until)
		if err != nil {
			continue // check has reported it
		}
		out = append(out, doctor.Mute{Code: m.Code, On: m.Subject, Reason: m.Reason, Until: day.AddDate(0, 0, 1)})
	}
	return out
}
