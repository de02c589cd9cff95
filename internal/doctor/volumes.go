package doctor

import (
	"fmt"

	"berth/catalogue"
)

// volumeChecks look at disks.
var volumeChecks = []*Check{
	{Code: "BERTH5010", Looks: "the room in the volumes with data", Needs: []Source{FromVolumes}, Limit: &Limit{Warn: 85, Fail: 95, Unit: "% used"}, Symptoms: []string{"disk full", "search finds no new commits"}, find: fullVolumes},
	{Code: "BERTH5011", Looks: "the inodes of the volumes with data", Needs: []Source{FromVolumes, FromInodes}, Limit: &Limit{Warn: 90, Fail: 98, Unit: "% used"}, Symptoms: []string{"disk full, but there is room"}, find: fullInodes},
	{Code: "BERTH5013", Looks: "when disks will be full, at the pace of the last days", Needs: []Source{FromVolumes, FromPace}, Limit: &Limit{Warn: 30, Fail: 5, Unit: "days until it is full"}, Symptoms: []string{"disk full"}, find: fillingVolumes},
	{Code: "BERTH5012", Looks: "the room on the disk with Docker's volumes", Needs: []Source{FromPlace}, Target: catalogue.Compose, Limit: &Limit{Warn: 10, Fail: 2, Unit: "GiB free"}, Symptoms: []string{"disk full"}, find: fullDisk, blind: untoldDisk},
}

func fullVolumes(e *Evidence, c *Check) (out []*Finding) {
	for _, v := range e.Volumes {
		severity := c.Limit.severity(v.Used())
		if severity == "" || e.Target == catalogue.Compose && severity != "" && v.Size > 0 && e.shared(v) {
			continue
		}
		hint := fmt.Sprintf("raise  services.%s.storage  in the config, then: berth up", v.Service)
		if e.Target == catalogue.Compose {
			hint = "make room on that disk, or use a larger one"
		}
		f := c.found(v.Service, severity, fmt.Sprintf("its volume %s is %.0f %% full: %s of %s are free", v.Path, v.Used(), bytes(v.Free), bytes(v.Size)), hint)
		f.Problem.Subject = v.Instance
		out = append(out, f)
	}
	return out
}

// shared reports whether a volume is on the one disk of all volumes, which has a check of its own.
func (e *Evidence) shared(v Volume) bool {
	const near = 64 << 20 // bytes that are written between two looks
	return e.FreeBytes > 0 && v.Free > e.FreeBytes-near && v.Free < e.FreeBytes+near
}

func fullInodes(e *Evidence, c *Check) (out []*Finding) {
	for _, v := range e.Volumes {
		severity := c.Limit.severity(v.InodesUsed())
		if severity == "" {
			continue
		}
		f := c.found(v.Service, severity, fmt.Sprintf("%.0f %% of the inodes of %s are used; a file needs one, however small it is", v.InodesUsed(), v.Path),
			"use a file system with more inodes, or fewer small files")
		f.Problem.Subject = v.Instance
		out = append(out, f)
	}
	return out
}

func untoldDisk(e *Evidence) string {
	if e.FreeBytes <= 0 {
		return "the engine is on another machine, or does not report it"
	}
	return ""
}

func fullDisk(e *Evidence, c *Check) []*Finding {
	if e.FreeBytes <= 0 {
		return nil
	}
	severity := c.Limit.severity(float64(e.FreeBytes) / (1 << 30))
	if severity == "" {
		return nil
	}
	return []*Finding{c.found("host", severity, fmt.Sprintf("the disk with Docker's volumes has %s left", bytes(e.FreeBytes)),
		"make room: docker system df shows what uses it")}
}

// fillingVolumes names each file system once: on an engine many volumes share one.
func fillingVolumes(e *Evidence, c *Check) (out []*Finding) {
	said := map[[2]int64]bool{}
	for _, v := range e.Volumes {
		if v.Full <= 0 || c.Limit.severity(v.Full) == "" || said[[2]int64{v.Size, v.Free >> 20}] {
			continue
		}
		said[[2]int64{v.Size, v.Free >> 20}] = true
		f := c.found(v.Service, c.Limit.severity(v.Full), fmt.Sprintf("its disk will be full in %.0f days at the pace of the last days, %s a day", v.Full, bytes(int64(v.PerDay))),
			"see what fills it, and what to edit: berth size --measured")
		f.Problem.Subject = v.Instance
		out = append(out, f)
	}
	return out
}
