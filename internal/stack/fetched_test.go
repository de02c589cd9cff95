package stack

import (
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/jsonc"
)

// TestFetchedImages: with a registry of the admin's own and executors, the site configuration names each image that jobs fetch there, except those
// that the admin names. Without either it names none.
func TestFetchedImages(t *testing.T) {
	const mirror = "images: {registry: registry.example.com/mirror, login: {username: u, password: {env: P}}}\n"
	for _, test := range []struct {
		name, text, site string
		has, lacks       []string
		tagged           int
	}{
		{"all queues", mirror + "executors: {}\n", "{}",
			[]string{`"executors.srcCLIImage":"registry.example.com/mirror/src-cli"`, `"go":"registry.example.com/mirror/scip-go"`,
				`"executors.batcheshelperImage":"registry.example.com/mirror/batcheshelper"`}, nil, 1},
		{"one queue", mirror + "executors: {queues: [batches]}\n", "{}",
			[]string{`"executors.batcheshelperImage":"registry.example.com/mirror/batcheshelper"`}, []string{"indexerMap"}, 1},
		{"the admin's own", mirror + "executors: {}\n", `{"executors.batcheshelperImage": "other/helper", "codeIntelAutoIndexing.indexerMap": {"go": "mine"}}`,
			[]string{`"java":"registry.example.com/mirror/scip-java"`}, []string{"mirror/batcheshelper", "mirror/scip-go"}, 1},
		{"no executors", mirror, "{}", nil, []string{"registry.example.com"}, 0},
		{"no registry", "executors: {}\n", "{}", nil, []string{"batcheshelper", "scip-go"}, 0},
	} {
		for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			for _, version := range []string{"5.1.9", "6.4.3889", "7.5.4453"} {
				s := resolveWith(t, target, version, test.text+"siteConfig: {file: site.json}\n", test.site)
				text := written(s)
				for _, want := range test.has {
					if !strings.Contains(strings.ReplaceAll(text, ": ", ":"), want) {
						t.Errorf("%s, %s on %s: no %s in\n%s", test.name, version, target, want, text)
					}
				}
				for _, not := range test.lacks {
					if strings.Contains(text, not) {
						t.Errorf("%s, %s on %s: %s in\n%s", test.name, version, target, not, text)
					}
				}
				if tagged := s.Tagged(); len(tagged) != test.tagged || test.tagged > 0 && tagged[0] != "registry.example.com/mirror/batcheshelper:"+version {
					t.Errorf("%s, %s on %s: %v", test.name, version, target, tagged)
				}
				signsIn := slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.has("KUBERNETES_IMAGE_PULL_SECRETS") })
				if want := target == catalogue.Kubernetes && test.tagged > 0; signsIn != want {
					t.Errorf("%s, %s on %s: jobs sign in to the registry: %v", test.name, version, target, signsIn)
				}
				login := slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.Service == executor && i.has("EXECUTOR_DOCKER_AUTH_CONFIG") })
				if want := target == catalogue.Compose && test.tagged > 0; login != want {
					t.Errorf("%s, %s on %s: jobs have the login of the registry: %v", test.name, version, target, login)
				}
			}
		}
	}
}

// written is what berth adds to the site configuration, without its secrets.
func written(s *Stack) string {
	text := ""
	for _, secret := range s.Secrets {
		for _, p := range secret.Parts {
			text += p.Text
		}
	}
	return text
}

func resolveWith(t *testing.T, target catalogue.Target, version, text, site string) *Stack {
	t.Helper()
	release, err := catalogue.Embedded().Release(version, target)
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := config.Load("f", []byte("target: "+string(target)+"\nurl: https://sg.example.com\n"+text))
	if problems.Failed() {
		t.Fatal(problems)
	}
	parsed, ok := jsonc.Parse([]byte(site))
	if !ok {
		t.Fatal(site)
	}
	return Resolve(Input{Config: doc.Config, At: doc.At, Release: release, SiteConfig: parsed})
}
