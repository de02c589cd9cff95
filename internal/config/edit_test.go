package config

import "testing"

func TestWithReleaseKeepsEveryOtherByte(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"on: compose\nrelease: 7.4.0   # mine\r\nurl: http://x\n", "on: compose\nrelease: 7.5.4453   # mine\r\nurl: http://x\n"},
		{"{on: compose, release: '7.4.0', url: 'http://x'}", "{on: compose, release: '7.5.4453', url: 'http://x'}"},
		{"# ä\nrelease: \"7.4.0\"\non: compose", "# ä\nrelease: \"7.5.4453\"\non: compose"},
		{"on: compose\n", "release: 7.5.4453\non: compose\n"},
	} {
		got, err := WithRelease("sourcegraph.yaml", []byte(c.text), "7.5.4453")
		if err != nil || string(got) != c.want {
			t.Errorf("%q becomes %q, want %q (%v)", c.text, got, c.want, err)
		}
	}
}
