package check

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"filippo.io/age"
)

// backup: recipients are public keys, and who signs in to a store has both halves of a key.
func (c *checker) backup() {
	if c.Backup == nil {
		return
	}
	if s := c.Backup.S3; s != nil {
		if (s.AccessKeyID == nil) != (s.SecretAccessKey == nil) {
			c.errorf("BERTH4520", "backup.s3", "write both, or neither: then they come from the environment", "accessKeyID and secretAccessKey belong together")
		}
		if !strings.HasPrefix(c.Backup.To, "s3://") {
			c.errorf("BERTH4520", "backup.to", "write  to: s3://BUCKET/PREFIX  or remove backup.s3", "backup.s3 describes a store, but backups go to a folder")
		}
	}
	if bucket, isStore := strings.CutPrefix(c.Backup.To, "s3://"); isStore && strings.Trim(bucket, "/") == "" {
		c.errorf("BERTH4520", "backup.to", "write  to: s3://BUCKET/PREFIX", "backup.to names no bucket")
	}
	for i, text := range c.Backup.Recipients {
		// A secret key is refused as every secret is.
		if _, err := age.ParseRecipients(strings.NewReader(text)); err != nil && !strings.HasPrefix(text, "AGE-SECRET-KEY-") {
			c.errorf("BERTH4501", fmt.Sprintf("backup.recipients.%d", i), "age-keygen creates a key, and shows its public half: age1...", "%.20q is not a public key of age", text)
		}
	}
}

// report: what is sent is read by nobody on its way.
func (c *checker) report() {
	if c.Report == nil || c.Report.To == "" {
		return
	}
	u, err := url.Parse(c.Report.To)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.errorf("BERTH4904", "report.to", "write  report: {to: https://HOST}", "report.to is not the address of a server")
	case u.Scheme != "https" && !(u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())):
		c.errorf("BERTH4904", "report.to", "write  https://"+u.Host, "report.to has no https://, so that others could read what is sent")
	}
}
