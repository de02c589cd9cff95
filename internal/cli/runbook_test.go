package cli

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The demos of both targets, and an installation with all that a runbook speaks of.
var runbooks = map[string]string{
	"compose-demo":    "target: compose\nrelease: 7.5.4453\nurl: http://localhost:8080\nsize: demo\n",
	"kubernetes-demo": "target: kubernetes\nrelease: 7.5.4453\nurl: http://localhost:3080\nkubernetes: {namespace: sourcegraph-demo}\nsize: demo\n",
	"production": `target: kubernetes
release: 7.5.4453
name: code
url: https://code.corp.test
tls: {external: true}
front: {hosts: [search.corp.test], allow: [10.0.0.0/8]}
databases:
  pgsql: {external: {host: pg.corp.test, user: reader, password: {env: PG_PASSWORD}, database: code}}
redis: {redis-cache: {external: {env: REDIS_URL}}}
objectStorage: {backend: s3, bucket: code-uploads, region: eu-west-1, auth: identity}
siteConfig: {file: site.json}
license: {file: license.txt}
proxy: {https: {env: HTTPS_PROXY}}
services: {gitserver: {replicas: 2}}
containers: {tunnel: {image: "registry.corp.test/tunnel:1"}}
backup: {to: "s3://backups/code", s3: {accessKeyID: {env: BACKUP_KEY}, secretAccessKey: {env: BACKUP_SECRET}}, recipients: [age1n4j25t72deqcuu9599z4mre00azgchjfn2ghlt0m7h727vsu9gtqfvas4d]}
upgrades: {automatic: patch, window: "Sun 02:00-05:00 UTC"}
doctor: {mute: [{code: BERTH5053, reason: this machine has no DNS, until: '2027-01-31'}]}
kubernetes: {context: prod, namespace: search}
patches: [{service: worker, reason: our collector asks for it, kubernetes: {metadata: {labels: {team: code}}}}]
`}

// TestRunbook holds what a runbook says of an installation against testdata/runbook, and its pages against what they must not have.
func TestRunbook(t *testing.T) {
	for name, config := range runbooks {
		t.Run(name, func(t *testing.T) {
			dir := folderOf(t, map[string]string{"sourcegraph.yaml": config, "license.txt": "a-license", "site.json": "{}"})
			env := map[string]string{"PG_PASSWORD": "pg-password-1", "REDIS_URL": "redis://:redis-password-1@redis.corp.test:6379", "HTTPS_PROXY": "http://u:proxy-password-1@proxy.corp.test:3128"}
			text, code := said(t, dir, env, "runbook")
			if code != ExitOK {
				t.Fatalf("exit code %d:\n%s", code, text)
			}
			text = strings.ReplaceAll(text, dir, "/srv/sourcegraph")
			first, pages, _ := strings.Cut(text, "\n## Day two: ")
			golden(t, filepath.Join("testdata", "runbook", name+".md"), first)
			if strings.Contains(text, "password-1") {
				t.Error("it has a secret")
			}
			for _, foreign := range []string{"kubectl -n sourcegraph ", "--delete-data sourcegraph ", "](day-two.md", "<!--"} {
				if strings.Contains(pages, foreign) {
					t.Errorf("the pages say %q", foreign)
				}
			}
			if name == "production" && (!strings.Contains(pages, "kubectl --context prod -n search ") || !strings.Contains(pages, "\n## Containers of your own")) {
				t.Error("the pages lack this installation's own names, or a page")
			}
			html, _ := said(t, dir, env, "runbook", "--html")
			held(t, html)
		})
	}
}

// golden holds a text against a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || string(want) != got {
		t.Errorf("%s differs (%v); read it, then run: make golden\n%s", path, err, got)
	}
}

// held reports links that lead nowhere, and what a page without a network can't load.
func held(t *testing.T, html string) {
	t.Helper()
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		ids[m[1]]++
	}
	links := regexp.MustCompile(` href="#([^"]+)"`).FindAllStringSubmatch(html, -1)
	for _, m := range links {
		if ids[m[1]] != 1 {
			t.Errorf("%d elements have the id %s, which a link leads to", ids[m[1]], m[1])
		}
	}
	if len(links) < 10 || regexp.MustCompile(`<(script|link|img)|src=`).MatchString(html) {
		t.Errorf("%d links; or it loads something", len(links))
	}
	if strings.Count(html, "<pre") != strings.Count(html, "</pre>") || strings.Contains(html, "\x01") {
		t.Error("its blocks of code are not closed, or marks of bold are left")
	}
}
