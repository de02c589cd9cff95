package engine

import (
	"strings"
	"testing"

	"berth/internal/data"
	"berth/internal/target/compose"
)

func TestRoomForACloneIsRefusedWithNumbers(t *testing.T) {
	room := data.NewRoom(&data.Facts{Databases: []data.Database{{Name: "pgsql", Bytes: 30 << 30}, {Name: "codeintel-db", Bytes: 10 << 30}}})
	if room.Disk != 131<<30 || room.Volumes["pgsql"] != 68<<30+1<<29 {
		t.Fatalf("%+v", room)
	}
	if got := scarce(compose.Facts{FreeDisk: 131 << 30, FreeMemory: 10 << 30}, room, 10<<30); len(got) > 0 {
		t.Errorf("just enough is refused: %v", got)
	}
	if got := scarce(compose.Facts{FreeDisk: -1, FreeMemory: -1}, room, 10<<30); len(got) > 0 {
		t.Errorf("what can't be seen is refused: %v", got)
	}
	problems := scarce(compose.Facts{FreeDisk: 100 << 30, FreeMemory: 4 << 30}, room, 10<<30)
	if len(problems) != 2 || !problems.Failed() {
		t.Fatalf("%v", problems)
	}
	for i, want := range []string{"40.0 GiB of data needs up to 131.0 GiB of disk, and the disk of Docker's volumes has 100.0 GiB free", "may use 10.0 GiB of memory, and this host has 4.0 GiB"} {
		if !strings.Contains(problems[i].Summary, want) {
			t.Errorf("no %q in %s", want, problems[i].Summary)
		}
	}
	if !strings.Contains(problems[0].Hint, "31.0 GiB") {
		t.Errorf("the hint does not say how much is missing: %s", problems[0].Hint)
	}
}
