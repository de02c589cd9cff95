package contents

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"berth/internal/diag"
)

var (
	hasScheme = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`) })
	redisPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(/[0-9]*)?$`) })
)

// RedisAddress checks where a Redis is, as Sourcegraph's client reads it: host:port, or a URL. No message repeats it: it may have a password.
//
// Source: internal/redispool/redispool.go of Sourcegraph's public source; https://pkg.go.dev/github.com/gomodule/redigo/redis#DialURL
func RedisAddress(file File) diag.List {
	f := &found{File: file}
	text := strings.TrimRight(string(file.Data), "\r\n")
	const forms = "write it as  redis.example.com:6379  or as  redis://:PASSWORD@redis.example.com:6379,  with rediss:// for TLS"
	report := func(why string) { f.whole("BERTH1527", forms, "%s", why) }
	switch {
	case strings.ContainsAny(text, " \t\r\n"):
		report("has a space or a line break in the address")
	case hasScheme().MatchString(text):
		switch u, err := url.Parse(text); {
		case err != nil:
			report("has a URL that can't be read; a password with special characters has to be percent-encoded")
		case u.Scheme != "redis" && u.Scheme != "rediss":
			report("has a URL that begins with neither redis:// nor rediss://")
		case u.Hostname() == "":
			report("has a URL without a host")
		case !redisPath().MatchString(u.Path):
			report("has a URL with a path that is not the number of a database")
		}
	default:
		u, err := url.Parse("//" + text)
		if err != nil {
			u = &url.URL{}
		}
		switch n, _ := strconv.Atoi(u.Port()); {
		case strings.Contains(text, "@"):
			report("has a user or password, which only a URL can have")
		case !strings.Contains(text, ":"):
			report("has an address without a port, and Sourcegraph does not add one")
		case u.Hostname() == "" || n < 1 || n > 65535:
			report("has no address in the form host:port")
		}
	}
	return f.problems
}

// RedisHost is the host of an address of Redis; "" where it has none.
func RedisHost(text string) string {
	text = strings.TrimSpace(text)
	if !hasScheme().MatchString(text) {
		text = "redis://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

var bucketForm = map[string]func() *regexp.Regexp{
	"s3":  sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`) }),
	"gcs": sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`) }),
}

// Bucket says why a bucket can't have a name, and what was most likely meant; both "" where it can.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html and https://cloud.google.com/storage/docs/buckets#naming
func Bucket(backend, name string) (why, instead string) {
	form := bucketForm[backend]
	if form == nil {
		return "", ""
	}
	if _, rest, ok := strings.Cut(name, "://"); ok {
		bucket, _, _ := strings.Cut(rest, "/")
		return "a bucket has only its name here, without s3:// or gs://", bucket
	}
	if bucket, _, ok := strings.Cut(name, "/"); ok {
		return "a bucket's name has no slash: Sourcegraph uses the whole bucket, and no folder of it", bucket
	}
	if !form().MatchString(name) || strings.Contains(name, "..") || address(name) {
		why = "a bucket's name has 3 to 63 small letters, digits, dots and dashes, with a letter or digit at both ends"
		if backend == "gcs" {
			why = "a bucket's name has at least 3 small letters, digits, dots, dashes and underscores, with a letter or digit at both ends"
		}
		if lower := strings.ToLower(name); lower != name && form().MatchString(lower) {
			instead = lower
		}
	}
	return why, instead
}

var awsRegion = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`) })

// Region says why a text is no region of AWS, and what was most likely meant; both "" where it is one.
func Region(text string) (why, instead string) {
	if awsRegion().MatchString(text) {
		return "", ""
	}
	if zone := strings.TrimRight(text, "abcdef"); zone != text && awsRegion().MatchString(zone) {
		return "it is an availability zone, not a region", zone
	}
	return "a region of AWS has the form us-east-1", ""
}

// ServiceAccount checks the key of a service account of Google Cloud.
//
// Source: https://cloud.google.com/iam/docs/keys-create-delete
func ServiceAccount(file File) diag.List {
	f := &found{File: file}
	var key map[string]any
	const hint = "create it:  gcloud iam service-accounts keys create FILE --iam-account NAME"
	if err := json.Unmarshal(file.Data, &key); err != nil {
		f.whole("BERTH1529", hint, "is not JSON, but a service account key is")
		return f.problems
	}
	if kind, _ := key["type"].(string); kind != "service_account" && kind != "external_account" && kind != "authorized_user" {
		f.whole("BERTH1529", hint, "is not a service account key: it lacks type")
		return f.problems
	}
	if key["type"] != "service_account" {
		return nil
	}
	var lacks []string
	for _, name := range []string{"client_email", "private_key", "private_key_id", "token_uri"} {
		if text, _ := key[name].(string); text == "" {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		f.whole("BERTH1529", hint, "is a service account key that lacks %s", diag.Listed(lacks, "and"))
	}
	return f.problems
}

// address reports whether a text is an IP address.
func address(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}
