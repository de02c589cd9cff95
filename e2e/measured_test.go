//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/size"
)

// TestMeasured asks an installation what it uses: its own Postgres, Prometheus, node exporter and cAdvisor, all of them real. What nobody can wait for is
// put into Prometheus' database with its own tool: ten days in which the disk filled, gitserver used almost all of its memory, and searcher almost none.
func TestMeasured(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "measured", "services: {gitserver: {memory: 1Gi}, searcher: {memory: 16Gi}}")
	s.must(0, "lock")
	s.must(0, "up")
	s.firstUse("example/first", "lighthouse")
	p := &prometheus{s: s}
	await(t, 2*time.Minute, "the node exporter's and cAdvisor's numbers", func() bool {
		return p.disk() != nil && p.series(`container_memory_working_set_bytes{name=~"measured-(gitserver|searcher)-0"}`, 2) != nil
	})

	young := s.measured()
	if young.Size != "XS" || young.Content == nil || young.Content.People != 1 || young.Content.Repositories != 1 || young.History > 1 || len(young.Limits) > 0 {
		t.Errorf("an hour after its birth it says %+v", young.Line())
	}
	if said := s.must(0, "size", "--measured"); !strings.Contains(said, "no pace yet") {
		t.Errorf("it has a pace without a history:\n%s", said)
	}
	p.remember(20)

	m := s.measured()
	if len(m.Limits) == 0 || !strings.HasPrefix(m.Limits[0].What, "the disk ") || math.Abs(m.Limits[0].Days-20) > 2 {
		t.Errorf("the disk is full in 20 days at the pace of the last ten, and it says %v", m.Limits)
	}
	if m.History < 9 || m.History > 11 {
		t.Errorf("the history is of %g days", m.History)
	}
	var wrong []string
	for _, w := range m.Wrong {
		wrong = append(wrong, w.Service+" "+strings.SplitN(w.Why, ":", 2)[0])
	}
	if !slices.Equal(wrong, []string{"gitserver too small", "searcher larger than needed"}) {
		t.Errorf("limits: %q", wrong)
	}
	for words, says := range map[string][]string{
		"size --measured": {"first     the disk ", " days at this pace", "gitserver is too small: it used 1.0 of 1.0 GiB at most", "    gitserver: {memory: 8Gi}", "    searcher: {memory: 2Gi}"},
		"status":          {"size      size XS; the disk ", " days at this pace"},
	} {
		out := s.must(0, strings.Fields(words)...)
		for _, text := range says {
			if !strings.Contains(out, text) {
				t.Errorf("berth %s does not say %q:\n%s", words, text, out)
			}
		}
	}
	if out := s.must(0, "doctor", "5013"); !strings.Contains(out, "at the pace of the last days") || !strings.Contains(out, "BERTH5013") {
		t.Errorf("the doctor does not warn of the disk:\n%s", out)
	}
}

// measured is what berth size --measured says.
func (s *site) measured() size.Measured {
	s.t.Helper()
	var answer struct{ Result size.Measured }
	out := s.must(0, "size", "--measured", "--json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return answer.Result
}

// prometheus is that of an installation.
type prometheus struct{ s *site }

// sample is a series of Prometheus with its value now.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// series are the answers to a query, where there are at least so many.
func (p *prometheus) series(query string, least int) []sample {
	out, err := exec.Command("docker", "exec", p.s.name+"-prometheus", "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/query?query="+url.QueryEscape(query)).Output()
	var answer struct{ Data struct{ Result []sample } }
	if err != nil || json.Unmarshal(out, &answer) != nil || len(answer.Data.Result) < least {
		return nil
	}
	return answer.Data.Result
}

// disk is the series of the free room where the engine keeps volumes.
func (p *prometheus) disk() *sample {
	fields := strings.Fields(docker(p.s.t, "exec", p.s.name+"-gitserver-0", "df", "--block-size=1", "--output=size", "/data/repos"))
	for _, sized := range p.series("node_filesystem_size_bytes", 1) {
		if fmt.Sprint(sized.Value[1]) == fields[len(fields)-1] {
			for _, free := range p.series(fmt.Sprintf("node_filesystem_avail_bytes{mountpoint=%q}", sized.Metric["mountpoint"]), 1) {
				return &free
			}
		}
	}
	return nil
}

// remember puts ten days before today into Prometheus: the disk filled at a pace at which it is full in some days from now, gitserver used almost all of
// its 1 GiB, and searcher 100 MiB.
func (p *prometheus) remember(days float64) {
	t := p.s.t
	t.Helper()
	const day = 86400
	now, disk := time.Now().Unix(), p.disk()
	var free float64
	if _, err := fmt.Sscan(fmt.Sprint(disk.Value[1]), &free); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	write := func(of sample, at func(ago float64) float64) {
		var labels []string
		for key, value := range of.Metric {
			if key != "__name__" {
				labels = append(labels, fmt.Sprintf("%s=%q", key, value))
			}
		}
		for when := (now - 10*day) / 240 * 240; when < now-1800; when += 240 { // Prometheus takes no value that is older than five minutes
			fmt.Fprintf(&text, "%s{%s} %.0f %d\n", of.Metric["__name__"], strings.Join(labels, ","), at(float64(now-when)), when)
		}
	}
	text.WriteString("# TYPE node_filesystem_avail_bytes gauge\n")
	write(*disk, func(ago float64) float64 { return free + ago*free/days/day })
	text.WriteString("# TYPE container_memory_working_set_bytes gauge\n")
	for container, used := range map[string]float64{"gitserver-0": 0.98 * (1 << 30), "searcher-0": 100 << 20} {
		write(p.series(fmt.Sprintf("container_memory_working_set_bytes{name=%q}", p.s.name+"-"+container), 1)[0], func(float64) float64 { return used })
	}
	text.WriteString("# EOF\n")
	cmd := exec.Command("docker", "exec", "--interactive", p.s.name+"-prometheus", "sh", "-c", "cat >/tmp/past && promtool tsdb create-blocks-from openmetrics /tmp/past /prometheus && rm /tmp/past")
	cmd.Stdin = strings.NewReader(text.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	p.s.must(0, "restart", "prometheus", "--yes")
	await(t, time.Minute, "Prometheus with its past", func() bool { return p.series("max_over_time(node_filesystem_avail_bytes[11d] offset 1d)", 1) != nil })
}
