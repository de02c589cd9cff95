package logs

import "testing"

// TestLevelOf has lines of the programs that Sourcegraph consists of.
func TestLevelOf(t *testing.T) {
	for line, want := range map[string]Level{
		`{"SeverityText":"FATAL","Timestamp":1795907524693352928,"InstrumentationScope":"migrator","Body":"no"}`: Error,
		`{"SeverityText":"INFO","InstrumentationScope":"gitserver","Body":"ERROR: not really"}`:                  Info,
		`{"SeverityText": "WARN", "Body": "slow"}`:                                                               Warn,
		`{"level":"error","ts":1700000000.1,"logger":"http.log.error","msg":"dial tcp"}`:                         Error,
		`ts=2026-11-28T10:00:00Z caller=main.go:1 level=warn msg="x"`:                                            Warn,
		`t=2026-11-28T10:00:00+0000 lvl=eror msg="Failed"`:                                                       Error,
		`level=info msg="level=error"`:                                                                           Info,
		`2026-11-28 10:00:00.123 UTC [42] ERROR:  relation "repos" does not exist at character 15`:               Error,
		`2026-11-28 10:00:00.123 UTC [42] LOG:  database system is ready to accept connections`:                  Info,
		`2026-11-28 10:00:00.123 UTC [42] FATAL:  password authentication failed for user "sg"`:                  Error,
		`1:M 28 Nov 2026 10:00:00.000 # WARNING overcommit_memory is set to 0!`:                                  Warn,
		`1:M 28 Nov 2026 10:00:00.000 * Ready to accept connections`:                                             Info,
		`E1128 10:00:00.000000       1 manager.go:1] cannot read`:                                                Error,
		"2026-11-28T10:00:00.000Z\tinfo\tservice@v0.1/service.go:1\tEverything is ready.":                        Info,
		"2026-11-28T10:00:00.000Z\terror\texporter: failed":                                                      Error,
		`panic: runtime error: index out of range [3] with length 2`:                                             Error,
		"goroutine 1 [running]:":                       "",
		"\tat org.gaul.s3proxy.Main.main(Main.java:1)": "",
		"":                        "",
		"the error was not found": "",
	} {
		if got := LevelOf(line); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}
