package cli

import (
	"fmt"
	"strings"
	"testing"

	"berth/internal/installation"
	"berth/internal/installation/fake"
)

// TestMeasured: size --measured says what is met first, what fits no limit, and the edit; doctor warns of the disk, and status remembers it in a line.
func TestMeasured(t *testing.T) {
	l := newLife(t, "compose", "7.5.4453")
	l.write(l.file() + "services: {searcher: {memory: 32Gi}}\n")
	says := func(out string, all ...string) {
		t.Helper()
		for _, text := range all {
			if !strings.Contains(out, text) {
				t.Errorf("it does not say %q:\n%s", text, out)
			}
		}
	}
	says(l.must(3, "size", "--measured"), "nothing of this installation runs", "berth up")
	l.must(0, "up")
	says(l.must(0, "size", "--measured"), "Prometheus has no history yet", "size      XS, for up to 500 people", "has       12 people (2 new in 30 days), 40 repositories", "no pace yet",
		"first     its people outgrow size XS in 20 years at this pace")

	now := l.world.Now().Unix()
	l.world.Planted["prometheus"] = fake.Planted{Exec: func(c installation.Command) (int, bool) {
		last := c.Args[len(c.Args)-1]
		answer := func(results string) (int, bool) {
			fmt.Fprintf(c.Stdout, `{"status":"success","data":{"result":[%s]}}`, results)
			return 0, true
		}
		of := func(container string, value float64) string {
			return fmt.Sprintf(`{"metric":{"name":%q},"value":[%d,"%g"]}`, container, now, value)
		}
		switch {
		case c.Args[0] != "wget":
			return 0, false
		case strings.Contains(last, "query?query=max_over_time%28container_memory"):
			return answer(of("gitserver-0", 7.9*(1<<30)) + "," + of("searcher-0", 1<<30))
		case strings.Contains(last, "query?query=max_over_time%28rate"):
			return answer(of("gitserver-0", 2.5))
		case strings.Contains(last, "timestamp"):
			return answer(of("gitserver-0", 13) + "," + of("searcher-0", 13))
		case strings.Contains(last, "node_filesystem_size_bytes"):
			return answer(fmt.Sprintf(`{"metric":{"instance":"n","device":"/dev/vda","mountpoint":"/"},"value":[%d,"%d"]}`, now, 104857600*1024))
		case strings.Contains(last, "query_range"):
			return answer(fmt.Sprintf(`{"metric":{"instance":"n","device":"/dev/vda","mountpoint":"/"},"values":[[%d,"%d"],[%d,"%d"]]}`, now-10*86400, 113*(1<<30), now, 75*(1<<30)))
		}
		return 0, false
	}}
	says(l.must(0, "size", "--measured"), "the most of the last 13 days", "gitserver  ", "+3.8 GiB a day, full in 20 days", "first     the disk /dev/vda is full in 20 days at this pace", "then      its people outgrow size XS",
		"gitserver is too small: it used 7.9 of 8.0 GiB at most", "searcher is larger than needed: it used 1.0 of 32.0 GiB at most", "    gitserver: {memory: 12Gi}", "    searcher: {memory: ")
	says(l.must(0, "size", "--measured", "--json"), `"what": "the disk`, `"perDay":`, `"edit": [`)
	says(l.must(0, "status"), "size      size XS; the disk /dev/vda")
	says(l.must(0, "doctor", "5013"), "full in 20 days at the pace of the last days", "BERTH5013", "berth size --measured")
}
