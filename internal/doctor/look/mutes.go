package look

import (
	"berth/internal/config"
	"berth/internal/doctor"
)

// mutes are those of a config.
func mutes(c *config.Config) (out []doctor.Mute) {
	if c.Doctor == nil {
		return nil
	}
	for _, m := range c.Doctor.Mute {
		ends, err := m.Ends()
		if err != nil {
			continue // check has reported it
		}
		out = append(out, doctor.Mute{Code: m.Code, On: m.Subject, Reason: m.Reason, Until: ends})
	}
	return out
}
