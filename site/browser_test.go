//go:build browser

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	print "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// screens are what people read the pages on.
var screens = []struct {
	name          string
	width, height int64
	scheme        string
}{{"desk", 1280, 900, "light"}, {"dark", 1280, 900, "dark"}, {"phone", 390, 844, "light"}}

// axe gives the faults that axe-core finds in a page, one a line.
const axe = `axe.run(document).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))).slice(0, 10).join("\n"))`

// wider are the elements that are wider than the window, without those that scroll by themselves.
const wider = `document.documentElement.scrollWidth - window.innerWidth`

// TestInABrowser opens each page from a folder in a real Chromium, on a desk, in the dark and on a phone: axe finds nothing, nothing is wider than the
// window, and nothing is loaded from elsewhere. SCREENS names a folder for pictures of what it saw. make docs-browser runs it.
func TestInABrowser(t *testing.T) {
	s, files := made(t)
	folder := t.TempDir()
	if err := write(filepath.Join(folder, "site"), files); err != nil {
		t.Fatal(err)
	}
	checker, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		t.Fatalf("AXE must be the path of axe.min.js: %v", err)
	}
	browser := start(t)
	for _, screen := range screens {
		set := []chromedp.Action{chromedp.EmulateViewport(screen.width, screen.height), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}})}
		run(t, browser, set...)
		for _, p := range s.pages {
			var faults string
			var over float64
			var loaded []string
			var picture []byte
			run(t, browser, chromedp.Navigate("file://"+filepath.Join(folder, "site", p.To(""))), chromedp.WaitReady("#pages"),
				chromedp.Evaluate(`performance.getEntriesByType("resource").map(e => e.name)`, &loaded), chromedp.Evaluate(wider, &over),
				chromedp.CaptureScreenshot(&picture), chromedp.Evaluate(string(checker)+";0", nil), chromedp.Evaluate(axe, &faults, awaited))
			if faults != "" {
				t.Errorf("%s, %s:\n%s", p.File, screen.name, faults)
			}
			if over > 0 {
				t.Errorf("%s, %s: the page is %v pixels wider than the window", p.File, screen.name, over)
			}
			for _, from := range loaded {
				if !strings.HasPrefix(from, "file://"+folder) {
					t.Errorf("%s loads %s", p.File, from)
				}
			}
			keep(t, strings.ReplaceAll(p.To(""), "/", "-")+"-"+screen.name, picture)
		}
	}
	t.Run("search", func(t *testing.T) { searched(t, browser, folder) })
}

// TestSlidesInABrowser opens the slides of each page that has some, from a folder. make docs-browser runs it.
func TestSlidesInABrowser(t *testing.T) {
	s, files := made(t)
	folder := t.TempDir()
	if err := write(filepath.Join(folder, "site"), files); err != nil {
		t.Fatal(err)
	}
	checker, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		t.Fatalf("AXE must be the path of axe.min.js: %v", err)
	}
	browser, decks := start(t), 0
	for _, p := range s.pages {
		if p.slides != nil {
			decks++
			shown(t, browser, "file://"+filepath.Join(folder, "site", p.Deck()), string(checker))
		}
	}
	if decks == 0 {
		t.Error("no page has slides")
	}
}

// shown goes through slides by keys, on all screens: each fits on that of a desk, axe finds nothing, and on paper each has a page of its own.
func shown(t *testing.T, browser context.Context, address, checker string) {
	for _, screen := range screens {
		run(t, browser, chromedp.EmulateViewport(screen.width, screen.height), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}))
		var at, faults string
		var slides int
		run(t, browser, chromedp.Navigate("about:blank"), chromedp.Navigate(address), chromedp.WaitVisible("#at"), chromedp.Evaluate(`document.querySelectorAll("section").length`, &slides),
			chromedp.Evaluate(checker+";0", nil))
		for n := 1; n <= slides; n++ {
			var visible []string
			var below, over float64
			var picture []byte
			run(t, browser, chromedp.Evaluate(`[...document.querySelectorAll("section")].filter(s => s.checkVisibility()).map(s => s.id)`, &visible), chromedp.Text("#at", &at),
				chromedp.Evaluate(`(m => m.scrollHeight - m.clientHeight)(document.querySelector("main"))`, &below), chromedp.Evaluate(wider, &over),
				chromedp.Evaluate(axe, &faults, awaited), chromedp.CaptureScreenshot(&picture), chromedp.KeyEvent(kb.ArrowRight))
			if name := fmt.Sprintf("slide-%d", n); len(visible) != 1 || visible[0] != name || at != fmt.Sprintf("%d of %d", n, slides) {
				t.Errorf("slide %d, %s: %v is shown as %q", n, screen.name, visible, at)
			}
			if faults != "" {
				t.Errorf("slide %d, %s:\n%s", n, screen.name, faults)
			}
			if over > 0 || below > 0 && screen.name != "phone" {
				t.Errorf("slide %d, %s: it is %v pixels wider and %v pixels higher than the window", n, screen.name, over, below)
			}
			keep(t, fmt.Sprintf("slide-%02d-%s", n, screen.name), picture)
		}
		var end string
		run(t, browser, chromedp.KeyEvent(kb.Home), chromedp.Location(&at), chromedp.KeyEvent(kb.End), chromedp.Location(&end))
		if at != address+"#slide-1" || end != fmt.Sprintf("%s#slide-%d", address, slides) {
			t.Errorf("Home leads to %s, End to %s", at, end)
		}
		var paper []byte
		run(t, browser, chromedp.ActionFunc(func(ctx context.Context) (err error) {
			paper, _, err = print.PrintToPDF().WithPreferCSSPageSize(true).Do(ctx)
			return err
		}))
		if pages := len(onPaper.FindAll(paper, -1)); pages < slides {
			t.Errorf("%d slides are %d pages on paper", slides, pages)
		}
	}
}

// onPaper is a page of a PDF.
var onPaper = regexp.MustCompile(`/Type\s*/Page\b`)

// searched types words into the search, and follows the first hit.
func searched(t *testing.T, browser context.Context, folder string) {
	var hits, at string
	var picture []byte
	run(t, browser, chromedp.EmulateViewport(1280, 900), chromedp.Navigate("file://"+filepath.Join(folder, "site", "development", "walkthrough.html")), chromedp.SendKeys("#words", "BERTH1102", chromedp.ByID),
		chromedp.WaitVisible("#found .where"), chromedp.Text("#found", &hits), chromedp.CaptureScreenshot(&picture),
		chromedp.SendKeys("#words", "\n", chromedp.ByID), chromedp.WaitReady(`//h1[text()="Codes"]`), chromedp.Location(&at))
	if !strings.Contains(hits, "BERTH1102: Unknown key") || !strings.HasSuffix(at, "codes.html#berth1102-unknown-key") {
		t.Errorf("the search found %q and led to %s", hits, at)
	}
	keep(t, "search", picture)
}

// start starts a browser without a window, that ends with the test.
func start(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WSURLReadTimeout(5*time.Minute))
	all, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, end := chromedp.NewContext(all)
	t.Cleanup(end)
	return browser
}

// awaited waits for the value of a promise.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

func run(t *testing.T, browser context.Context, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(browser, actions...); err != nil {
		t.Fatal(err)
	}
}

// keep writes a picture where somebody wants to look at them.
func keep(t *testing.T, name string, picture []byte) {
	t.Helper()
	if dir := os.Getenv("SCREENS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.png", name)), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
