//go:build browser

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestHQInABrowser signs in to berth-hq with the keyboard alone, and follows a figure to its list and to an installation, on a desk, in the dark and on a
// phone, without JavaScript of the page. axe finds nothing, and nothing is wider than the window. HQ names the folder of the demo. make hq-browser runs it.
func TestHQInABrowser(t *testing.T) {
	folder := os.Getenv("HQ")
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	token := read(filepath.Join(folder, "token"))
	address := strings.TrimPrefix(read(filepath.Join(folder, "address")), "berth-hq answers at ")
	checker := read(os.Getenv("AXE"))
	browser := start(t)

	// The token's field has the focus: nobody needs a mouse.
	var at string
	run(t, browser, chromedp.Navigate(address+"/?use=production"), chromedp.WaitReady("#token"), chromedp.KeyEvent(token+kb.Enter), chromedp.WaitReady("#adoption"), chromedp.Location(&at))
	if at != address+"/?use=production" {
		t.Errorf("signing in led to %s", at)
	}
	run(t, browser, chromedp.Click("#stops ~ .scroll tbody a"), chromedp.WaitReady(`a[href^="/installations/"]`), chromedp.Location(&at))
	if !strings.Contains(at, "row=") || !strings.Contains(at, "use=production") {
		t.Errorf("the row led to %s", at)
	}
	var installation string
	run(t, browser, chromedp.Click(`a[href^="/installations/"]`), chromedp.WaitReady("h1 code"), chromedp.Location(&installation))

	readCharts(t, browser, address)
	for _, screen := range screens {
		run(t, browser, chromedp.EmulateViewport(screen.width, screen.height),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}))
		for name, page := range map[string]string{"figures": address + "/", "figure": address + "/figures/versions", "list": address + "/figures/adoption?row=7.5", "start": address + "/figures/start", "starts": address + "/figures/start?row=all+production", "installation": installation,
			"people": address + "/people", "missing": address + "/figures/nothing", "issues": address + "/issues", "issue": address + "/issues/1", "causes": address + "/figures/causes?row=network",
			"exceptions": address + "/exceptions", "exception": address + "/exceptions/1", "ask": address + "/exceptions/new", "options": address + "/options", "option": address + "/options/kubernetes",
			"edit-options": address + "/options/edit", "audit": address + "/audit"} {
			look(t, browser, checker, "hq-"+name+"-"+screen.name, page)
		}
	}
	run(t, browser, chromedp.Navigate(address+"/"), chromedp.Click("header form button"), chromedp.WaitReady("#token"))
	look(t, browser, checker, "hq-sign-in", address+"/sign-in")
}

// readCharts reads a chart at a point: the newest one by itself, another one with the keyboard, and another one with the mouse, which leads to its list.
func readCharts(t *testing.T, browser context.Context, address string) {
	t.Helper()
	const shown = `[...document.querySelectorAll('.chart .says')].filter(s => getComputedStyle(s).display !== 'none').map(s => s.parentElement.getAttribute('aria-label')).join('|')`
	const middle = `(() => { const all = document.querySelectorAll('.chart .hit'), hit = all[all.length >> 1]; hit.scrollIntoView({block: 'center'}); const b = hit.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] })()`
	const name = `[...document.querySelectorAll('.chart a')].map(a => a.getAttribute('aria-label'))`
	var newest, byKey, byMouse, at string
	var point []float64
	var names []string
	run(t, browser, chromedp.Navigate(address+"/figures/versions"), chromedp.WaitReady(".chart"), chromedp.Evaluate(shown, &newest), chromedp.Evaluate(name, &names),
		chromedp.Focus(".chart a"), chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(shown, &byKey), chromedp.Evaluate(middle, &point))
	run(t, browser, input.DispatchMouseEvent(input.MouseMoved, point[0], point[1]), chromedp.Evaluate(shown, &byMouse))
	if newest != names[len(names)-1] || byKey != names[1] || byMouse != names[len(names)/2] || !strings.Contains(byMouse, " active, ") {
		t.Fatalf("the chart says %q, with the keyboard %q, with the mouse %q", newest, byKey, byMouse)
	}
	run(t, browser, chromedp.MouseClickXY(point[0], point[1]), chromedp.WaitReady(`a[href^="/installations/"]`), chromedp.Location(&at))
	if !strings.Contains(at, "/figures/versions?row=") {
		t.Errorf("the chart led to %s", at)
	}
}

// look opens a page, and holds it against axe and the width of the window.
func look(t *testing.T, browser context.Context, checker, name, page string) {
	t.Helper()
	var faults string
	var over float64
	var picture []byte
	run(t, browser, chromedp.Navigate(page), chromedp.WaitReady("h1"), chromedp.Evaluate(wider, &over), chromedp.CaptureScreenshot(&picture),
		chromedp.Evaluate(checker+";0", nil), chromedp.Evaluate(axe, &faults, awaited))
	if faults != "" {
		t.Errorf("%s:\n%s", name, faults)
	}
	if over > 0 {
		t.Errorf("%s is %v pixels wider than the window", name, over)
	}
	keep(t, name, picture)
}
