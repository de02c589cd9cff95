//go:build clusterfaults

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestClusterLeaseHolderDied: an admin's machine died in the middle of its work. Until its lease has run out a third admin is told who has it
// and since when; then it is taken over, and the work goes on.
func TestClusterLeaseHolderDied(t *testing.T) {
	s := newFault(t, "f3-lease")
	s.begin(2).end(os.Kill)
	// As if it had been on another machine: of one on this one it would be known that it is no more.
	s.kubectl("annotate", "--overwrite", "lease", "berth-"+s.name, "dev.berth/machine=elsewhere", "dev.berth/user=ada", "dev.berth/host=laptop")
	since := s.kubectl("get", "lease", "berth-"+s.name, `-o=jsonpath={.metadata.annotations.dev\.berth/since}`)
	began, err := time.Parse(time.RFC3339, since)
	if err != nil {
		t.Fatal(err)
	}
	says(t, s.must(3, "up"), "BERTH3201", "ada", "laptop", "since "+began.Local().Format(time.DateTime), "after 30s without one, berth takes over")

	renewed := time.Now().Add(-time.Minute).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	s.kubectl("patch", "lease", "berth-"+s.name, "--type=merge", fmt.Sprintf(`-p={"spec": {"renewTime": %q}}`, renewed))
	s.repaired()
}
