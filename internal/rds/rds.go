// Package rds makes tokens that sign in to databases of Amazon RDS in place of a password, as Sourcegraph's services make them for themselves. Pure.
//
// Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html and
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
package rds

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Credentials are somebody's at AWS.
type Credentials struct {
	ID, Secret string
	Session    string // "" for those that last
}

// lasts is for how long RDS takes a token, in seconds.
const lasts = "900"

// emptyPayload is the hash of no text.
var emptyPayload = sum("")

// Token is a password for a user of a database, for 15 minutes. host is the endpoint that AWS shows, whose third part is the region.
func Token(c Credentials, host, port, user string, now time.Time) string {
	region := ""
	if labels := strings.Split(host, "."); len(labels) > 2 {
		region = labels[2]
	}
	at := host + ":" + port
	query := signed(c, at, "/", map[string]string{"Action": "connect", "DBUser": user, "X-Amz-Expires": lasts}, region, "rds-db", emptyPayload, now)
	return at + "/?" + query
}

// signed is the query of a GET request with a signature.
func signed(c Credentials, host, path string, query map[string]string, region, service, payload string, now time.Time) string {
	stamp := now.UTC().Format("20060102T150405Z")
	scope := strings.Join([]string{stamp[:8], region, service, "aws4_request"}, "/")
	query = maps.Clone(query)
	query["X-Amz-Algorithm"], query["X-Amz-Credential"], query["X-Amz-Date"], query["X-Amz-SignedHeaders"] = "AWS4-HMAC-SHA256", c.ID+"/"+scope, stamp, "host"
	if c.Session != "" {
		query["X-Amz-Security-Token"] = c.Session
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		pairs = append(pairs, escaped(name)+"="+escaped(query[name]))
	}
	text := strings.Join(pairs, "&")
	request := strings.Join([]string{"GET", path, text, "host:" + host, "", "host", payload}, "\n")
	key := []byte("AWS4" + c.Secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, sum(request)}, "\n")
	return text + "&X-Amz-Signature=" + hex.EncodeToString(mac(key, toSign))
}

func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
