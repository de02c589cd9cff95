package compose

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"berth/catalogue"
	"berth/internal/plan"
	render "berth/internal/render/compose"
	"github.com/moby/moby/api/types/container"
	"golang.org/x/sync/errgroup"
)

// Watched is how a container is while it is waited for.
type Watched struct {
	Status   plan.Status
	Exit     int
	Restarts int
	Started  time.Time
	Address  string // in the installation's network; "" while there is none
	OOM      bool   // the engine killed it for want of memory
	Check    string // what its health check said last
	Missing  bool
}

// Watcher looks at an installation's containers again and again, at little cost: one list a look. Only containers whose state is
// another than at the look before, or that were not looked at closely for a while, are asked about one by one.
type Watcher struct {
	engine       *Engine
	installation string
	now          func() time.Time
	known        map[string]look
}

// look is a close look at one container.
type look struct {
	state string // as the list said it then
	at    time.Time
	how   Watched
}

// fresh is how long a close look holds at most: a container that crashes and comes back between two lists has the same state in both.
const fresh = time.Second

// holds is how long this look holds: for as long as the container had run then. So what has just started is asked often. What takes long to get ready
// is not slowed down by questions.
func (l look) holds() time.Duration {
	if l.how.Status != plan.Starting {
		return fresh
	}
	return min(fresh, l.at.Sub(l.how.Started))
}

// Watcher makes a watcher of an installation's containers.
func (e *Engine) Watcher(installation string, now func() time.Time) *Watcher {
	return &Watcher{engine: e, installation: installation, now: now, known: map[string]look{}}
}

// Look reports how some containers are. It is not safe for concurrent use.
func (w *Watcher) Look(ctx context.Context, names []string) (map[string]Watched, error) {
	list, err := w.engine.containers(ctx, true, render.LabelInstallation+"="+w.installation)
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, c := range list {
		states[nameOf(c)] = c.ID + " " + string(c.State) + " " + healthOf(c.Status)
	}
	looks := make([]look, len(names))
	g, looking := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, n := range names {
		state, there := states[n]
		known, ok := w.known[n]
		if !there {
			looks[i].how.Missing = true
			continue
		}
		if looks[i] = known; ok && known.state == state && w.now().Sub(known.at) <= known.holds() {
			continue
		}
		g.Go(func() error {
			how, err := w.engine.Inspect(looking, n)
			looks[i] = look{state: state, at: w.now(), how: how}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := map[string]Watched{}
	for i, n := range names {
		w.known[n], out[n] = looks[i], looks[i].how
	}
	return out, nil
}

// healthOf is the health in the engine's words, such as "Up 3 seconds (healthy)": older engines have no field for it in lists.
func healthOf(status string) string {
	if i := strings.IndexByte(status, '('); i >= 0 && strings.HasPrefix(status, "Up ") {
		return status[i:]
	}
	return ""
}

// Inspect reports how one container is.
func (e *Engine) Inspect(ctx context.Context, name string) (Watched, error) {
	full, err := e.checked(ctx, name)
	if notFound(err) {
		return Watched{Missing: true}, nil
	}
	if err != nil {
		return Watched{}, err
	}
	return watched(full), nil
}

func watched(c container.InspectResponse) Watched {
	w := Watched{Status: status(c.State), Exit: c.State.ExitCode, Restarts: c.RestartCount, OOM: c.State.OOMKilled}
	w.Started, _ = time.Parse(time.RFC3339Nano, c.State.StartedAt)
	for _, n := range c.NetworkSettings.Networks {
		if n.IPAddress.IsValid() {
			w.Address = n.IPAddress.String()
		}
	}
	if h := c.State.Health; h != nil && len(h.Log) > 0 {
		w.Check = strings.TrimSpace(h.Log[len(h.Log)-1].Output)
	}
	return w
}

// Local reports whether containers' addresses can be reached from here.
func (e *Engine) Local() bool {
	return runtime.GOOS == "linux" && onSocket(e.host)
}

// Answer is what became of a question to a container.
type Answer int

// The answers.
const (
	NotReady    Answer = iota
	Ready              // it answers as it should
	Unreachable        // there is no way to ask: the engine is rootless, for example, or a firewall is in between
)

// prober asks containers directly: a proxy of the host does not know their addresses, and a redirect is an answer.
var prober = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Probe asks a container at its address whether it is ready.
func Probe(ctx context.Context, address string, p catalogue.Probe) Answer {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	hostport := net.JoinHostPort(address, strconv.Itoa(p.Port))
	// A container that is there refuses what it does not listen for, at once. So silence means that it can't be reached.
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", hostport)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return NotReady
	case err != nil:
		return Unreachable
	}
	conn.Close()
	if p.Path == "" {
		return Ready
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostport+p.Path, nil)
	if err != nil {
		return NotReady
	}
	resp, err := prober.Do(req)
	if err != nil {
		return NotReady
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		return Ready
	}
	return NotReady
}
