package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/fold"
	"berth/internal/plan"
	"berth/internal/run"
	"golang.org/x/term"
)

// Progress shows runs while they go on: a line for each thing that happened, and on a terminal a block that is redrawn for what is going on. It is safe for concurrent use.
type Progress struct {
	Out      io.Writer
	Asked    io.Writer // takes lines about questions
	Terminal bool
	Color    bool
	Now      func() time.Time

	mu      sync.Mutex
	drawn   []string  // the block that is redrawn; nil: there is none
	last    time.Time // of the last line
	waiting []string
	pulls   map[string][2]int64
	began   map[string]time.Time
	usual   map[string]float64 // seconds that an object usually takes
}

// quiet is how long no line may come where nothing is redrawn.
const quiet = 2 * time.Second

// Window is how many columns and lines a terminal has now.
func Window(out io.Writer) (width, height int) { return size(out) }

// Columns is how many columns a terminal has now; 0: out is none, and lines may have any length.
func Columns(out io.Writer) int {
	width, _, _ := terminal(out)
	return width
}

// size is how many columns and lines a terminal has now. What is no terminal counts as a small one.
func size(out io.Writer) (width, height int) {
	if width, height, ok := terminal(out); ok {
		return width, height
	}
	return usualColumns, 24
}

func terminal(out io.Writer) (width, height int, ok bool) {
	f, ok := Raw(out).(interface{ Fd() uintptr })
	if !ok {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 0, 0, false
	}
	return width, height, true
}

// Show takes an event.
func (p *Progress) Show(e run.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case run.StageBegun:
		p.stage(e)
		return
	case run.StageDone:
		p.line("   done in " + seconds(e.Seconds) + note(e.Text))
		return
	case run.Asked:
		fmt.Fprintln(p.Asked, e.Text)
		return
	case run.Started:
		p.pulls, p.began, p.waiting = map[string][2]int64{}, map[string]time.Time{}, nil
		p.usual, p.last = e.Usual, time.Time{}
		return
	case run.Ended:
		p.clear()
		return
	case run.Noted:
		p.line("   " + e.Text)
		return
	case run.Warned:
		p.line(e.Text + "; reason:")
		e.Problems.WriteText(p.Out, diag.Paper{Columns: Columns(p.Out), Color: p.Color})
		return
	case run.Begun:
		if !e.Step.Verb.Single() {
			return // its stage was said
		}
		p.began[e.Step.Object] = p.Now()
		if e.Step.Verb == plan.Pull {
			p.pulls[e.Step.Object] = [2]int64{}
		}
	case run.Progress:
		p.pulls[e.Step.Object] = [2]int64{e.Done, e.Total}
	case run.Finished:
		if !e.Step.Verb.Single() {
			return
		}
		delete(p.began, e.Step.Object)
		p.finished(e)
	case run.Said:
		p.line("  | " + e.Text)
	case run.Waiting:
		p.waiting = e.Waiting
	case run.Stopping:
		p.line("stopping: the current step is finished first")
	}
	p.status()
}

// stage says which stage begins.
func (p *Progress) stage(e run.Event) {
	s := e.Plan.Stages[e.Stage]
	p.line("")
	switch {
	case len(e.Plan.Hops) == 0:
		p.line(fmt.Sprintf("== %s, stage %d of %d: %s", e.Plan.Action, e.Stage+1, len(e.Plan.Stages), s.Name))
	case e.Plan.Action == plan.Rollback:
		p.line(fmt.Sprintf("== rollback, %s -> %s: %s", e.Plan.From, e.Plan.Release, s.Name))
	default:
		h := e.Plan.Hops[s.Hop]
		p.line(fmt.Sprintf("== upgrade step %d of %d, %s -> %s: %s", s.Hop+1, len(e.Plan.Hops), h.From, h.To, s.Name))
	}
}

// note is what was found, as a part of a sentence.
func note(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func (p *Progress) finished(e run.Event) {
	if e.Step.Verb == plan.Pull {
		size := p.pulls[e.Step.Object][1]
		delete(p.pulls, e.Step.Object)
		p.line(fmt.Sprintf("+ pulled %s  %s in %s", short(e.Step.Object), bytes(size), seconds(e.Seconds)))
		return
	}
	p.line(fmt.Sprintf("%s %-30s %s in %s", symbols[e.Step.Verb], e.Step.Object, e.Text, seconds(e.Seconds)))
}

// status says what is going on: a block that is redrawn on a terminal, else a line from time to time.
func (p *Progress) status() {
	pulling := p.pulling()
	if p.Terminal {
		p.draw(p.block(pulling))
		return
	}
	var parts []string
	if pulling != "" {
		parts = append(parts, pulling)
	}
	if len(p.waiting) > 0 {
		parts = append(parts, "waiting for "+p.listed())
	}
	if len(parts) > 0 && p.Now().Sub(p.last) >= quiet { // a line is for something that is new
		p.line(strings.Join(parts, " · "))
	}
}

// pulling says how far the pulls are; "" when there are none.
func (p *Progress) pulling() string {
	if len(p.pulls) == 0 {
		return ""
	}
	var done, total int64
	for _, b := range p.pulls {
		done, total = done+b[0], total+b[1]
	}
	text := "pulling " + count(len(p.pulls), "image")
	if total > 0 {
		text += fmt.Sprintf("  %s  %s of %s", bar(done, total), bytes(done), bytes(total))
	}
	return text
}

// block has a line for each object that is waited for, as docker compose shows them, and one for the pulls.
func (p *Progress) block(pulling string) []string {
	var lines []string
	if pulling != "" {
		lines = append(lines, "  "+pulling)
	}
	_, height := size(p.Out)
	most := max(min(height/2, 10)-len(lines), 1)
	width := 0
	for i, name := range p.waiting {
		if object, _, _ := strings.Cut(name, " "); i < most {
			width = max(width, len(object))
		}
	}
	for i, name := range p.waiting {
		if i == most && len(p.waiting) > most {
			lines = append(lines, fmt.Sprintf("  . and %d more", len(p.waiting)-i))
			break
		}
		object, state, _ := strings.Cut(name, " ")
		lines = append(lines, strings.TrimRight(fmt.Sprintf("  . %-*s  %s%s", width, object, strings.Trim(state, "()"), p.time(object)), " "))
	}
	if lines == nil {
		lines = []string{"  working"}
	}
	return lines
}

// time is how long an object is waited for, and how long that usually takes here.
func (p *Progress) time(object string) string {
	text := ""
	if began, ok := p.began[object]; ok {
		text = " " + seconds(p.Now().Sub(began).Seconds())
	}
	if usual := p.usual[object]; usual > 0 {
		text += " of usually " + seconds(usual)
	}
	return text
}

// listed names what is waited for, with how long that usually takes here.
func (p *Progress) listed() string {
	names := slices.Clone(p.waiting)
	for i, n := range names {
		object, _, _ := strings.Cut(n, " ")
		names[i] += p.time(object)
	}
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func (p *Progress) line(text string) {
	p.clear()
	fmt.Fprintln(p.Out, fold.Rows(Columns(p.Out), text))
	p.last = p.Now()
}

// draw replaces the block. Its lines are cut to the terminal's width, since a line that wraps can't be redrawn.
func (p *Progress) draw(lines []string) {
	width, _ := size(p.Out)
	most := max(width-1, 20)
	for i, line := range lines {
		if runes := []rune(line); len(runes) > most {
			lines[i] = string(runes[:most-3]) + "..."
		}
	}
	fmt.Fprint(p.Out, p.erasing()+strings.Join(lines, "\n"))
	p.drawn = lines
}

// clear removes the block.
func (p *Progress) clear() {
	if p.drawn != nil {
		fmt.Fprint(p.Out, p.erasing())
		p.drawn = nil
	}
}

// erasing are the control characters that erase the block: to its first line, and all below. Where the terminal became narrower since, its lines have
// wrapped.
func (p *Progress) erasing() string {
	if p.drawn == nil {
		return ""
	}
	width, _ := size(p.Out)
	rows := 0
	for _, line := range p.drawn {
		rows += max(1, (len([]rune(line))+width-1)/width)
	}
	return "\r" + strings.Repeat("\x1b[A", rows-1) + "\x1b[J"
}

func bar(done, total int64) string {
	const width = 18
	if total <= 0 {
		return strings.Repeat("░", width)
	}
	full := int(width * done / total)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(n)/1e3)
}

func seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.0f min", s/60)
}

// short is the readable part of an image reference.
func short(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	return name[strings.LastIndexByte(name, '/')+1:]
}
