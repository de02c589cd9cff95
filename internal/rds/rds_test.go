package rds

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// The credentials of AWS's own examples.
var example = Credentials{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

// TestSigned: AWS's example of a signed query gives AWS's signature.
func TestSigned(t *testing.T) {
	got := signed(example, "examplebucket.s3.amazonaws.com", "/test.txt", map[string]string{"X-Amz-Expires": "86400"}, "us-east-1", "s3", "UNSIGNED-PAYLOAD",
		time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	if want := "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s at its end", got, want)
	}
}

func TestToken(t *testing.T) {
	c := example
	c.Session = "a+b/c="
	const host = "sg.c1a2b3.eu-west-1.rds.amazonaws.com"
	u, err := url.Parse("https://" + Token(c, host, "5432", "source graph", time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Action": "connect", "DBUser": "source graph", "X-Amz-Expires": "900", "X-Amz-Date": "20261128T010203Z",
		"X-Amz-Credential": "AKIAIOSFODNN7EXAMPLE/20261128/eu-west-1/rds-db/aws4_request", "X-Amz-Security-Token": "a+b/c="} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if u.Host != host+":5432" || u.Path != "/" || len(u.Query().Get("X-Amz-Signature")) != 64 {
		t.Errorf("got %s", u)
	}
}
