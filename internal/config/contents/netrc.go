package contents

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"berth/internal/diag"
	"berth/internal/jsonc"
)

// word is a word of a text with its place.
type word struct {
	text         string
	line, column int
	open         bool // its quotation mark is not closed
}

// words are the words of a netrc file: quotation marks keep spaces together, and # begins a comment where a line begins.
func words(text string) (out []word) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for i := 0; i < len(line); {
			if line[i] == ' ' || line[i] == '\t' {
				i++
				continue
			}
			w := word{line: n, column: 1 + utf8.RuneCountInString(line[:i])}
			end := i + len(line[i:])
			if line[i] == '"' {
				end = i + 1
				for end < len(line) && line[end] != '"' {
					if line[end] == '\\' {
						end++
					}
					end++
				}
				w.open = end >= len(line)
				w.text, i = strings.Trim(line[i:min(end, len(line))], `"`), end+1
			} else {
				if k := strings.IndexAny(line[i:], " \t"); k >= 0 {
					end = i + k
				}
				w.text, i = line[i:end], end
			}
			out = append(out, w)
		}
	}
	return out
}

// instead are words that people write for those of netrc.
var instead = map[string]string{"username": "login", "user": "login", "name": "login", "token": "password", "pass": "password", "passwd": "password", "host": "machine",
	"hostname": "machine", "server": "machine", "machine:": "machine", "login:": "login", "password:": "password"}

// Netrc checks a netrc file, as git reads it by libcurl: machines, each with a login and a password. libcurl skips in silence what it does not know.
// No message repeats a word of it: most are passwords, or stand where one is expected.
//
// Source: https://everything.curl.dev/usingcurl/netrc.html, and curl itself
func Netrc(file File) diag.List {
	f := &found{File: file}
	var machine *word
	has := map[string]bool{}
	complete := func() {
		if machine != nil && !(has["login"] && has["password"]) {
			lacks := "login"
			if has["login"] {
				lacks = "password"
			}
			f.line("BERTH1516", machine.line, machine.column, "write  machine HOST login NAME password TOKEN", "the machine has no %s", lacks)
		}
	}
	list := words(string(file.Data))
	if i := slices.IndexFunc(list, func(w word) bool { return w.open }); i >= 0 {
		f.line("BERTH1516", list[i].line, list[i].column, "close it, or remove it: only a password with spaces needs quotation marks", "the quotation mark is not closed")
		return f.problems
	}
	for i := 0; i < len(list); i++ {
		w := list[i]
		switch w.text {
		case "machine", "default":
			complete()
			machine, has = &list[i], map[string]bool{}
			if w.text == "machine" {
				i++
				f.machine(list, i)
			}
		case "login", "password", "account", "port":
			if i++; machine == nil || i >= len(list) {
				f.line("BERTH1516", w.line, w.column, "write  machine HOST login NAME password TOKEN", "%s has no machine before it, or no value after it", w.text)
				continue
			}
			has[w.text] = true
		case "macdef":
			f.line("BERTH1516", w.line, w.column, "remove it, with the lines that belong to it", "git does not support macros")
			return f.problems
		default:
			hint := "write  machine HOST login NAME password TOKEN;  a password with spaces needs quotation marks"
			if better := instead[strings.ToLower(w.text)]; better != "" {
				hint = "write  " + better
				has[better] = true // what is missing then is known
				i++
				if better == "machine" {
					machine = &list[i-1]
					has["login"], has["password"] = true, true
				}
			}
			f.line("BERTH1516", w.line, w.column, hint, "git does not know this word, and skips it")
		}
	}
	complete()
	if machine == nil && len(f.problems) == 0 {
		f.whole("BERTH1516", "write  machine HOST login NAME password TOKEN", "names no machine")
	}
	return f.problems
}

// machine checks the host of a machine.
func (f *found) machine(list []word, i int) {
	if i >= len(list) {
		last := list[i-1]
		f.line("BERTH1516", last.line, last.column, "write  machine HOST login NAME password TOKEN", "machine has no host after it")
		return
	}
	if w := list[i]; strings.ContainsAny(w.text, ":/@") {
		f.line("BERTH1516", w.line, w.column, "write the host only, such as  machine git.example.com", "a machine is a host, without https://, port and path")
	}
}

// NetrcHosts compares a netrc file with the connections to code hosts: a machine that no connection has, and a connection by HTTP that brings no login
// while the netrc has none for its host either. Both are usually a host that is misspelt.
func NetrcHosts(file, hosts File) diag.List {
	f := &found{File: file}
	root, ok := jsonc.Parse(hosts.Data)
	list := words(string(file.Data))
	if !ok || slices.ContainsFunc(list, func(w word) bool { return w.open || w.text == "default" }) {
		return nil // reported elsewhere, or there is a login for every host
	}
	var machines []word
	for i, w := range list {
		if w.text == "machine" && i+1 < len(list) {
			machines = append(machines, list[i+1])
		}
	}
	lacking := map[string]string{} // the connections without a login, by host
	for _, m := range root.Members {
		for i := range m.Value.Items {
			host, ok := withoutLogin(m.Name, &m.Value.Items[i])
			if ok && !slices.ContainsFunc(machines, func(w word) bool { return strings.EqualFold(w.text, host) }) {
				lacking[host] = fmt.Sprintf("%s[%d] of %s", m.Name, i, hosts.Name)
			}
		}
	}
	all := strings.ToLower(string(hosts.Data))
	for _, w := range machines {
		if strings.Contains(all, strings.ToLower(w.text)) {
			continue
		}
		hint := "check the host; keep it if repositories use it themselves, as with submodules"
		if guess := diag.Closest(w.text, slices.Sorted(maps.Keys(lacking))); guess != "" {
			hint = "did you mean " + guess + "?"
			delete(lacking, guess)
		}
		f.line("BERTH1536", w.line, w.column, hint, "no connection in %s goes to this host", hosts.Name)
		f.warning()
	}
	for _, host := range slices.Sorted(maps.Keys(lacking)) {
		f.whole("BERTH1536", "add  machine "+host+" login NAME password TOKEN;  not needed if everybody may clone from there",
			"has no login for %s, and %s has none either", host, lacking[host])
		f.warning()
	}
	return f.problems
}

// withoutLogin is the host of a connection that git clones from by HTTP with no login but that of a netrc: only generic git hosts have no key for one.
func withoutLogin(kind string, v *jsonc.Value) (host string, ok bool) {
	address, _ := text(v.At("url"))
	u, err := url.Parse(address)
	return cmp.Or(u, &url.URL{}).Hostname(), kind == "OTHER" && err == nil && u.User == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
