package contents

import (
	"strings"
	"testing"

	"berth/catalogue"
	"pgregory.net/rapid"
)

// TestSettings: what the servers of Postgres 12 and 16 accept is accepted, and what they refuse is refused. The values were tried with them.
func TestSettings(t *testing.T) {
	known := catalogue.Embedded().Postgres()
	for _, c := range []struct {
		major       int
		name, value string
		code        string // "" where the server accepts it
		hint        string
	}{
		{16, "shared_buffers", "4GB", "", ""},
		{16, "shared_buffers", "1.5GB", "", ""},
		{16, "shared_buffers", " 128 MB ", "", ""},
		{16, "shared_buffers", "16384", "", ""},
		{16, "shared_buffers", "4g", "BERTH1502", "write  shared_buffers: 4GB"},
		{16, "shared_buffers", "4Gi", "BERTH1502", "write  shared_buffers: 4GB"},
		{16, "shared_buffers", "100kB", "BERTH1502", ""},
		{16, "share_buffers", "4GB", "BERTH1501", "did you mean shared_buffers?"},
		{16, "work_mem", "64m", "BERTH1502", "write  work_mem: 64MB"},
		{16, "work_mem", "0x1F4", "", ""},
		{16, "WORK_MEM", "64MB", "", ""},
		{16, "datestyle", "iso, mdy", "", ""},
		{16, "timezone", "UTC", "", ""},
		{16, "fsync", "of", "BERTH1504", "remove it"},
		{16, "fsync", "tr", "", ""},
		{16, "fsync", "o", "BERTH1502", ""},
		{16, "fsync", "2", "BERTH1502", ""},
		{16, "archive_mode", "true", "", ""},
		{16, "archive_mode", "onn", "BERTH1502", "write  archive_mode: on"},
		{16, "wal_level", "hot_standby", "", ""},
		{16, "default_transaction_isolation", "read committed", "", ""},
		{16, "checkpoint_timeout", "15min", "", ""},
		{16, "checkpoint_timeout", "15m", "BERTH1502", "write  checkpoint_timeout: 15min"},
		{16, "checkpoint_timeout", "2d", "BERTH1502", ""},
		{16, "max_connections", "100kB", "BERTH1502", "write  max_connections: 100"},
		{16, "random_page_cost", "1.1", "", ""},
		{16, "random_page_cost", "1,1", "BERTH1502", ""},
		{16, "wal_keep_size", "1GB", "", ""},
		{12, "wal_keep_size", "1GB", "BERTH1501", "only Postgres 16 has it: remove it, or see the release notes of Postgres for what replaces it"},
		{12, "wal_keep_segments", "5", "", ""},
		{16, "auto_explain.log_min_duration", "3s", "", ""},
		{16, "data_directory", "/data", "BERTH1503", "remove it"},
		{16, "server_version", "17", "BERTH1503", "remove it"},
		{12, "wal_compression", "lz4", "BERTH1502", ""},
		{16, "wal_compression", "lz4", "", ""},
	} {
		got := Settings(known, c.major, map[string]string{c.name: c.value})
		switch {
		case c.code == "" && len(got) > 0, c.code != "" && (len(got) != 1 || got[0].Code != c.code || got[0].Hint != c.hint || got[0].Name != c.name):
			t.Errorf("%d: %s = %q: want %s %q, got %+v", c.major, c.name, c.value, c.code, c.hint, got)
		}
	}
}

// TestEverySettingHasBounds: for each numeric setting of both majors, its bounds are accepted, and the numbers beyond them are not.
func TestEverySettingHasBounds(t *testing.T) {
	known := catalogue.Embedded().Postgres()
	n := 0
	for _, major := range []int{12, 16} {
		for name, text := range known.Of(major) {
			s := catalogue.ReadPostgresSetting(text)
			if s.Max <= s.Min || known.Owned[name] != "" {
				continue
			}
			n++
			for value, right := range map[string]bool{number(s.Min): true, number(s.Max): true, number(s.Min - 1): false, number(s.Max + max(1, s.Max/1e6)): false, "x" + number(s.Min): false} {
				if got := Settings(known, major, map[string]string{name: value}); (len(got) == 0) != right {
					t.Errorf("%d: %s = %s: %+v", major, name, value, got)
				}
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d settings", n)
	}
}

// TestMisspeltSettings: a letter that is left out never passes, and the message names the right setting or none.
func TestMisspeltSettings(t *testing.T) {
	known := catalogue.Embedded().Postgres()
	all := known.Of(16)
	var names []string
	for name := range all {
		names = append(names, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "name")
		i := rapid.IntRange(0, len(name)-1).Draw(t, "letter")
		wrong := name[:i] + name[i+1:]
		if all[wrong] != "" {
			return
		}
		got := Settings(known, 16, map[string]string{wrong: "1"})
		if len(got) != 1 || got[0].Code != "BERTH1501" || strings.HasPrefix(got[0].Hint, "did you mean") && all[strings.TrimSuffix(strings.TrimPrefix(got[0].Hint, "did you mean "), "?")] == "" {
			t.Fatalf("%s: %+v", wrong, got)
		}
	})
}
