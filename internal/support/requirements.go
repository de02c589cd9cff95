package support

import (
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
)

// Lines answers each line of a list of requirements. Empty lines and lines that begin with # are none.
func (r *Reader) Lines(text, release string) (out []Answer) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(strings.TrimLeft(line, "-*•"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out = append(out, r.Ask(line, release))
	}
	return out
}

// Needs are what a config needs of the record, in the record's words, in the order of the config's keys.
func Needs(c *config.Config) []string {
	postgres, iam := false, false
	for _, db := range c.Databases {
		if db.External != nil {
			postgres, iam = true, iam || db.External.Auth == "aws-iam"
		}
	}
	redis := slices.ContainsFunc(slices.Collect(maps.Values(c.Redis)), func(r config.Redis) bool { return r.External != nil })
	object := c.ObjectStorage
	own := len(c.Patches) > 0 || len(c.Containers) > 0 || c.Kubernetes != nil && len(c.Kubernetes.Objects) > 0
	var out []string
	for _, need := range []struct {
		is    bool
		words string
	}{
		{c.On == catalogue.Compose, "Docker Compose"},
		{c.On == catalogue.Kubernetes, "Kubernetes"},
		{c.TLS.LetsEncrypt != nil, "Let's Encrypt"},
		{postgres, "external postgres"},
		{iam, "IAM sign-in"},
		{redis, "external Redis"},
		{object != nil && object.Backend == "s3", "S3"},
		{object != nil && object.Backend == "gcs", "GCS"},
		{c.Images.Registry != "", "private registry"},
		{len(c.CertificateAuthorities) > 0, "own CA"},
		{c.Proxy != nil, "corporate proxy"},
		{c.Executors != nil, "executors"},
		{own, "own changes"},
	} {
		if need.is {
			out = append(out, need.words)
		}
	}
	return out
}
