package catalogue

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestControllersAreComplete: each says all that people ask of it, and how addresses are refused in one way.
func TestControllersAreComplete(t *testing.T) {
	for _, c := range Controllers() {
		for what, text := range map[string]string{"title": c.Title, "uploads": c.Uploads, "streams": c.Streams, "tls": c.TLS, "headers": c.Headers} {
			if text == "" {
				t.Errorf("%s: nothing is said of %s", c.Name, what)
			}
		}
		if !strings.HasPrefix(c.Source, "https://") {
			t.Errorf("%s has no source", c.Name)
		}
		if (c.Allow == nil) == (c.AllowBy == "") {
			t.Errorf("%s takes ranges of addresses in two ways, or in none", c.Name)
		}
		if found := ControllerOf(c.Name); found == nil || found.Name != c.Name {
			t.Errorf("%s is not found by its class", c.Name)
		}
	}
	if c := ControllerOf("azure/application-gateway"); c == nil || c.Name != "azure-application-gateway" {
		t.Error("a controller is not found by its annotation")
	}
	if ControllerOf("") != nil || ControllerOf("mine") != nil {
		t.Error("a class that nobody knows has a controller")
	}
}

const controllersBegin, controllersEnd = "<!-- controllers: made from catalogue/controllers.yaml -->\n", "<!-- end of controllers -->\n"

// TestPageOfControllersIsFresh compares docs/ingress.md with the data.
func TestPageOfControllersIsFresh(t *testing.T) {
	const path = "../docs/ingress.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), controllersBegin)
	_, after, closed := strings.Cut(rest, controllersEnd)
	if !found || !closed {
		t.Fatalf("%s has no place for the controllers", path)
	}
	want := before + controllersBegin + describeControllers() + controllersEnd + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("%s is stale; run: go test ./catalogue -update", path)
	}
}

// describeControllers is the generated part of the page.
func describeControllers() string {
	var b strings.Builder
	b.WriteString("\n| controller | `ingress.class` | uploads | streams | TLS | `front.allow` | headers |\n|---|---|---|---|---|---|---|\n")
	for _, c := range Controllers() {
		class, allow := "`"+c.Name+"`", c.AllowBy
		if c.Route {
			class = "`openshift: true`"
		}
		if c.Allow != nil {
			allow = "yes"
		} else {
			allow = "refused: use " + allow
		}
		fmt.Fprintf(&b, "| [%s](%s) | %s | %s | %s | %s | %s | %s |\n", c.Title, c.Source, class, c.Uploads, c.Streams, c.TLS, allow, c.Headers)
	}
	b.WriteString("\nberth sets, unless `ingress.annotations` has another value:\n\n")
	for _, c := range Controllers() {
		var set []string
		for _, all := range []struct {
			when string
			of   map[string]string
		}{{"", c.Annotations}, {map[bool]string{true: " with a certificate", false: " with https"}[c.SecureBySecret], c.Secure}} {
			var names []string
			for name, value := range all.of {
				names = append(names, fmt.Sprintf("`%s: %q`%s", name, value, all.when))
			}
			slices.Sort(names)
			set = append(set, names...)
		}
		if c.ClassAnnotation != "" {
			set = append([]string{fmt.Sprintf("the class as `kubernetes.io/ingress.class: %s`, since it ignores `ingressClassName`", c.ClassAnnotation)}, set...)
		}
		if c.Allow != nil {
			set = append(set, fmt.Sprintf("`%s` with `front.allow`", c.Allow.Annotation))
		}
		if set != nil {
			fmt.Fprintf(&b, "- %s: %s.\n", c.Title, strings.Join(set, ", "))
		}
	}
	b.WriteString("\nOnly you can do the following; `berth check` warns about it (BERTH1185):\n\n")
	for _, c := range Controllers() {
		for _, m := range c.Must {
			fmt.Fprintf(&b, "- %s: %s. Do this: %s.\n", c.Title, m.What, m.Do)
		}
		if c.NoSecrets != "" {
			fmt.Fprintf(&b, "- %s reads no certificate from a Secret beside Sourcegraph: %s.\n", c.Title, c.NoSecrets)
		}
		if c.More != "" {
			fmt.Fprintf(&b, "- %s: %s\n", c.Title, c.More)
		}
	}
	return b.String() + "\n"
}
