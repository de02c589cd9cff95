//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// TestBackupAndRestore: a backup of an installation that works is restored in place of what came later, and into another installation beside it, with
// the same data. A backup that is killed goes on; one whose part was changed is refused, and nothing is changed.
func TestBackupAndRestore(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "bak")
	key := s.keeper()
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	before := s.data()

	t.Run("a backup that is killed goes on", func(t *testing.T) {
		s := s.in(t)
		first := s.start("backup")
		time.Sleep(4 * time.Second) // somewhere in the middle
		first.end(os.Kill)
		s.must(0, "backup")
		says(t, s.must(0, "backup", "verify", "latest", "--identity", key), "every archive can be read")
		says(t, s.must(0, "backup", "prove", "latest", "--identity", key), "is proven")
		says(t, s.must(0, "backup", "list"), "0 h ago")
		s.noTasks()
	})
	t.Run("it is restored in place of what came later", func(t *testing.T) {
		s := s.in(t)
		s.put("/api/settings", `{"theme": "later"}`)
		if s.data() == before {
			t.Fatal("nothing came later, so the test proves nothing")
		}
		says(t, s.must(3, "restore", "latest", "--identity", key), "BERTH4518")
		s.must(0, "restore", "latest", "--identity", key, "--replace", "--yes")
		s.same(before)
		s.must(0, "plan")
		s.noTasks()
	})
	made, err := filepath.Glob(filepath.Join(s.dir, "backups", s.name, "*"))
	if err != nil || len(made) == 0 {
		t.Fatal(made, err)
	}
	backup := made[len(made)-1]
	t.Run("it is restored into another installation, which is empty", func(t *testing.T) {
		other := newSite(t, "bak-other")
		other.must(0, "lock")
		says(t, other.must(3, "restore", backup), "BERTH4507") // without the key
		says(t, other.must(0, "restore", backup, "--identity", filepath.Join(s.dir, key)), "runs with the data of")
		if got := carried(other.data()); got != carried(before) {
			t.Errorf("the data is another; before:\n%s\nafter:\n%s", before, got)
		}
		other.must(0, "plan")
	})
	t.Run("a part that was changed is refused, and nothing is changed", func(t *testing.T) { s.in(t).changedPart(backup, key, before) })
}

func (s *site) changedPart(backup, key, before string) {
	parts, err := filepath.Glob(filepath.Join(backup, "pgsql-001*.age"))
	if err != nil || len(parts) != 1 {
		s.t.Fatal(parts, err)
	}
	text, err := os.ReadFile(parts[0])
	if err != nil {
		s.t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(parts[0], text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	says(s.t, s.must(1, "backup", "verify", "latest"), "BERTH4508")
	says(s.t, s.must(1, "restore", "latest", "--identity", key, "--replace", "--yes"), "BERTH4508")
	s.same(before)
}

// keeper makes a key that reads backups, and lets the config encrypt to it.
func (s *site) keeper() (file string) {
	s.t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		s.t.Fatal(err)
	}
	s.writeFile("key.txt", key.String()+"\n")
	s.base = append(s.base, "backup: {to: backups, recipients: ["+key.Recipient().String()+"]}")
	s.write(s.base...)
	return "key.txt"
}

// TestClusterBackupAndRestore: in a cluster the bytes of a backup go through a pod; a restore in place brings back what was there, and one on an engine
// has the same data: the way from a cluster to Docker Compose.
func TestClusterBackupAndRestore(t *testing.T) {
	needs(t, long, node, engine, images(release))
	s := newOnNode(t, "bak-node", 30192)
	key := s.keeper()
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	before := s.data()
	s.must(0, "backup")
	says(t, s.must(0, "backup", "verify", "latest", "--identity", key), "every archive can be read")
	s.put("/api/settings", `{"theme": "later"}`)
	s.must(0, "restore", "latest", "--identity", key, "--replace", "--yes")
	s.same(before)
	s.must(0, "plan")
	made, err := filepath.Glob(filepath.Join(s.dir, "backups", s.name, "*"))
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	other := newSite(t, "bak-moved")
	other.must(0, "lock")
	other.must(0, "restore", made[0], "--identity", filepath.Join(s.dir, key))
	if got := carried(other.data()); got != carried(before) {
		t.Errorf("the data is another; before:\n%s\nafter:\n%s", before, got)
	}
}

// carried is data without what is read from the blobstore, which a backup leaves out, and without what is another in an installation that clones again:
// addresses of gitservers, and sizes of clones.
func carried(data string) string {
	head, rest, _ := strings.Cut(data, "/api/uploads/1 ")
	return clones.ReplaceAllString(head+rest[strings.Index(rest, "/api/insights"):], "")
}

var clones = regexp.MustCompile(`"(gitserver|bytes)": ("[^"]*"|[0-9]+),`)
