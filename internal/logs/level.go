// Package logs reads the logs of instances: what level each line has, and many logs as one, by time.
package logs

import (
	"regexp"
	"strings"
	"sync"
)

// Level is how severe a line is.
type Level string

// The levels, from least to most. The zero Level is that of a line which does not say.
const (
	Debug Level = "debug"
	Info  Level = "info"
	Warn  Level = "warn"
	Error Level = "error"
)

// Levels are all levels, from least to most.
var Levels = []string{string(Debug), string(Info), string(Warn), string(Error)}

var severity = map[Level]int{Debug: 1, Info: 2, Warn: 3, Error: 4}

// AtLeast reports whether a level is as severe as another.
func (l Level) AtLeast(other Level) bool { return severity[l] >= severity[other] }

// form is how some programs write the level of a line: the first group is the word.
type form struct {
	pattern string
	words   map[string]Level
}

// common are the words of most programs, in small letters.
var common = map[string]Level{
	"trace": Debug, "debug": Debug, "dbug": Debug, "debg": Debug, "debug1": Debug, "debug2": Debug, "debug3": Debug, "debug4": Debug, "debug5": Debug,
	"info": Info, "notice": Info, "log": Info, "detail": Info, "hint": Info, "statement": Info, "context": Info,
	"warn": Warn, "warning": Warn,
	"error": Error, "eror": Error, "err": Error, "crit": Error, "critical": Error, "fatal": Error, "panic": Error, "dpanic": Error, "emerg": Error, "alert": Error,
}

// forms are tried in their order. Sources: Sourcegraph's own log package (SeverityText), zap as Caddy and others use it (level), logfmt of Prometheus and
// Grafana, log_line_prefix of Postgres, Redis, klog of cAdvisor, and the collector of OpenTelemetry.
var forms = []form{
	{`"SeverityText":\s*"(\w+)"`, common},
	{`"(?:level|lvl|severity)":\s*"(\w+)"`, common},
	{`(?:^|\s)(?:level|lvl)="?(\w+)`, common},
	{`^[^{]*?\b(DEBUG[1-5]|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT):\s`, common},
	{`^\d+:[XCSM] \d+ \w+ \d+ [\d:.]+ ([.*#-]) `, map[string]Level{".": Debug, "-": Debug, "*": Info, "#": Warn}},
	{`^([IWEF])\d{4} \d\d:\d\d:\d\d`, map[string]Level{"i": Info, "w": Warn, "e": Error, "f": Error}},
	{`^\S+\t(debug|info|warn|error|fatal)\t`, common},
	{`^(?:\S+\s+){0,3}\[?(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\]?\b`, common},
	{`^(panic|fatal error): `, map[string]Level{"panic": Error, "fatal error": Error}},
}

var patterns = sync.OnceValue(func() []*regexp.Regexp {
	out := make([]*regexp.Regexp, len(forms))
	for i, f := range forms {
		out[i] = regexp.MustCompile(f.pattern)
	}
	return out
})

// readable is how much of a line is looked at for its level.
const readable = 2048

// LevelOf is the level that a line says it has; "" when it does not say.
func LevelOf(line string) Level {
	line = line[:min(len(line), readable)]
	for i, p := range patterns() {
		if m := p.FindStringSubmatch(line); m != nil {
			if level, ok := forms[i].words[strings.ToLower(m[1])]; ok {
				return level
			}
		}
	}
	return ""
}
