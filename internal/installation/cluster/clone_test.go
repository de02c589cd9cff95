package cluster

import "testing"

func TestHostsAsAnotherNamespaceNamesThem(t *testing.T) {
	for host, want := range map[string]string{"pgsql": "pgsql.prod", "pg.example.com": "pg.example.com", "10.0.0.7": "10.0.0.7", "fd00::1": "fd00::1", "": ""} {
		if got := inNamespace(host, "prod"); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
