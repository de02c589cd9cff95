package installation

import (
	"testing"

	"berth/internal/stack"
)

// TestAssembled: each kind of part gives its piece of the value.
func TestAssembled(t *testing.T) {
	values := Values{"p": "a\"b"}
	for _, c := range []struct {
		parts []stack.Part
		want  string
	}{
		{[]stack.Part{{Text: "x="}, {Secret: "p"}}, "x=a\"b"},
		{[]stack.Part{{Secret: "p", JSON: true}}, `a\"b`},
		{[]stack.Part{{Secret: "p", From: 1, To: 3}}, `"b`},
		{[]stack.Part{{Text: `{"auth":"`}, {Secret: "p", Basic: "robot"}, {Text: `"}`}}, `{"auth":"cm9ib3Q6YSJi"}`},
	} {
		if got := Assembled(c.parts, values); got != c.want {
			t.Errorf("%v: got %s, want %s", c.parts, got, c.want)
		}
	}
}
