package config

import "testing"

func TestWithReleaseKeepsEveryOtherByte(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"target: compose\nrelease: 7.4.0   # mine\r\nurl: http://x\n", "target: compose\nrelease: 7.5.4453   # mine\r\nurl: http://x\n"},
		{"{target: compose, release: '7.4.0', url: 'http://x'}", "{target: compose, release: '7.5.4453', url: 'http://x'}"},
		{"# ä\nrelease: \"7.4.0\"\ntarget: compose", "# ä\nrelease: \"7.5.4453\"\ntarget: compose"},
		{"target: compose\n", "release: 7.5.4453\ntarget: compose\n"},
	} {
		got, err := WithRelease("sourcegraph.yaml", []byte(c.text), "7.5.4453")
		if err != nil || string(got) != c.want {
			t.Errorf("%q becomes %q, want %q (%v)", c.text, got, c.want, err)
		}
	}
}

func TestWithoutService(t *testing.T) {
	const both = "target: compose\nservices:\n  # mine\n  symbols:\n    memory: 8Gi   # much\n    env: {A: b}\n  gitserver: {replicas: 2}\nurl: http://x\n"
	for _, c := range []struct{ text, service, into, want string }{
		{both, "symbols", "searcher", "target: compose\nservices:\n  # mine\n  searcher:\n    memory: 8Gi   # much\n    env: {A: b}\n  gitserver: {replicas: 2}\nurl: http://x\n"},
		{both, "symbols", "", "target: compose\nservices:\n  # mine\n  gitserver: {replicas: 2}\nurl: http://x\n"},
		{"target: compose\nservices:\n  symbols: {memory: 8Gi}\nurl: http://x\n", "symbols", "", "target: compose\nurl: http://x\n"},
		{"services: {symbols: {memory: 8Gi}, gitserver: {replicas: 2}}\n", "symbols", "searcher", "services: {searcher: {memory: 8Gi}, gitserver: {replicas: 2}}\n"},
		{"services: {gitserver: {env: {X: symbols}}, symbols: {memory: 8Gi}}\n", "symbols", "searcher", "services: {gitserver: {env: {X: symbols}}, searcher: {memory: 8Gi}}\n"},
		{"services:\n  \"symbols\":\n    memory: 8Gi\n\n# odd\n    cpu: 2\n\n  # git\n  gitserver: {replicas: 2}\n", "symbols", "", "services:\n\n  # git\n  gitserver: {replicas: 2}\n"},
		{"target: compose\r\nservices:\r\n  symbols:\r\n    memory: 8Gi", "symbols", "", "target: compose\r\n"},
	} {
		got, err := WithoutService("sourcegraph.yaml", []byte(c.text), c.service, c.into)
		if err != nil || string(got) != c.want {
			t.Errorf("%q without %s (%s) becomes\n%q, want\n%q (%v)", c.text, c.service, c.into, got, c.want, err)
		}
	}
}

// TestEditsThatWouldChangeSomethingElse: such edits are refused, and the admin's file stays unchanged.
func TestEditsThatWouldChangeSomethingElse(t *testing.T) {
	for _, text := range []string{
		"services: {symbols: {memory: 8Gi}, gitserver: {replicas: 2}}\n",
		"services:\n  symbols: {memory: 8Gi,\n  cpu: 2}\n  gitserver: {replicas: 2}\n",
		"services:\n  symbols: &s {memory: 8Gi}\n  gitserver: *s\n",
		"services:\n  ? symbols\n  : {memory: 8Gi}\n  gitserver: {replicas: 2}\n",
	} {
		if got, err := WithoutService("sourcegraph.yaml", []byte(text), "symbols", ""); err == nil {
			t.Errorf("%q without symbols becomes %q", text, got)
		}
	}
	for _, text := range []string{"release: &r 7.4.0\nname: *r\n", "release: |\n  7.4.0\n", "# c\n---\ntarget: compose\n", "\xef\xbb\xbftarget: compose\n", "{target: compose}",
		"release: \"7\\x2e4.0\"\n"} {
		if got, err := WithRelease("sourcegraph.yaml", []byte(text), "7.5.4453"); err == nil {
			t.Errorf("%q with another release becomes %q", text, got)
		}
	}
}
