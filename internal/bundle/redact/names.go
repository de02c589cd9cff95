package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Kind is a kind of names.
type Kind string

// The kinds of names that pseudonyms replace.
const (
	Hosts        Kind = "hosts"
	Addresses    Kind = "addresses"
	Users        Kind = "users"
	Repositories Kind = "repositories"
)

// Kinds are all kinds of names.
var Kinds = []Kind{Hosts, Addresses, Users, Repositories}

// Word is a name of a kind, in words.
func (k Kind) Word() string {
	return map[Kind]string{Hosts: "a host name", Addresses: "an address", Users: "a name of a user", Repositories: "a name of a repository"}[k]
}

// Name is a name that a pseudonym replaces.
type Name struct {
	Kind Kind
	Text string // as programs write it; small and capital letters are the same
	Of   string // the name that it is another form of; "": none
	// Below says that it is a domain: each host in it has a name, too.
	Below bool
	// Path says that it is a code host: what is after it is the name of a repository.
	Path bool
}

// Pseudonyms say what stands in place of names. A name has the same pseudonym wherever the key is the same; without the key, nobody can tell whether a
// name that he guesses is behind a pseudonym.
type Pseudonyms struct {
	Key   []byte
	Kinds []Kind
	Names []Name
	// Stays reports names that everybody has, and words without which a text could not be read.
	Stays func(kind Kind, name string) bool
}

// letters are those of pseudonyms: none looks like another.
var letters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Of is the pseudonym of a name.
func (p *Pseudonyms) Of(kind Kind, name string) string {
	prefix := map[Kind]string{Hosts: "host-", Addresses: "address-", Users: "user-", Repositories: "repo-"}[kind]
	if kind == Users && strings.Contains(name, "@") {
		prefix = "mail-"
	}
	h := hmac.New(sha256.New, p.Key)
	h.Write([]byte(prefix + strings.ToLower(name))) // a hash takes everything
	return prefix + letters.EncodeToString(h.Sum(nil)[:5])
}

func (p *Pseudonyms) has(kind Kind) bool { return slices.Contains(p.Kinds, kind) }

const (
	// leastEncoded is the length from which a name in base64 is found by what it is there: shorter ones are there by chance.
	leastEncoded = 6
	// mostEncoded is the length up to which that is needed: longer ones are long enough to be decoded.
	mostEncoded = 12
	// longestName is how much of a name is compared: no host has a longer one.
	longestName = 253
)

// WithNames is the same set with names, which pseudonyms replace.
func (s *Set) WithNames(p *Pseudonyms) *Set {
	out := s.copied()
	out.pseudonyms, out.names, out.found = p, &index{grams: map[uint32][]int32{}}, &found{indices: map[[2]string]int32{}}
	seen := map[Name]bool{}
	for _, n := range p.Names {
		typed := n.Text
		if n.Text = strings.ToLower(typed[:min(len(typed), longestName)]); len(n.Text) < Least || seen[n] {
			continue
		}
		seen[n] = true
		value := int32(len(out.values))
		out.values = append(out.values, p.value(n))
		out.longest = max(out.longest, len(n.Text))
		out.names.add(piece{text: n.Text, value: value, word: true, below: n.Below, path: n.Path})
		if len(n.Text) >= leastEncoded && len(n.Text) < mostEncoded {
			out.encoded(n.Text, int(value))
			if typed != n.Text {
				out.encoded(typed, int(value))
			}
		}
	}
	out.compile()
	out.names.compile()
	return out
}

// value is a name as what is searched for.
func (p *Pseudonyms) value(n Name) Value {
	of := n.Of
	if of == "" {
		of = n.Text
	}
	return Value{Text: of, What: n.Kind.Word(), kind: n.Kind, as: p.Of(n.Kind, of)}
}

// firstFound is the index from which values are names that were found by their form.
const firstFound = 1 << 28

// found are names that are in no list, but were found by their form. All redactors of a set have one.
type found struct {
	mu      sync.RWMutex
	values  []*Value
	indices map[[2]string]int32 // by kind and name; below 0: the name stays
}

func (f *found) value(i int32) *Value {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.values[i]
}

// index finds a name, or adds it.
func (f *found) index(p *Pseudonyms, kind Kind, name string) int32 {
	key := [2]string{string(kind), name}
	f.mu.RLock()
	i, known := f.indices[key]
	f.mu.RUnlock()
	if known {
		return i
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, known = f.indices[key]; known {
		return i
	}
	i = -1
	if !p.Stays(kind, name) {
		i = int32(len(f.values))
		v := p.value(Name{Kind: kind, Text: name})
		f.values = append(f.values, &v)
	}
	f.indices[key] = i
	return i
}

// value is what a span is masked for; nil: a pattern.
func (f *finder) value(of int32) *Value {
	switch {
	case of >= firstFound:
		return f.found.value(of - firstFound)
	case of >= 0:
		return &f.values[of]
	}
	return nil
}

// called adds a name that was found by its form.
func (f *finder) called(kind Kind, name string, from, to int, out []span) []span {
	i := f.found.index(f.pseudonyms, kind, name)
	if i < 0 {
		return out
	}
	return append(out, span{from, to, firstFound + i})
}

// search adds the names in a text.
func (f *finder) search(text []byte, depth int, out []span) []span {
	l := &f.levels[depth]
	l.small = append(l.small[:0], text...)
	for i, c := range l.small {
		if c >= 'A' && c <= 'Z' {
			l.small[i] = c + 'a' - 'A'
		}
	}
	out = f.plain(f.names, l.small, depth, out)
	out = f.broken(f.names, l.small, out)
	if f.pseudonyms.has(Addresses) {
		out = f.addresses(l.small, out)
	}
	if f.pseudonyms.has(Users) {
		out = f.mails(l.small, out)
	}
	return out
}

var (
	hostSigns = signs("abcdefghijklmnopqrstuvwxyz0123456789-_.")
	pathSigns = signs("abcdefghijklmnopqrstuvwxyz0123456789-_.~/")
	mailSigns = signs("abcdefghijklmnopqrstuvwxyz0123456789-_.+")
)

// leftOf is where the signs before a place begin. Of an escape before them nothing belongs to them: \ngit.example.com.
func leftOf(text []byte, at int, all *[256]bool) int {
	from := at
	for from > 0 && all[text[from-1]] {
		from--
	}
	from = afterEscape(text, from)
	for from < at && strings.IndexByte(".-_+", text[from]) >= 0 {
		from++
	}
	return min(from, at)
}

// afterEscape is where a text goes on in which an escape has begun before a place.
func afterEscape(text []byte, at int) int {
	switch {
	case at == 0 || at == len(text):
		return at
	case text[at-1] == '%':
		return min(at+2, len(text))
	case text[at-1] != '\\':
		return at
	case text[at] == 'u':
		return min(at+5, len(text))
	case text[at] == 'x':
		return min(at+3, len(text))
	}
	return min(at+1, len(text))
}

// host adds a host of a domain that is at a place.
func (f *finder) host(p *piece, text []byte, from, to int, out []span) []span {
	begin := leftOf(text, from, &hostSigns)
	return f.called(Hosts, string(text[begin:from])+p.text, begin, to, out)
}

// repository adds a repository of a code host that is at a place.
func (f *finder) repository(p *piece, text []byte, from, to int, out []span) []span {
	if to >= len(text) || text[to] != '/' && text[to] != ':' {
		return out
	}
	begin := to + 1
	if text[to] == ':' && begin < len(text) && text[begin] >= '0' && text[begin] <= '9' { // a port
		for begin < len(text) && text[begin] >= '0' && text[begin] <= '9' {
			begin++
		}
		if begin == len(text) || text[begin] != '/' {
			return out
		}
		begin++
	}
	end := begin
	for end < len(text) && pathSigns[text[end]] && end-begin < longestName {
		end++
	}
	path := bytes.TrimSuffix(bytes.TrimRight(text[begin:end], "./-~"), []byte(".git"))
	if len(path) == 0 {
		return out
	}
	return f.called(Repositories, p.text+"/"+string(path), from, begin+len(path), out)
}

// mails adds addresses of e-mail. What signs in to a server by SSH has the form of one, and is none.
func (f *finder) mails(text []byte, out []span) []span {
	for at := 0; ; at++ {
		n := bytes.IndexByte(text[at:], '@')
		if n < 0 {
			return out
		}
		at += n
		from, to := leftOf(text, at, &mailSigns), at+1
		for to < len(text) && hostSigns[text[to]] {
			to++
		}
		host := bytes.TrimRight(text[at+1:to], ".-_")
		last := host[bytes.LastIndexByte(host, '.')+1:]
		if from == at || password(text, from) || len(last) < 2 || len(last) == len(host) || bytes.ContainsAny(last, "0123456789-_") || string(text[from:at]) == "git" {
			continue
		}
		out = f.called(Users, string(text[from:at+1+len(host)]), from, at+1+len(host), out)
	}
}

// password reports whether what begins at a place is the password of a URL.
func password(text []byte, at int) bool {
	if at == 0 || text[at-1] != ':' {
		return false
	}
	user := at - 1
	for user > 0 && mailSigns[text[user-1]] {
		user--
	}
	return bytes.HasSuffix(text[:user], []byte("//"))
}

var (
	decimal = signs("0123456789.")
	colons  = signs("0123456789abcdef:.")
)

// addresses adds addresses of networks, and of network cards.
func (f *finder) addresses(text []byte, out []span) []span {
	for i := 1; i+1 < len(text); i++ {
		switch c := text[i]; {
		case c == '.' && decimal[text[i-1]] && decimal[text[i+1]]:
			i, out = f.version4(text, i, out)
		case c == ':' && colons[text[i-1]] && colons[text[i+1]]:
			i, out = f.version6(text, i, out)
		case c == 'p' && text[i-1] == 'i' && text[i+1] == '-':
			i, out = f.dashed(text, i+2, out)
		}
	}
	return out
}

// longestAddress is how many signs an address has at most.
const longestAddress = 48

// around is where the signs around a place begin and end.
func around(text []byte, at int, all *[256]bool) (from, to int) {
	from, to = at, at+1
	for from > 0 && all[text[from-1]] && at-from < longestAddress {
		from--
	}
	for to < len(text) && all[text[to]] && to-at < longestAddress {
		to++
	}
	return from, to
}

// address adds what is between two places, if it is an address that stands by itself.
func (f *finder) address(text []byte, from, to int, out []span) []span {
	if from >= to || from > 0 && wordSigns[text[from-1]] || to < len(text) && wordSigns[text[to]] {
		return out
	}
	if name := string(text[from:to]); Networked(name) {
		return f.called(Addresses, name, from, to, out)
	}
	return out
}

// version4 adds the address around a dot, and gives the place up to which it looked.
func (f *finder) version4(text []byte, at int, out []span) (int, []span) {
	from, to := around(text, at, &decimal)
	looked := to - 1
	from += len(text[from:to]) - len(bytes.TrimLeft(text[from:to], "."))
	to = from + len(bytes.TrimRight(text[from:to], "."))
	if parts := bytes.SplitN(text[from:to], []byte("."), 5); len(parts) == 5 {
		to -= 1 + len(parts[4]) // a port, as tcpdump writes it
	}
	return looked, f.address(text, from, to, out)
}

// version6 adds the address around a colon, and gives the place up to which it looked. Words before and after it may have its signs: "remote:fe80::1:".
func (f *finder) version6(text []byte, at int, out []span) (int, []span) {
	from, to := around(text, at, &colons)
	looked := to - 1
	if from > 0 && wordSigns[text[from-1]] {
		from += max(0, bytes.IndexByte(text[from:to], ':'))
	}
	if text[from] == ':' && from+1 < to && text[from+1] != ':' {
		from++
	}
	if to = from + len(bytes.TrimRight(text[from:to], ".")); to-from > 2 && text[to-1] == ':' && text[to-2] != ':' {
		to--
	}
	return looked, f.address(text, from, to, out)
}

// Networked reports the address of a network, or of a network card, and none that every machine has.
func Networked(text string) bool {
	if len(text) == 17 && strings.Count(text, ":") == 5 {
		groups := strings.Split(text, ":")
		return !slices.ContainsFunc(groups, func(g string) bool { return len(g) != 2 })
	}
	a, err := netip.ParseAddr(text)
	return err == nil && !common(a)
}

// examples are networks that belong to nobody: for documents (RFC 5737, RFC 3849), and those that stand for all private ones (RFC 1918).
var examples = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("255.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/32"),
	netip.MustParsePrefix("172.16.0.0/32"), netip.MustParsePrefix("192.168.0.0/32"), netip.MustParsePrefix("169.254.169.254/32")}

// common reports an address that every machine has, or none, and what only looks like one: "a::b".
func common(a netip.Addr) bool {
	if a.Is6() && !a.Is4In6() && !a.IsPrivate() && !a.IsLinkLocalUnicast() && a.As16()[0]>>5 != 1 { // 2000::/3 are the others
		return true
	}
	return a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || slices.ContainsFunc(examples, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
}

// dashed adds an address as clouds write it into names of machines: ip-10-1-2-3.
func (f *finder) dashed(text []byte, at int, out []span) (int, []span) {
	to := at
	for to < len(text) && to-at < longestAddress && (text[to] == '-' || text[to] >= '0' && text[to] <= '9') {
		to++
	}
	name := strings.ReplaceAll(string(text[at:to]), "-", ".")
	if !Networked(name) || at > 3 && wordSigns[text[at-4]] || to < len(text) && wordSigns[text[to]] {
		return at - 1, out
	}
	return to - 1, f.called(Addresses, name, at-3, to, out)
}

// keys are names in logs and documents whose values are names.
var keys = map[string]Kind{"repo": Repositories, "reponame": Repositories, "repository": Repositories, "repositoryname": Repositories,
	"user": Users, "username": Users, "login": Users, "actor": Users, "actorname": Users, "author": Users}

// keyed is the kind of names that the values of a key are; "": none that has pseudonyms.
func (f *finder) keyed(key []byte) Kind {
	if f.pseudonyms == nil || len(key) > 20 {
		return ""
	}
	kind := keys[strings.ToLower(strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, string(key)))]
	if !f.pseudonyms.has(kind) {
		return ""
	}
	return kind
}

// byKey adds the value of a key, where it may be a name.
func (f *finder) byKey(kind Kind, text []byte, from, to int, out []span) []span {
	if from = afterEscape(text, from); from >= to {
		return out
	}
	name := strings.ToLower(string(text[from:to]))
	if strings.Trim(name, "0123456789.-") == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 0x80 && !pathSigns[r] && r != '@' && r != '+' }) {
		return out
	}
	return f.called(kind, name, from, to, out)
}

// Used is a name that was replaced.
type Used struct {
	Kind      Kind   `json:"kind"`
	Name      string `json:"name"`
	Pseudonym string `json:"pseudonym"`
	Times     int    `json:"times"`
}

// Used are the names that were replaced since New.
func (r *Redactor) Used() (out []Used) {
	for _, of := range slices.Sorted(maps.Keys(r.used)) {
		v := r.value(of)
		out = append(out, Used{v.kind, v.Text, v.as, r.used[of]})
	}
	return out
}
