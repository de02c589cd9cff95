package contents

import (
	"fmt"
	"strings"
	"testing"

	"berth/catalogue"
)

func TestSiteConfigAndSettings(t *testing.T) {
	known := catalogue.Embedded().Configuration()
	for _, c := range []struct {
		text, want string
		line       int
		says       string
	}{
		{"{\n // comment\n \"auth.providers\": [{\"type\": \"builtin\", \"allowSignup\": true},],\n \"email.smtp\": {\"host\": \"x\", \"port\": 25, \"authentication\": \"none\"},\n}", "", 0, ""},
		{"{}", "", 0, ""},
		{"[]", "BERTH1518", 1, "an array"},
		{"\"text\"", "BERTH1518", 1, "a string"},
		{"{\n\"auth.provider\": []\n}", "BERTH1520 warning", 2, "does not have auth.provider"},
		{"{\n\"auth.providers\": {}\n}", "BERTH1519", 2, "must be an array, but is an object"},
		{"{\n\"auth.minPasswordLength\": \"12\"\n}", "BERTH1519", 2, "must be a number, but is a string"},
		{"{\n\"auth.providers\": [{}]\n}", "BERTH1519", 2, "auth.providers[0] lacks type"},
		{"{\n\"auth.providers\": [{\"type\": \"openid\"}]\n}", "BERTH1519", 2, "no sign-in of this type"},
		{"{\n\"auth.providers\": [\n{\"type\": \"openidconnect\", \"issuer\": \"x\", \"clientID\": \"\"}]\n}", "BERTH1519", 3, "lacks clientID and clientSecret"},
		{"{\n\"auth.providers\": [\n{\"type\": \"github\", \"clientID\": \"x\", \"clientSecret\": \"REDACTED\"}]\n}", "BERTH1522", 3, "auth.providers[0].clientSecret is REDACTED"},
		{"{\n\"email.smtp\": {\"host\": \"x\"}\n}", "BERTH1519", 2, "email.smtp lacks port and authentication"},
		{"{\n\"observability.alerts\": [{\"notifier\": {\"url\": \"REDACTED-DATA-CHUNK-0123456789\"}}]\n}", "BERTH1522", 2, "observability.alerts[0].notifier.url"},
		{"{\n\"update.channel\": \"none\"\n}", "BERTH1521 warning", 2, "it has no effect"},
		{"{\n\"externalURL\": \"http://a\",\n\"externalURL\": \"http://b\"\n}", "BERTH1519", 3, "twice"},
		{"{\"licenseKey\": null}", "", 0, ""},
	} {
		got := SiteConfig(File{Key: "siteConfig.file", Name: "site.json", Data: []byte(c.text)}, known)
		if codes(got) != c.want || c.want != "" && (got[0].Range.Line != c.line || !strings.Contains(got[0].Summary, c.says)) {
			t.Errorf("%s: want %q in line %d with %q, got %+v", c.text, c.want, c.line, c.says, got)
		}
	}
	got := GlobalSettings(File{Key: "settings.file", Name: "s.json", Data: []byte("{\"search.contextLines\": 3,\n\"search.displaylimits\": 5}")}, known)
	if codes(got) != "BERTH1520 warning" || got[0].Hint != "did you mean search.displayLimit?" {
		t.Error(got)
	}
}

func TestCodeHosts(t *testing.T) {
	known := catalogue.Embedded().Configuration()
	for _, c := range []struct {
		text, want string
		line       int
		says, hint string
	}{
		{"{\"GITHUB\": [\n{\"url\": \"https://github.com\", \"token\": \"x\", \"repos\": [\"a/b\"]}], \"OTHER\": [{\"url\": \"ssh://git@h/\", \"repos\": [\"a\"]}]}", "", 0, "", ""},
		{"{\"GITHUB\": [{\"url\": \"https://github.com\", \"gitHubAppDetails\": {}}]}", "", 0, "", ""},
		{"{}", "", 0, "", ""},
		{"[\n{\"url\": \"https://github.com\", \"token\": \"x\"}]", "BERTH1518", 1, "an array", `write  {"GITHUB"`},
		{"{\n\"url\": \"https://github.com\"}", "BERTH1518", 2, "no kind of code host url", "put the connection into a list"},
		{"{\n\"github\": []}", "BERTH1518", 2, "no kind of code host github", "write GITHUB"},
		{"{\n\"BITBUCKET_SERVER\": []}", "BERTH1518", 2, "no kind", "write BITBUCKETSERVER"},
		{"{\n\"GITHBU\": []}", "BERTH1518", 2, "no kind", "did you mean GITHUB?"},
		{"{\n\"GITHUB\": {\"url\": \"https://github.com\"}}", "BERTH1518", 2, "must be a list of connections", "square brackets"},
		{"{\"GITHUB\": [\n\"https://github.com\"]}", "BERTH1519", 2, "GITHUB[0] must be an object", ""},
		{"{\"GITLAB\": [\n{\"url\": \"https://gitlab.com\"}]}", "BERTH1519", 2, "GITLAB[0] lacks projectQuery and token", "add it"},
		{"{\"GITHUB\": [\n{\"url\": \"https://github.com\"}]}", "BERTH1519 warning", 2, "has none of token", "add one"},
		{"{\"GITHUB\": [\n{\"url\": \"github.com\", \"token\": \"x\"}]}", "BERTH1519", 2, "must be a URL", "https://"},
		{"{\"GITHUB\": [\n{\"url\": \"https://github.com\", \"token\": \"REDACTED\"}]}", "BERTH1522", 2, "GITHUB[0].token is REDACTED", ""},
		{"{\"GITHUB\": [\n{\"url\": \"https://github.com\", \"token\": \"x\",\n\"org\": []}]}", "BERTH1520 warning", 3, "does not have GITHUB[0].org", "did you mean orgs?"},
		{"{\"GITHUB\": [\n{\"url\": \"https://github.com\", \"token\": \"x\",\n\"orgs\": \"mine\"}]}", "BERTH1519", 3, "GITHUB[0].orgs must be an array, but is a string", ""},
		{"{\"NPMPACKAGES\": [{\"anything\": 1}]}", "", 0, "", ""},
	} {
		got := CodeHosts(File{Key: "codeHosts.file", Name: "hosts.json", Data: []byte(c.text)}, known)
		if codes(got) != c.want || c.want != "" && (got[0].Range.Line != c.line || !strings.Contains(got[0].Summary, c.says) || !strings.Contains(got[0].Hint, c.hint)) {
			t.Errorf("%s: want %q in line %d with %q %q, got %+v", c.text, c.want, c.line, c.says, c.hint, got)
		}
	}
}

// TestEveryKindOfCodeHost: a connection with all that its kind can have has no problem, and without what it must have it has one.
func TestEveryKindOfCodeHost(t *testing.T) {
	known := catalogue.Embedded().Configuration()
	values := map[string]string{"string": `"https://x.example.com"`, "number": "1", "boolean": "true", "array": "[]", "object": "{}", "any": "null"}
	for name, host := range known.CodeHosts {
		var all, few []string
		for key, kind := range host.Keys {
			if values[kind] == "" {
				t.Errorf("%s.%s has the type %q", name, key, kind)
			}
			all = append(all, fmt.Sprintf("%q: %s", key, values[kind]))
		}
		for _, key := range append(host.Required, host.OneOf...) {
			if host.Keys[key] == "" {
				t.Errorf("%s must have %s, which it does not know", name, key)
			}
		}
		file := File{Name: "f", Data: []byte(fmt.Sprintf("{%q: [{%s}]}", name, strings.Join(all, ", ")))}
		if got := CodeHosts(file, known); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
		file.Data = []byte(fmt.Sprintf("{%q: [{%s}]}", name, strings.Join(few, ", ")))
		if got := CodeHosts(file, known); len(got) == 0 && len(host.Required) > 0 {
			t.Errorf("%s may be empty", name)
		}
	}
	for _, list := range []map[string]string{known.SiteConfig, known.Settings} {
		for key, kind := range list {
			if values[kind] == "" {
				t.Errorf("%s has the type %q", key, kind)
			}
		}
	}
}

func TestSSHHosts(t *testing.T) {
	known := catalogue.Embedded().Configuration()
	got := SSHHosts(File{Name: "hosts.json", Data: []byte(`{
		"GITHUB": [{"url": "https://github.com", "gitURLType": "ssh"}, {"url": "https://ghe.example.com"}, {"url": "https://own.example.com", "gitURLType": "ssh", "gitSSHCredential": {}}],
		"AZUREDEVOPS": [{"url": "https://dev.azure.com/", "gitURLType": "ssh"}],
		"OTHER": [{"url": "ssh://git@other.example.com:2222", "repos": ["git@third.example.com:a/b", "a"]}, {"url": "https://x.example.com", "repos": ["a"]}],
		"GITOLITE": [{"host": "git@gitolite.example.com", "prefix": "a"}]}`)}, known)
	want := "github.com: other.example.com:2222 third.example.com:22 gitolite.example.com:22 ssh.dev.azure.com:"
	var names []string
	for _, h := range got {
		names = append(names, h.Name+":"+h.Port)
	}
	for _, n := range strings.Fields(want) {
		if !strings.Contains(strings.Join(names, " ")+" ", n+" ") {
			t.Errorf("%s is missing in %v", n, names)
		}
	}
	if len(got) != 5 {
		t.Error(names)
	}
}
