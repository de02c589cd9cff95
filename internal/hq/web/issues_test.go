package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"berth/internal/hq/issue"
	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
)

// posts sends a form and expects a status.
func (v *visitor) posts(status int, path string, values url.Values) string {
	v.t.Helper()
	resp, text := v.asks("POST", path, values.Encode())
	if resp.StatusCode != status {
		v.t.Fatalf("%s: %s, want %d\n%s", path, resp.Status, status, text)
	}
	return text
}

// TestIssues: somebody logs an issue, is corrected, edits it, sees it in the figures, and removes it. The audit log has all of it.
func TestIssues(t *testing.T) {
	v := start(t, pgtest.Start(t))
	read := func() {
		t.Helper()
		if err := v.site.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	read()
	v.token = v.person(store.Engineer)
	form := url.Values{"title": {`<b>Stops</b>`}, "opened": {"2026-13-01"}, "codes": {"3705"}, "cause": {"database"}}
	text := v.posts(422, "/issues", form)
	for _, part := range []string{"opened is not a day", "codes can&#39;t be", `value="database"`, "&lt;b&gt;Stops"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the answer:\n%s", part, text)
		}
	}
	form.Set("opened", "2026-07-01")
	form.Set("codes", "BERTH3705")
	form.Set("during", "upgrade")
	form.Set("use", "production")
	v.posts(303, "/issues", form)
	form.Set("cause", "capacity")
	v.posts(303, "/issues/1", form)
	var all []issue.Issue
	if err := json.Unmarshal([]byte(v.gets(200, "/issues?format=json")), &all); err != nil || len(all) != 1 || all[0].Cause != "capacity" {
		t.Errorf("%v %+v", err, all)
	}
	if text := v.gets(200, "/issues/1"); !strings.Contains(text, `value="capacity"`) || !strings.Contains(text, "<option selected>upgrade</option>") {
		t.Error(text)
	}
	v.gets(404, "/issues/2")
	v.gets(404, "/issues/x")
	v.gets(400, "/issues?format=xls")
	read()
	if csv := v.gets(200, "/figures/causes?format=csv"); !strings.Contains(csv, "capacity,1,1.0000,0,1,0,1,0") {
		t.Error(csv)
	}
	if text := v.gets(200, "/figures/causes?row=capacity"); !strings.Contains(text, `href="/issues/1"`) {
		t.Error(text)
	}
	if csv := v.gets(200, "/issues?format=csv"); !strings.Contains(csv, "<b>Stops</b>,2026-07-01") {
		t.Error(csv)
	}
	v.posts(303, "/issues/1/remove", nil)
	v.posts(404, "/issues/1/remove", nil)
	v.gets(403, "/audit")
	v.token = v.person(store.Admin)
	text = v.gets(200, "/audit")
	for _, part := range []string{"engineer-1", "logged issues", "edited an issue", "removed an issue", "let in as admin"} {
		if !strings.Contains(text, part) {
			t.Errorf("the audit log has no %q", part)
		}
	}
	v.gets(400, "/audit?before=x")
}
