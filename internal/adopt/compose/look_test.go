package compose

import (
	"testing"

	"berth/internal/adopt"
)

// TestKnown: a few images that an older release shares with one of the catalogue don't make it that one.
func TestKnown(t *testing.T) {
	images := map[string]string{"redis-cache": "index.docker.io/sourcegraph/redis-cache:5.0.6", "gitserver-0": "index.docker.io/sourcegraph/gitserver:4.5.1",
		"worker": "index.docker.io/sourcegraph/worker:4.5.1", "caddy": "caddy:2"}
	for _, tt := range []struct {
		base adopt.Base
		code string
	}{
		{adopt.Base{Release: "5.0.6", ByDigest: 1, Of: 4}, "BERTH4305"},
		{adopt.Base{Release: "5.0.6", ByDigest: 1, ByTag: 2, Of: 4}, ""},
		{adopt.Base{Of: 4}, "BERTH4305"},
	} {
		code := ""
		if problems := Known(tt.base, images, "fork", "folder of the installation"); len(problems) > 0 {
			code = problems[0].Code
		}
		if code != tt.code {
			t.Errorf("%+v: %q, want %q", tt.base, code, tt.code)
		}
	}
}
