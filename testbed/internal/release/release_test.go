package release

import "testing"

func TestNextCrossesMajors(t *testing.T) {
	for in, want := range map[string]string{"5.11": "6.0", "6.12": "7.0", "7.4": "7.5", "4.5": "5.0"} {
		if got := Must(in).Next().String(); got != want {
			t.Errorf("after %s comes %s, want %s", in, got, want)
		}
	}
}

func TestDirect(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"7.4.0", "7.5.4453", true}, {"7.5.0", "7.5.4453", true}, {"7.5.4453", "7.4.0", true}, {"6.12.1", "7.0.0", true},
		{"7.3.0", "7.5.0", false}, {"6.11.0", "7.0.0", true}, {"6.0.0", "7.0.2981", true}, {"6.12.0", "7.1.0", false}, {"5.11.0", "7.0.0", false},
		{"7.5.4453", "6.0.0", true}, {"7.0.0", "5.0.0", true},
	} {
		if got := Direct(Must(c.from), Must(c.to)); got != c.want {
			t.Errorf("%s to %s: got %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, v := range []string{"", "7", "latest", "x.y.z"} {
		if m, err := Parse(v); err == nil {
			t.Errorf("%q was read as %v", v, m)
		}
	}
}
