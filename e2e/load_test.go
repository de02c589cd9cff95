//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// loaded is what came of a load, as docs/reference-architectures shows it. With LOADS, a file of these, make load puts it there.
type loaded struct {
	Size    string `yaml:"size"`
	Target  string `yaml:"target"`
	When    string `yaml:"when"`
	Release string `yaml:"release"`
	Machine string `yaml:"machine"`
	Seconds int    `yaml:"seconds,omitempty"` // that people worked
	Did     []did  `yaml:"did,omitempty"`
	Nodes   string `yaml:"nodes,omitempty"` // simulated ones
	Pods    int    `yaml:"pods,omitempty"`  // that found a node
}

// did is what people did.
type did struct {
	What    string  `yaml:"what"`
	Of      int     `yaml:"of"` // as many as the size is for; of searches and uploads, as many as its people would do in that time
	Done    int     `yaml:"done"`
	Failed  int     `yaml:"failed"`
	Median  float64 `yaml:"median"` // seconds
	Slowest float64 `yaml:"slowest"`
}

// The load of a size's people is a choice of our own: nobody publishes one.
const (
	searchEach = 10 * time.Minute // of each of its people
	uploadEach = 10 * time.Second // of all of them together
)

// architecture is what the page of a size says.
type architecture struct {
	size, target         string
	people, repositories int
	config               []string // without what names another address
	page                 string
}

// pageOf reads the page of the size that SIZE names.
func pageOf(t *testing.T, target, size string) architecture {
	t.Helper()
	a := architecture{size: cmp.Or(os.Getenv("SIZE"), size), target: target}
	text, err := os.ReadFile("../docs/reference-architectures/" + target + "-" + strings.ToLower(a.size) + ".md")
	if err != nil {
		t.Fatalf("SIZE is %s: %v", a.size, err)
	}
	a.page = string(text)
	numbers := regexp.MustCompile(`(?m)^\| (\d+) \| (\d+) \| \d+ GB \|`).FindStringSubmatch(a.page)
	a.people, a.repositories = number(t, numbers[1]), number(t, numbers[2])
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(a.page)
	for line := range strings.Lines(block[1]) {
		if !strings.HasPrefix(line, "url:") {
			a.config = append(a.config, strings.TrimRight(line, "\n"))
		}
	}
	return a
}

// coresInLine is a limit of cores in a line of a config.
var coresInLine = regexp.MustCompile(`cpu: \d+(, )?`)

// limited are the config's lines without limits of cores, which Docker refuses where the machine has fewer.
func (a architecture) limited() (lines []string) {
	for _, line := range a.config {
		if line = strings.ReplaceAll(coresInLine.ReplaceAllString(line, ""), ", }", "}"); !strings.HasSuffix(line, "{}") {
			lines = append(lines, line)
		}
	}
	return lines
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLoad deploys a size as its page says (SIZE, such as M), and puts the load of its people on it for DURATION seconds: they sign in, search and upload, and
// repositories are cloned, as many as there is time for. It proves the shape of the installation; the stand-ins say nothing of Sourcegraph's speed.
func TestLoad(t *testing.T) {
	needs(t, engine, images(release), long)
	onlyStandIns(t)
	a := pageOf(t, "compose", "XS")
	s := newSite(t, "load")
	result := a.result()
	s.write(append(slices.DeleteFunc(s.base, func(line string) bool {
		return strings.HasPrefix(line, "target:") || strings.HasPrefix(line, "release:")
	}), a.limited()...)...)
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	seconds := number(t, cmp.Or(os.Getenv("DURATION"), "120"))
	result.Seconds = seconds
	// All have the password of the first one.
	s.sql(fmt.Sprintf("WITH made AS (INSERT INTO users (username, passwd) SELECT 'person-' || n, (SELECT passwd FROM users WHERE username = 'ada') FROM generate_series(1, %d) n RETURNING id, username) INSERT INTO names (name, user_id) SELECT username, id FROM made", a.people))
	index, err := os.ReadFile("../testbed/internal/scip/testdata/harbour.scip")
	if err != nil {
		t.Fatal(err)
	}
	repository := bundle(t, "load")
	indexes := max(seconds/int(uploadEach.Seconds()), 1)
	for n := range indexes { // one commit of a repository takes one index
		s.addRepo(fmt.Sprintf("example/indexed-%d", n), "load")
	}
	send := s.sender()
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var all sync.WaitGroup
	works := []struct {
		did
		each time.Duration // 0: one after the other
		do   func(n int) error
	}{
		{did{What: "people signed in", Of: a.people}, 0, func(n int) error {
			return send("POST", "/api/sign-in", "application/json", fmt.Appendf(nil, `{"username": "person-%d", "password": "correct horse"}`, n+1), "")
		}},
		{did{What: "repositories were added and cloned", Of: a.repositories}, 0, func(n int) error {
			return send("POST", fmt.Sprintf("/api/repos/example/load-%d/bundle", n), "application/octet-stream", repository, "")
		}},
		{did{What: "searches found what they should", Of: int(math.Ceil(float64(seconds) * float64(a.people) / searchEach.Seconds()))}, searchEach / time.Duration(a.people), func(int) error {
			return send("GET", "/.api/search/stream?q="+marker, "", nil, marker)
		}},
		{did{What: "indexes were uploaded and processed", Of: indexes}, uploadEach, func(n int) error {
			return send("POST", fmt.Sprintf("/api/uploads?repository=example/indexed-%d", n), "application/octet-stream", index, "")
		}},
	}
	result.Did = make([]did, len(works))
	for i, w := range works {
		result.Did[i] = w.did
		all.Go(func() { result.Did[i].work(w.each, end, w.do) })
	}
	all.Wait()
	result.waited(t, s)
	s.must(0, "status")
	result.keep(t)
	for _, d := range result.Did {
		d.judge(t)
	}
}

// judge fails the test where not all was done.
func (d *did) judge(t *testing.T) {
	t.Helper()
	t.Logf("LOAD %d of %d %s, %d failed; median %.3f s, slowest %.3f s", d.Done, d.Of, d.What, d.Failed, d.Median, d.Slowest)
	if d.Failed > 0 || d.Done == 0 {
		t.Errorf("%s: %d done, %d failed", d.What, d.Done, d.Failed)
	}
}

// sender sends requests to Sourcegraph, and fails where the answer is an error or has not what it should.
func (s *site) sender() func(method, path, contentType string, body []byte, wants string) error {
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 50}}
	return func(method, path, contentType string, body []byte, wants string) error {
		request, err := http.NewRequest(method, s.url(path), bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", contentType)
		response, err := c.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && (response.StatusCode >= 300 || !strings.Contains(string(text), wants)) {
			err = errors.New(response.Status)
		}
		return err
	}
}

// work does something again and again until it was done as often as it should or the time is up.
func (d *did) work(each time.Duration, end time.Time, do func(n int) error) {
	var mu sync.Mutex
	var took []time.Duration
	var running sync.WaitGroup
	began := time.Now()
	for n := 0; n < d.Of && time.Now().Before(end); n++ {
		one := func() {
			at := time.Now()
			err := do(n)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				d.Failed++
				return
			}
			took = append(took, time.Since(at))
		}
		if each == 0 {
			one()
			continue
		}
		time.Sleep(time.Until(began.Add(time.Duration(n) * each))) // people don't wait for each other
		running.Go(one)
	}
	running.Wait()
	slices.Sort(took)
	if d.Done = len(took); d.Done > 0 {
		d.Median, d.Slowest = rounded(took[d.Done/2]), rounded(took[d.Done-1])
	}
}

func rounded(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// waited waits until all that was added is cloned and all uploads are processed; what is not counts as failed.
func (l *loaded) waited(t *testing.T, s *site) {
	t.Helper()
	left := func(path, field, good string) (n int) {
		_, text := s.get(path)
		var all []map[string]any
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, text)
		}
		for _, one := range all {
			if one[field] != good {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(15 * time.Minute); ; time.Sleep(time.Second) { // thousands of clones on a machine that does other things, too
		repositories, uploads := left("/api/repos", "cloneStatus", "cloned"), left("/api/uploads", "state", "completed")
		if repositories+uploads == 0 {
			return
		}
		if time.Now().After(end) {
			l.Did[1].Failed += repositories
			l.Did[3].Failed += uploads
			return
		}
	}
}

// result begins the result of today on this machine.
func (a architecture) result() *loaded {
	memory := 0
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		_, _ = fmt.Sscanf(string(text), "MemTotal: %d kB", &memory)
	}
	return &loaded{Size: a.size, Target: a.target, When: time.Now().UTC().Format(time.DateOnly), Release: release,
		Machine: fmt.Sprintf("%d cores and %d GiB of memory (%s/%s)", runtime.NumCPU(), memory>>20, runtime.GOOS, runtime.GOARCH)}
}

// keep puts a result into the file that LOADS names, in place of the one before of the same size and target.
func (l *loaded) keep(t *testing.T) {
	t.Helper()
	name := os.Getenv("LOADS")
	if name == "" {
		return
	}
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []loaded
	if err := yaml.Load(before, &all); err != nil {
		t.Fatal(err)
	}
	all = append(slices.DeleteFunc(all, func(o loaded) bool { return o.Size == l.Size && o.Target == l.Target }), *l)
	slices.SortFunc(all, func(a, b loaded) int { return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Size, b.Size)) })
	text, err := yaml.Dump(all)
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`(?m)^(?:#.*\n)*`).Find(before)
	if err := os.WriteFile(name, append(head, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestClusterLoad gives a cluster the nodes that the page of a size names, and deploys that size as its page says: Kubernetes' own scheduler finds a node
// for each pod. Nodes and pods are simulated, so it proves the number and the size of the nodes, and nobody's load is on it.
func TestClusterLoad(t *testing.T) {
	needs(t, control)
	a := pageOf(t, "kubernetes", "3XL")
	s := newCluster(t, control, "load")
	own := namespaced(s.name, ", pods: {nodeSelector: {berth-load: \"yes\"}, tolerations: [{key: berth-load, operator: Exists}]}")
	s.write(append(slices.DeleteFunc(a.config, func(line string) bool { return strings.HasPrefix(line, "kubernetes:") }), "url: http://localhost", "name: "+s.name, own)...)
	result := a.result()
	result.Nodes = a.nodes(t)
	s.must(0, "up")
	for pod := range strings.Lines(s.kubectl("get", "pods", "-o", `jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {.status.phase}{"\n"}{end}`)) {
		if f := strings.Fields(pod); len(f) < 3 || !strings.HasPrefix(f[1], "load-") {
			t.Errorf("this pod has no node of the size: %s", pod)
		}
		result.Pods++
	}
	t.Logf("LOAD %d pods on %s", result.Pods, result.Nodes)
	result.keep(t)
}

// nodes makes simulated nodes as the page names them, until the test ends, and says which.
func (a architecture) nodes(t *testing.T) string {
	t.Helper()
	var objects strings.Builder
	count := 0
	add := func(n, cores, memory int, taints string) string {
		for range n {
			count++
			fmt.Fprintf(&objects, "---\napiVersion: v1\nkind: Node\nmetadata: {name: load-%[1]d, labels: {kubernetes.io/hostname: load-%[1]d, kubernetes.io/os: linux, kubernetes.io/arch: amd64, berth-load: \"yes\"}}\n"+
				"spec: {taints: [{key: berth-load, effect: NoSchedule}%[4]s]}\nstatus:\n  allocatable: &size {cpu: \"%[2]d\", memory: %[3]dG, pods: \"110\", ephemeral-storage: 20T}\n  capacity: *size\n", count, cores, memory, taints)
		}
		return fmt.Sprintf("%d with %d cores and %d GB", n, cores, memory)
	}
	m := regexp.MustCompile(`(?m)^- (\d+) nodes with (\d+) cores and (\d+) GB`).FindStringSubmatch(a.page)
	nodes, kept := number(t, m[1]), 0
	for _, m := range regexp.MustCompile(`(?m)^- Mind: .* keep (\d+) of the nodes for it`).FindAllStringSubmatch(a.page, -1) {
		kept += number(t, m[1])
	}
	const reserved = ", {key: reserved, effect: PreferNoSchedule}"
	says := []string{add(nodes-kept, number(t, m[2]), number(t, m[3]), "")}
	if kept > 0 {
		says = append(says, add(kept, number(t, m[2]), number(t, m[3]), reserved)+" that were kept for one service")
	}
	for _, m := range regexp.MustCompile(`(?m)^- Mind: (\S+) needs a node of its own with (\d+) cores and (\d+) GB`).FindAllStringSubmatch(a.page, -1) {
		replicas := regexp.MustCompile(`(?m)^\| ` + m[1] + ` \| (\d+) \|`).FindStringSubmatch(a.page)
		says = append(says, add(number(t, replicas[1]), number(t, m[2]), number(t, m[3]), reserved))
	}
	path := t.TempDir() + "/nodes.yaml"
	if err := os.WriteFile(path, []byte(objects.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "delete", "nodes", "-l", "berth-load", "--ignore-not-found") // of a run that was killed
	kubectl(t, "create", "-f", path)
	t.Cleanup(func() { kubectl(t, "delete", "nodes", "-l", "berth-load", "--wait=false") })
	return strings.Join(says, ", ")
}
