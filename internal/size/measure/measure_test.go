package measure

import (
	"math"
	"testing"

	"berth/internal/installation"
	"berth/internal/size"
)

// TestPace: a line through all samples, so that one cleaned-up hour is no pace.
func TestPace(t *testing.T) {
	var fills []sample
	for hour := range 97 {
		wave := 0.2 * math.Sin(float64(hour))
		fills = append(fills, sample{float64(hour * 3600), 1e9 * (100 - 2*float64(hour)/24 + wave)})
	}
	if perDay, days := pace(fills); math.Abs(perDay-2e9) > 5e7 || days != 4 {
		t.Errorf("%.0f bytes a day in %g days", perDay, days)
	}
	if perDay, days := pace(fills[:1]); perDay != 0 || days != 0 {
		t.Errorf("one sample is a pace of %g in %g days", perDay, days)
	}
}

// TestFilling: a disk is found by its size among those that the node exporter knows, and by all three labels among their histories.
func TestFilling(t *testing.T) {
	labels := func(device, mountpoint string) map[string]string {
		return map[string]string{"instance": "node-exporter:9100", "device": device, "mountpoint": mountpoint}
	}
	shrinking := func(perDay float64) (out []sample) {
		for day := range 5 {
			out = append(out, sample{float64(day * 86400), 1e12 - perDay*float64(day)})
		}
		return out
	}
	p := &Past{
		sizes: []series{{Labels: labels("/dev/vda", "/"), Value: sample{value: 4096 * 1000}}, {Labels: labels("/dev/vdb", "/data"), Value: sample{value: 4096 * 2000}}},
		free:  []series{{Labels: labels("/dev/vda", "/"), Values: shrinking(10)}, {Labels: labels("/dev/vdb", "/data"), Values: shrinking(500)}, {Labels: labels("/dev/vdb", "/elsewhere"), Values: shrinking(900)}},
	}
	d := p.Filling(size.Disk{Size: 4096 * 2000, Free: 5000})
	if days, fills := d.Full(); !fills || math.Abs(days-10) > 0.01 || d.Days != 4 {
		t.Errorf("full in %g days, %v: %+v", days, fills, d)
	}
	if d := p.Filling(size.Disk{Size: 4096 * 3000, Free: 5000}); d.Days != 0 {
		t.Errorf("nobody knows that disk, and yet: %+v", d)
	}
}

// TestOf: an engine's containers are found by their names, a cluster's by pod and container; another pod's container of the same name is another one.
func TestOf(t *testing.T) {
	all := []series{
		{Labels: map[string]string{"name": "gitserver-0"}, Value: sample{value: 1}},
		{Labels: map[string]string{"container_label_io_kubernetes_pod_name": "gitserver-0", "container_label_io_kubernetes_container_name": "gitserver"}, Value: sample{value: 2}},
		{Labels: map[string]string{"container_label_io_kubernetes_pod_name": "gitserver-1", "container_label_io_kubernetes_container_name": "gitserver"}, Value: sample{value: 3}},
	}
	for _, c := range []struct {
		instance installation.Instance
		want     float64
		found    bool
	}{
		{installation.Instance{Container: "gitserver-0"}, 1, true},
		{installation.Instance{Pod: "gitserver-0", Container: "gitserver"}, 2, true},
		{installation.Instance{Pod: "gitserver-2", Container: "gitserver"}, 0, false},
		{installation.Instance{Container: "caddy"}, 0, false},
	} {
		if got, found := of(all, c.instance); got != c.want || found != c.found {
			t.Errorf("%+v: %g, %v", c.instance, got, found)
		}
	}
}
