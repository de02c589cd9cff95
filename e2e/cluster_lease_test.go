//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestClusterLeaseHolderDied: an admin's machine dies during up. While its lease is valid, others see who holds it and since when. When it has
// expired, the next up takes it over and completes the work.
func TestClusterLeaseHolderDied(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-lease")
	s.upTo(2).end(os.Kill)
	// As if it ran on another machine: on this one berth would see that the process has ended.
	s.kubectl("annotate", "--overwrite", "lease", "berth-"+s.name, "dev.berth/machine=elsewhere", "dev.berth/user=ada", "dev.berth/host=laptop")
	since := s.kubectl("get", "lease", "berth-"+s.name, `-o=jsonpath={.metadata.annotations.dev\.berth/since}`)
	began, err := time.Parse(time.RFC3339, since)
	if err != nil {
		t.Fatal(err)
	}
	says(t, s.must(3, "up"), "BERTH3201", "ada", "laptop", "since "+began.Local().Format(time.DateTime), "after 30s without one, berth takes the lock")

	renewed := time.Now().Add(-time.Minute).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	s.kubectl("patch", "lease", "berth-"+s.name, "--type=merge", fmt.Sprintf(`-p={"spec": {"renewTime": %q}}`, renewed))
	s.completed()
}
