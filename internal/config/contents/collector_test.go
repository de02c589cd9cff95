package contents

import (
	"strings"
	"testing"
)

func TestCollector(t *testing.T) {
	const right = "receivers:\n  otlp: {protocols: {grpc: {}}}\nprocessors:\n  batch: {}\nexporters:\n  otlp/honey:\n    headers: {x-api-key: slk-secret}\n" +
		"extensions: {health_check: {}}\nservice:\n  extensions: [health_check]\n  pipelines:\n    traces:\n      receivers: [otlp]\n      processors: [batch]\n      exporters: [otlp/honey]\n"
	for _, c := range []struct {
		text, want string
		line       int
		says       string
	}{
		{right, "", 0, ""},
		{strings.Replace(right, "[otlp/honey]", "[otlp/hony]", 1), "BERTH1534", 15, "exporters that is not defined"},
		{strings.Replace(right, "[batch]", "[memory_limiter]", 1), "BERTH1534", 14, "processors"},
		{strings.Replace(right, "extensions: [health_check]", "extensions: [zpages]", 1), "BERTH1534", 10, "extensions"},
		{strings.Replace(right, "receivers:\n  otlp", "reciever:\n  otlp", 1), "BERTH1533, BERTH1534", 1, "no section"},
		{strings.Replace(right, "      exporters: [otlp/honey]\n", "", 1), "BERTH1533", 13, "has no exporters"},
		{"exporters: {otlp: {}}\n", "BERTH1533", 0, "has no pipelines"},
		{"a: [\n", "BERTH1533", 0, "YAML"},
		{"- a\n", "BERTH1533", 0, "not a configuration"},
		{strings.Replace(right, "exporters: [otlp/honey]", "exporters: [forward]", 1) + "connectors: {forward: {}}\n", "", 0, ""},
	} {
		got := Collector(File{Key: "tracing.collector", Name: "otel.yaml", Data: []byte(c.text)})
		if codes(got) != c.want || c.want != "" && (!strings.Contains(got[0].Summary, c.says) || c.line > 0 && got[0].Range.Line != c.line) {
			t.Errorf("%s: want %q in line %d with %q, got %+v", c.text, c.want, c.line, c.says, got)
		}
		if strings.Contains(got.Error(), "slk-secret") {
			t.Errorf("a secret is printed: %v", got)
		}
	}
}
