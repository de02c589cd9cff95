//go:build browser

package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestFirstSignInInABrowser does what docs/first-trial.md says under "Use it", at the address TRIAL of a Sourcegraph that nobody used yet: it creates the site
// admin, and searches. SCREENS names the folder for its pictures. TestFirstSignIn of e2e runs it, on the stand-ins, whose page this is.
func TestFirstSignInInABrowser(t *testing.T) {
	address := os.Getenv("TRIAL")
	if address == "" {
		t.Fatal("TRIAL must be the address of a Sourcegraph that nobody used yet")
	}
	browser, end := context.WithTimeout(start(t), 2*time.Minute)
	defer end()
	var form, first, results string
	var pictures [3][]byte
	by := chromedp.ByQuery // the page's style has the names of its elements as text, too
	run(t, browser, chromedp.EmulateViewport(900, 300), chromedp.Navigate(address), chromedp.WaitVisible(`[name="email"]`, by), chromedp.Text("body", &form, by),
		chromedp.SendKeys(`[name="email"]`, "ada@example.com", by), chromedp.SendKeys(`[name="username"]`, "ada", by), chromedp.CaptureScreenshot(&pictures[0]),
		chromedp.SendKeys(`[name="password"]`, "correct horse", by), chromedp.Click("button", by), chromedp.WaitVisible(`[name="q"]`, by), chromedp.Text("body", &first, by), chromedp.CaptureScreenshot(&pictures[1]),
		chromedp.SendKeys(`[name="q"]`, "lighthouse\n", by), chromedp.WaitVisible("pre", by), chromedp.Text("pre", &results, by), chromedp.CaptureScreenshot(&pictures[2]))
	for i, page := range []struct{ name, text, want string }{{"first-form", form, "Set up the site"}, {"first-page", first, "example/first"}, {"first-search", results, "lighthouse"}} {
		if !strings.Contains(page.text, page.want) {
			t.Errorf("%s does not show %q:\n%s", page.name, page.want, page.text)
		}
		keep(t, page.name, pictures[i])
	}
}
