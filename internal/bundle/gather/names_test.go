package gather

import (
	"slices"
	"testing"

	"berth/internal/bundle/redact"
	"berth/internal/jsonc"
)

func collected() *names {
	return &names{kinds: redact.Kinds, services: map[string]bool{"gitserver": true, "gitserver-0": true}, seen: map[redact.Name]bool{}}
}

// TestHostsInDocuments: a host is found in a URL wherever it is, and after a key that says so; a file or an image is none.
func TestHostsInDocuments(t *testing.T) {
	n := collected()
	v, ok := jsonc.Parse([]byte(`{"url": "https://git.acme.co.uk:8443/x", "note": "see http://user:x@wiki.corp.example/y", "clone": "git@ssh.acme.co.uk:a/b", "email.smtp": {"host": "relay7"},
		"External": "redis.corp.example:6379", "Registry": "images.corp.example/mirror", "Bucket": "acme-uploads", "File": "site.json", "log": "a.b.c", "public": "https://api.github.com/x",
		"own": "http://gitserver-0:3178", "loop": "http://127.0.0.1:9090", "node": "http://10.9.8.7:80", "in": "http://pgsql.sourcegraph.svc.cluster.local"}`))
	if !ok {
		t.Fatal("no JSON")
	}
	n.tree(v.Any, "")
	var got []string
	for _, name := range n.list {
		text := name.Text
		if name.Below {
			text = "*." + text
		}
		got = append(got, text)
	}
	slices.Sort(got)
	want := []string{"*.acme.co.uk", "*.corp.example", "10.9.8.7", "acme-uploads", "git.acme.co.uk", "images.corp.example", "redis.corp.example", "relay7", "ssh.acme.co.uk", "wiki.corp.example"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestNamesThatStay: they say nothing about who runs the installation, or a bundle could not be read without them.
func TestNamesThatStay(t *testing.T) {
	n := collected()
	for _, stays := range []redact.Name{{Kind: redact.Users, Text: "root"}, {Kind: redact.Users, Text: "gitserver"}, {Kind: redact.Hosts, Text: "raw.githubusercontent.com"},
		{Kind: redact.Repositories, Text: "github.com/sourcegraph/zoekt"}, {Kind: redact.Repositories, Text: "index.docker.io/sourcegraph/gitserver"}, {Kind: redact.Hosts, Text: "gitserver.default.svc"},
		{Kind: redact.Users, Text: "user-01234567"}, {Kind: redact.Users, Text: "Status"}, {Kind: redact.Users, Text: "bo"}, {Kind: redact.Users, Text: "12345"}} {
		if n.add(stays); len(n.list) > 0 {
			t.Errorf("%s %s would be replaced everywhere", stays.Kind, stays.Text)
			n.list = nil
		}
	}
	if n.short != 3 {
		t.Errorf("%d names are counted that only keys tell, want 3", n.short)
	}
	for _, name := range []redact.Name{{Kind: redact.Users, Text: "Dorothea"}, {Kind: redact.Repositories, Text: "github.com/acme/sourcegraph"}, {Kind: redact.Hosts, Text: "notgithub.com"}} {
		n.list = nil
		if n.add(name); len(n.list) != 1 || n.list[0].Text != name.Text {
			t.Errorf("%s %s would stay", name.Kind, name.Text)
		}
	}
}
