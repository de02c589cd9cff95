//go:build browser

package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsoleInABrowser goes through the pages of berth console, of installations in memory on both targets and with a wrong config, on a desk, in the dark
// and on a phone: axe finds nothing, and nothing is wider than the window. Then a plan is carried out, which ends on its page without a reload by
// hand. make console-browser runs it.
func TestConsoleInABrowser(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		t.Fatalf("AXE must be the path of axe.min.js: %v", err)
	}
	checker, browser := string(text), start(t)
	for name, address := range consoles(t) {
		at := address[:strings.Index(address, "/?")]
		var text string
		run(t, browser, chromedp.Navigate(address), chromedp.WaitReady("nav"), chromedp.Text("h1", &text))
		if text != "State" {
			t.Errorf("%s: the token leads to %q", name, text)
		}
		// With the keyboard alone: past the link to the content and the first page, to the second one.
		run(t, browser, chromedp.KeyEvent(kb.Tab+kb.Tab+kb.Tab+kb.Enter), chromedp.WaitReady(`nav a[href="/findings"][aria-current]`))
		for _, screen := range screens {
			run(t, browser, chromedp.EmulateViewport(screen.width, screen.height),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}))
			for page, path := range map[string]string{"state": "/", "findings": "/findings", "plan": "/plan", "upgrade": "/upgrade", "backups": "/backups", "sizes": "/sizes", "history": "/history",
				"check": "/check", "code": "/codes/BERTH5010", "missing": "/nothing"} {
				look(t, browser, checker, strings.Join([]string{"console", name, page, screen.name}, "-"), at+path)
			}
		}
		if name == "wrong" {
			continue // there is no plan
		}
		run(t, browser, chromedp.Navigate(at+"/plan"), chromedp.Click(".yes button"), chromedp.WaitReady(`main a[href="/history"]`), chromedp.Text(".headline", &text))
		if !strings.Contains(text, "done") {
			t.Errorf("%s: the run ends with %q", name, text)
		}
		look(t, browser, checker, "console-"+name+"-run", at+"/run")
	}
}

// consoles are the addresses of consoles, by name. They end with the test.
func consoles(t *testing.T) map[string]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "consoles")
	build := exec.Command("go", "test", "-c", "-tags", "browser", "-o", program, "./internal/cli")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	cmd := exec.CommandContext(ctx, program, "-test.run", "^TestConsolesStand$", "-test.timeout", "1h")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for lines := bufio.NewScanner(out); len(found) < 3; {
		if !lines.Scan() {
			t.Fatalf("only %d consoles began", len(found))
		}
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == "console" {
			found[words[1]] = words[2]
		}
	}
	return found
}
