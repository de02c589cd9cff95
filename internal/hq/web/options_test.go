package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"berth/internal/hq/option"
	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
	"berth/internal/report"
)

// TestOptions: Delivery begins with the example, is corrected, and changes it; who began from an older version loses nothing of the newer one.
func TestOptions(t *testing.T) {
	v := start(t, pgtest.Start(t))
	for _, text := range simulated(t, 20) {
		r, problems := report.Open([]byte(text), now)
		if problems.Failed() {
			t.Fatal(problems)
		}
		if _, err := v.site.Store.Take(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.token = v.person(store.Reader)
	if text := v.gets(200, "/options"); !strings.Contains(text, "There is no sheet yet") || strings.Contains(text, "/options/edit") {
		t.Error(text)
	}
	v.posts(403, "/options", url.Values{"sheet": {option.Example}})
	v.token = v.person(store.Delivery)
	if text := v.gets(200, "/options/edit"); !strings.Contains(text, "id: single-binary") {
		t.Error(text)
	}
	if text := v.posts(422, "/options", url.Values{"sheet": {strings.Replace(option.Example, "score: 4", "score: 9", 1)}}); !strings.Contains(text, "a score is from 0 to 5") {
		t.Error(text)
	}
	v.posts(303, "/options", url.Values{"sheet": {strings.ReplaceAll(option.Example, "\n", "\r\n")}})
	changed := strings.Replace(option.Example, "weight: 3", "weight: 30", 1)
	if text := v.posts(422, "/options", url.Values{"sheet": {changed}}); !strings.Contains(text, "somebody else changed the sheet") || !strings.Contains(text, "weight: 30") {
		t.Error(text)
	}
	v.posts(303, "/options", url.Values{"sheet": {changed}, "after": {"1"}})
	v.posts(303, "/options", url.Values{"sheet": {changed}, "after": {"2"}}) // no change is no version

	var got struct {
		Version int
		Options []struct {
			ID      string
			Phase   string
			Running int
			Total   float64
		}
		Sensitivities []option.Sensitivity
	}
	if err := json.Unmarshal([]byte(v.gets(200, "/options?format=json")), &got); err != nil || got.Version != 2 || got.Options[0].ID != "compose" || got.Options[0].Running == 0 || len(got.Sensitivities) != 5 {
		t.Errorf("%v %+v", err, got)
	}
	text := v.gets(200, "/options")
	for _, part := range []string{"stays first unless Cost of support weighs less than", "not scored", "/options?version=1", "2026-02-25"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not on the page", part)
		}
	}
	if text := v.gets(200, "/options?version=1"); !strings.Contains(text, "This is version 1") {
		t.Error(text)
	}
	if text := v.gets(200, "/options/kubernetes"); !strings.Contains(text, "Production within a day") || !strings.Contains(text, "It fits the largest customers.") {
		t.Error(text)
	}
	if text := v.gets(200, "/options?format=record"); !strings.Contains(text, "stage: end of life") {
		t.Error(text)
	}
	if text := v.gets(200, "/options?format=csv"); !strings.HasPrefix(text, "option,title,total") {
		t.Error(text)
	}
	v.gets(404, "/options/nothing")
	v.gets(404, "/options?version=9")
	v.gets(400, "/options?format=xls")
}
