package contents

import (
	"strings"
	"testing"
)

func TestRedisAddress(t *testing.T) {
	for text, want := range map[string]string{
		"redis.example.com:6379": "", "10.0.0.1:6379\n": "", "[::1]:6379": "",
		"redis://redis.example.com": "", "redis://:slk-secret@redis:6379/1": "", "rediss://user:slk-secret@redis:6380": "",
		"redis.example.com":            "without a port",
		"redis.example.com:":           "host:port",
		"redis.example.com:x":          "host:port",
		"redis.example.com:99999":      "host:port",
		":6379":                        "host:port",
		"me:slk-secret@redis:6379":     "only a URL can have",
		"http://redis:6379":            "neither redis://",
		"redis://":                     "without a host",
		"redis://redis:6379/cache":     "not the number of a database",
		"redis://:slk-secret%@redis":   "can't be read",
		"redis one:6379":               "space",
		"redis:6379\nredis-two:6379\n": "line break",
	} {
		got := RedisAddress(File{Key: "redis.redis-cache.external.env", Data: []byte(text)})
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0].Summary, want) {
			t.Errorf("%q: want %q, got %v", text, want, got)
		}
		if strings.Contains(got.Error(), "slk-secret") {
			t.Errorf("%q: a secret is printed: %v", text, got)
		}
	}
}

func TestBucketsAndRegions(t *testing.T) {
	for _, c := range []struct{ backend, name, why, instead string }{
		{"s3", "sourcegraph-uploads", "", ""}, {"s3", "a.b", "", ""}, {"gcs", "a_b", "", ""},
		{"s3", "s3://uploads/x", "only its name", "uploads"}, {"gcs", "gs://uploads", "only its name", "uploads"}, {"s3", "uploads/x", "no slash", "uploads"},
		{"s3", "Uploads", "small letters", "uploads"}, {"s3", "a_b", "small letters", ""}, {"s3", "ab", "3 to 63", ""}, {"s3", "10.0.0.1", "3 to 63", ""}, {"gcs", "a", "at least 3", ""},
	} {
		if why, instead := Bucket(c.backend, c.name); (why == "") != (c.why == "") || !strings.Contains(why, c.why) || instead != c.instead {
			t.Errorf("%s %s: %q %q", c.backend, c.name, why, instead)
		}
	}
	for text, want := range map[string]string{"us-east-1": "", "us-gov-west-1": "", "us-east-1a": "us-east-1", "useast1": "?", "US-EAST-1": "?"} {
		if why, instead := Region(text); (why == "") != (want == "") || want != "?" && instead != want {
			t.Errorf("%s: %q %q", text, why, instead)
		}
	}
}

func TestServiceAccount(t *testing.T) {
	for text, want := range map[string]string{
		`{"type": "service_account", "client_email": "a@b", "private_key": "slk-secret", "private_key_id": "1", "token_uri": "https://x"}`: "",
		`{"type": "external_account"}`: "",
		`slk-secret`:                   "is not JSON",
		`{"a": 1}`:                     "lacks type",
		`{"type": "service_account", "client_email": "a@b", "private_key_id": "1", "token_uri": "x"}`: "lacks private_key",
	} {
		got := ServiceAccount(File{Key: "objectStorage.credentials.file", Name: "gcs.json", Data: []byte(text)})
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0].Summary, want) || strings.Contains(got.Error(), "slk-secret") {
			t.Errorf("%s: want %q, got %v", text, want, got)
		}
	}
}
