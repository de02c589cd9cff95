package size

import (
	"testing"

	"berth/catalogue"
)

// TestLimitsFitTheMachine: Docker refuses a limit above the cores of the machine, so no size may ask for more than the machine has that it names.
func TestLimitsFitTheMachine(t *testing.T) {
	r, err := catalogue.Embedded().Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"xs", "s", "m", "l", "xl"} {
		e, ok := tables().Named(name, r, catalogue.Compose)
		if !ok || !e.Fits() {
			t.Fatalf("size %s: there is no machine", name)
		}
		for _, s := range e.Services {
			if s.CPU > float64(e.Machine.Cores) {
				t.Errorf("size %s: %s may use %g cores of %d", name, s.Name, s.CPU, e.Machine.Cores)
			}
		}
	}
	if e := tables().For(Load{People: 50000, Repositories: 10}, r, catalogue.Compose); e.Fits() {
		t.Errorf("3XL fits %d cores", e.Machine.Cores)
	}
}
