package redact

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// pseudonyms replace all kinds of some names.
func pseudonyms(names ...Name) *Pseudonyms {
	return &Pseudonyms{Key: []byte("key"), Kinds: Kinds, Names: names, Stays: func(_ Kind, name string) bool { return name == "root" || name == "github.com/sourcegraph/sourcegraph" }}
}

func TestNames(t *testing.T) {
	p := pseudonyms(Name{Kind: Hosts, Text: "Git.acme.com"}, Name{Kind: Hosts, Text: "acme.com", Below: true}, Name{Kind: Users, Text: "alice"},
		Name{Kind: Repositories, Text: "github.com/acme/pay"}, Name{Kind: Repositories, Text: "acme/pay", Of: "github.com/acme/pay"},
		Name{Kind: Repositories, Text: "git.acme.com", Path: true})
	r := New(Known([]Value{{Text: "hunter22secret", What: "a secret"}}).WithNames(p).WithPatterns())
	host, other, alice, pay := p.Of(Hosts, "git.acme.com"), p.Of(Hosts, "db1.acme.com"), p.Of(Users, "alice"), p.Of(Repositories, "github.com/acme/pay")
	address, mail := p.Of(Addresses, "10.1.2.3"), p.Of(Users, "bob@acme.com")
	for text, want := range map[string]string{
		"to git.acme.com, GIT.ACME.COM:443 and db1.acme.com.":   "to " + host + ", " + host + ":443 and " + other + ".",
		"malice and alice's alice_1 ALICE":                      "malice and " + alice + "'s " + alice + "_1 " + alice,
		`{"m":"\ngit.acme.com\talice\u003cdb1.acme.com\u003e"}`: `{"m":"\n` + host + `\t` + alice + `\u003c` + other + `\u003e"}`,
		"https://x?u=https%3A%2F%2Fdb1.acme.com%2Falice":        "https://x?u=https%3A%2F%2F" + other + "%2F" + alice,
		"git@github.com:acme/pay.git github.com/acme/pay":       "git@github.com:" + pay + ".git " + pay,
		"shard github.com%2Facme%2Fpay_v16.00000.zoekt":         "shard " + pay + "_v16.00000.zoekt",
		"https://git.acme.com/team/secret-plan.git":             "https://" + p.Of(Repositories, "git.acme.com/team/secret-plan") + ".git",
		"ssh://git@git.acme.com:7999/team/x":                    "ssh://git@" + p.Of(Repositories, "git.acme.com/team/x"),
		"10.1.2.3 [10.1.2.3]:80 10.1.2.3:5432 (10.1.2.3).":      address + " [" + address + "]:80 " + address + ":5432 (" + address + ").",
		"IP 10.1.2.3.5432 > 10.1.2.3.80: ack":                   "IP " + address + ".5432 > " + address + ".80: ack",
		"10.1.2.3/24 ip-10-1-2-3.ec2 from:10.1.2.3":             address + "/24 " + address + ".ec2 from:" + address,
		`"\n10.1.2.3 up\n"`:                                     `"\n` + address + ` up\n"`,
		"fe80::1 [fe80::1]:1 addr:fe80::1 fe80::1%eth0":         strings.ReplaceAll("A [A]:1 addr:A A%eth0", "A", p.Of(Addresses, "fe80::1")),
		"02:42:ac:11:00:02":                                     p.Of(Addresses, "02:42:ac:11:00:02"),
		"at 01:02:03 std::vector a::b id::text 1.2.3 v1.2.3.4":  "at 01:02:03 std::vector a::b id::text 1.2.3 v1.2.3.4",
		"127.0.0.1 ::1 0.0.0.0 :: 192.0.2.7 255.255.0.0":        "127.0.0.1 ::1 0.0.0.0 :: 192.0.2.7 255.255.0.0",
		"from <bob@acme.com>":                                   "from <" + mail + ">",
		`{"repo":"other/thing","user":"carol","uid":"carol"}`:   `{"repo":"` + p.Of(Repositories, "other/thing") + `","user":"` + p.Of(Users, "carol") + `","uid":"carol"}`,
		"repo=github.com/sourcegraph/sourcegraph user=root":     "repo=github.com/sourcegraph/sourcegraph user=root",
		"user=17 x@sha256:00 mod@v1.2.3":                        "user=17 x@sha256:00 mod@v1.2.3",
		"postgres://alice:hunter22secret@db1.acme.com/sg":       "postgres://" + alice + ":*****@" + other + "/sg",
		"git.ac\nme.com": host,
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q\nbecomes  %q\nand not  %q", text, got, want)
		}
	}
	if got := p.Of(Users, "alice"); got == (&Pseudonyms{Key: []byte("other")}).Of(Users, "alice") || got != p.Of(Users, "Alice") || len(got) != len("user-01234567") {
		t.Errorf("a pseudonym does not follow from the key and the name: %s", got)
	}
}

// TestNamesInCompressedData: what is compressed is searched, too.
func TestNamesInCompressedData(t *testing.T) {
	p := pseudonyms(Name{Kind: Users, Text: "alice.smith"})
	r := New(Known(nil).WithNames(p))
	if got := r.Text(base64.StdEncoding.EncodeToString(packed("for alice.smith at 10.1.2.3"))); got != "*****" {
		t.Errorf("%q", got)
	}
	var out bytes.Buffer
	if _, err := r.Copy(&out, bytes.NewReader(packed("for Alice.Smith"))); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(z); string(text) != "for "+p.Of(Users, "alice.smith") {
		t.Errorf("%q", text)
	}
}

// tryName hides a name by chance, and replaces it.
func tryName(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 11))
	word := func() string { return "q" + noise(r, 0) + strconv.FormatUint(r.Uint64()>>24, 36) + "z" }
	name := []Name{{Kind: Hosts, Text: word() + ".corp.example"}, {Kind: Hosts, Text: word() + "-1"}, {Kind: Users, Text: word()}, {Kind: Users, Text: word() + "@corp.example"},
		{Kind: Repositories, Text: "git.corp.example/" + word() + "/" + word()}, {Kind: Addresses, Text: fmt.Sprintf("10.%d.%d.%d", 10+r.IntN(90), 10+r.IntN(90), 10+r.IntN(90))}}[r.IntN(6)]
	written := name.Text
	switch r.IntN(3) {
	case 0:
		written = strings.ToUpper(written)
	case 1:
		written = strings.ToUpper(written[:1]) + written[1:]
	}
	text, used := hidden(r, "("+written+")") // so that nothing around it belongs to it
	if len(text) > 4<<10 {
		return nil
	}
	before, after := "a line\n"+noise(r, r.IntN(200))+[]string{" ", "=", `"`, "\n", ":"}[r.IntN(5)], []string{" ", `"`, "\n", ","}[r.IntN(4)]+noise(r, r.IntN(200))+"\n"
	// A name is shorter than a secret, so more of what is around it may stay.
	masked := New(Known(nil).WithNames(pseudonyms(name))).Text(before + text + after)
	if rest := rests(masked, text, 128); rest != "" || strings.Contains(strings.ToLower(masked), name.Text) {
		return fmt.Errorf("seed %d: %q as %v:\n%q\nbecomes\n%q", seed, written, used, before+text+after, masked)
	}
	return nil
}

// TestHiddenNames hides names in forms within forms, as TestHiddenSecrets does.
func TestHiddenNames(t *testing.T) {
	tries := 3000
	if n, err := strconv.Atoi(os.Getenv("BERTH_TRIES")); err == nil {
		tries = n
	}
	failed := 0
	for seed := range uint64(tries) {
		if err := tryName(seed); err != nil {
			if failed++; failed <= 10 {
				t.Error(err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d tries leak", failed, tries)
	}
}

// TestJSONStaysJSON: a pseudonym takes the place of its name, and of nothing that belongs to the document.
func TestJSONStaysJSON(t *testing.T) {
	p := pseudonyms(Name{Kind: Hosts, Text: "git.acme.com"}, Name{Kind: Hosts, Text: "acme.com", Below: true}, Name{Kind: Users, Text: "alice"},
		Name{Kind: Repositories, Text: "git.acme.com/team/pay"}, Name{Kind: Repositories, Text: "team/pay", Of: "git.acme.com/team/pay"},
		Name{Kind: Repositories, Text: "git.acme.com", Path: true})
	red := New(Known([]Value{{Text: `a"b\c hidden`, What: "a secret"}}).WithNames(p).WithPatterns())
	parts := []string{`a"b\c hidden`, "password=hunter22", "no token:", "<ListAllMyBucketsResult", "Zk3vQ9xT1mB7yR5w0aPq8LsU", "DB_PASSWORD=", "git.acme.com", "db1.acme.com", "alice", "bob@acme.com", "git.acme.com/team/pay", "team/pay", "git@git.acme.com:x/y.git", "10.1.2.3", "fe80::1", "repo=x/y", "user: carol",
		"\n", "\t", `"`, `\`, "<", ">", "&", "é", " ", ",", "word", ":", "=", "/"}
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 5))
		var text string
		for range 1 + r.IntN(12) {
			text += parts[r.IntN(len(parts))]
		}
		doc, _ := json.Marshal(map[string]string{"user": text, "password": text, "message": text, parts[6+r.IntN(8)]: "x"})
		for range r.IntN(3) {
			doc, _ = json.Marshal(map[string]any{"inner": string(doc), "list": []string{text, text}})
		}
		if got := red.Text(string(doc)); !json.Valid([]byte(got)) {
			t.Fatalf("seed %d:\n%s\nbecomes\n%s", seed, doc, got)
		}
	}
}
