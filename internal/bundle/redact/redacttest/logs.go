// Package redacttest has texts to measure redaction with. For tests alone.
package redacttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Logs are lines as Sourcegraph's services and their databases write them.
func Logs(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	var b bytes.Buffer
	at := time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC)
	for b.Len() < size {
		at = at.Add(time.Duration(r.IntN(3e6)))
		stamp, trace := at.Format(time.RFC3339Nano), fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64())
		switch r.IntN(10) {
		case 0:
			fmt.Fprintf(&b, "%s LOG:  duration: %d.%03d ms  statement: SELECT repo.id, repo.name FROM repo WHERE repo.name = 'github.com/acme/repo-%d' AND deleted_at IS NULL\n", stamp, r.IntN(900), r.IntN(1000), r.IntN(99999))
		case 1:
			fmt.Fprintf(&b, `{"SeverityText":"WARN","Timestamp":%d,"InstrumentationScope":"httpcli","Caller":"httpcli/client.go:%d","Function":"github.com/sourcegraph/sourcegraph/internal/httpcli.(*requestClient).Do","Body":"retrying","Resource":{"service.name":"gitserver","service.version":"7.5.4453","service.instance.id":"gitserver-0"},"Attributes":{"url":"https://api.github.com/repos/acme/x?per_page=100&page=%d","error":"{\"message\":\"not found\",\"status\":404}","TraceId":"%s"}}`+"\n", at.UnixNano(), r.IntN(900), r.IntN(99), trace)
		case 2:
			fmt.Fprintf(&b, "%s INFO server.cmd gitserver/exec.go:%d exec {\"TraceId\": %q, \"repo\": \"github.com/acme/repo-%d\", \"args\": [\"rev-parse\", \"%040x\"], \"duration\": \"%dms\", \"token\": \"\"}\n", stamp, r.IntN(900), trace, r.IntN(99999), r.Uint64(), r.IntN(900))
		default:
			fmt.Fprintf(&b, "t=%s level=info msg=\"request completed\" method=GET path=/.api/search/stream status=200 duration=%dms user=%d size=%d remote=10.1.%d.%d traceID=%s\n", stamp, r.IntN(900), r.IntN(9999), r.IntN(1e6), r.IntN(256), r.IntN(256), trace)
		}
	}
	return b.Bytes()
}

// Names are names as people give them to themselves and to repositories.
func Names(n int) (out []string) {
	r := rand.New(rand.NewPCG(8, 9))
	syllables := strings.Fields("an ber cor del en fra gil har in jo ka lun mar nor ol per qua ros sen tor ul vic wil xan yor zim pay ment ser vice front end data core api web lib kit")
	for range n {
		var name string
		for i := range 3 + r.IntN(3) {
			if i == 2 {
				name += []string{"-", ".", "_", ""}[r.IntN(4)]
			}
			name += syllables[r.IntN(len(syllables))]
		}
		out = append(out, name)
	}
	return out
}
