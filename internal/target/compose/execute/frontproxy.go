package execute

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	render "berth/internal/render/compose"
	"berth/internal/stack"
	"berth/internal/target/compose"
	"berth/internal/target/compose/project"
	"berth/internal/target/inside"
)

// FrontProxy makes the front proxy hold requests, and pass them on again, while a plan is carried out. Its file stays as it is: Caddy is given another one by
// its own command, in its container. That command waits for words of berth and gives Caddy its file back when there is nobody any more who could say
// one, so also when berth is killed.
type FrontProxy struct {
	Engine          *compose.Engine
	Unit, Container string // of the front proxy, as berth names them

	mu    sync.Mutex
	words net.Conn // to the command
	said  chan string
	leave context.CancelFunc
}

const (
	// caddyfile is where the front proxy reads its file, in all releases.
	caddyfile = "/etc/caddy/Caddyfile"
	// obeying is how long Caddy may take to load a file: usually 0.1 s.
	obeying = 15 * time.Second
	// Draining is how long requests that came before others are held may take to be answered: most searches take less.
	Draining = 2 * time.Second

	hold, pass, obeyed = "hold", "pass", "done"
)

// keeper is the command in the front proxy's container. It is for the plain shells of all releases' images.
const keeper = `while read -r word; do
	case $word in
	` + hold + `) file=$HOLDING ;;
	*) file=$TRYING ;;
	esac
	if said=$(printf '%s\n' "$file" | caddy reload --adapter caddyfile --config /dev/stdin 2>&1); then echo ` + obeyed + `
	else printf '%s\n' "$said" | tail -n 1
	fi
done
caddy reload --adapter caddyfile --config ` + caddyfile + `
`

// Pass makes the front proxy pass requests on, or hold them.
func (p *FrontProxy) Pass(ctx context.Context, on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.words == nil {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	word := hold
	if on {
		word = pass
	}
	_ = p.words.SetWriteDeadline(time.Now().Add(obeying)) // a pipe always has deadlines
	if _, err := io.WriteString(p.words, word+"\n"); err != nil {
		p.end()
		return fmt.Errorf("the front proxy's container does not answer: %w", err)
	}
	select {
	case said, still := <-p.said:
		if said == obeyed {
			return nil
		}
		if !still {
			p.end()
			said = "its command ended"
		}
		return fmt.Errorf("the front proxy does not hold requests: %s", said)
	case <-time.After(obeying):
		p.end()
		return errors.New("the front proxy does not answer")
	}
}

// begin starts the command.
func (p *FrontProxy) begin(ctx context.Context) error {
	reading, cancel := context.WithTimeout(ctx, obeying)
	defer cancel()
	container, err := p.Engine.Called(reading, p.Unit, p.Container)
	if err != nil {
		return err
	}
	text, exit, err := p.Engine.Exec(reading, container, nil, "cat", caddyfile)
	if err == nil && exit != 0 {
		err = fmt.Errorf("read %s of %s: exit code %d", caddyfile, container, exit)
	}
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	holding, _ := stack.Holding(lines)
	trying, found := stack.Trying(lines)
	if !found {
		return fmt.Errorf("%s of %s passes no requests to the frontends", caddyfile, container)
	}
	// The command outlives the step that began it.
	ctx, leave := context.WithCancel(context.WithoutCancel(ctx))
	in, words := net.Pipe()
	answers, out := io.Pipe()
	p.words, p.leave, p.said = words, leave, make(chan string, 1)
	go func() {
		_, _ = p.Engine.Attach(ctx, container, map[string]string{"HOLDING": strings.Join(holding, "\n"), "TRYING": strings.Join(trying, "\n")},
			[]string{"sh", "-c", keeper}, inside.Terminal{In: in, Out: out, Err: io.Discard})
		in.Close() // whoever says the next word learns that nobody listens
		out.Close()
	}()
	go func(said chan string) {
		defer close(said)
		for s := bufio.NewScanner(answers); s.Scan(); {
			said <- s.Text()
		}
	}(p.said)
	return nil
}

// end forgets a command that does not answer.
func (p *FrontProxy) end() {
	p.words.Close()
	p.leave()
	p.words = nil
}

// Close lets the front proxy read its file again.
func (p *FrontProxy) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.words == nil {
		return
	}
	p.words.Close()
	for late := time.After(obeying); ; {
		select {
		case _, still := <-p.said:
			if still {
				continue
			}
		case <-late:
		}
		p.end()
		return
	}
}

// reread lets the front proxy read its file, where that changed: its port stays open. One that can't do that, or has another reason, is restarted.
func (t *Target) reread(ctx context.Context, container string) error {
	if t.changed(ctx, container) {
		ctx, cancel := context.WithTimeout(ctx, obeying)
		defer cancel()
		// A certificate may be another one, where the file that names it is not.
		if _, exit, err := t.Engine.Exec(ctx, container, nil, "caddy", "reload", "--force", "--adapter", "caddyfile", "--config", caddyfile); err == nil && exit == 0 {
			return nil
		}
	}
	return t.Engine.Restart(ctx, container)
}

// changed reports whether the files of a container are others than it has read.
func (t *Target) changed(ctx context.Context, container string) bool {
	applied, err := project.Applied(ctx, t.State)
	if err != nil {
		return false
	}
	id, err := t.Engine.ID(ctx, container)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(t.Project.Units, func(u render.Unit) bool { return u.Container == container && u.Files != applied[id] })
}
