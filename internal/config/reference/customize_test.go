package reference

import (
	"os"
	"strings"
	"testing"
)

// shown are pieces that each example of docs/customize.md must have in what is rendered.
var shown = map[string][]string{
	"Log limits for all containers":                          {`max-size: "50m"`},
	"Behind Traefik":                                         {"traefik.enable: \"true\"", "      - traefik\n", "external: true", "Host(`sourcegraph.example.com`)"},
	"Repositories on a second disk":                          {"source: /mnt/disk0/repos", "source: /mnt/disk1/repos", "create_host_path: false"},
	"Instances of different size on different disks":         {"source: /mnt/repos-0", "source: /mnt/fast/repos", `mem_limit: "32g"`},
	"Databases on an NFS server, or in a volume that exists": {"o: addr=nfs.example.com,nfsvers=4,hard", "name: old-codeintel-db", `device: ":/export/blobs"`},
	"Addresses that do not clash with yours":                 {`subnet: "10.213.0.0/24"`, `com.docker.network.driver.mtu: "1450"`},
	"Hosts, DNS, time zone, limits":                          {`git.internal: "10.0.0.5"`, "host.docker.internal: host-gateway", "TZ: Europe/Berlin", "soft: 262144", `net.core.somaxconn: "1024"`},
	"Files and folders of yours in a container":              {"source: /etc/ssl/corp", "existing-shared:/shared", "target: /home/sourcegraph/.gitattributes"},
	"Labels and annotations for your tools":                  {`"cost-center":"4711"`, `"ad.datadoghq.com/frontend.logs"`},
	"Variables from Secrets and ConfigMaps":                  {`"secretKeyRef":{"key":"token","name":"code-host"}`, `"configMapKeyRef":{"key":"endpoint","name":"corp"}`, `"secretName":"corp-tls"`, `"subPath":"corp.conf"`},
	"Volumes that you have":                                  {`"path":"/export/repos-1","server":"nfs.example.com"`, `"claimRef":{"apiVersion":"v1","kind":"PersistentVolumeClaim","name":"repos-gitserver-1"`, `"claimName":"restored-pgsql"`},
	"Hosts and DNS":                                          {`"hostAliases":[{"hostnames":["git.internal"],"ip":"10.0.0.5"}]`, `"nameservers":["10.0.0.2"]`, `{"name":"TZ","value":"Europe/Berlin"}`},
}

// TestCustomizeExamples: every example of docs/customize.md is accepted, without a warning, and shows in what is rendered.
func TestCustomizeExamples(t *testing.T) {
	page, err := os.ReadFile("../../../docs/customize.md")
	if err != nil {
		t.Fatal(err)
	}
	met := 0
	for _, section := range strings.Split(string(page), "\n### ")[1:] {
		title, rest, _ := strings.Cut(section, "\n")
		_, rest, _ = strings.Cut(rest, "```yaml\n")
		example, _, found := strings.Cut(rest, "```")
		if !found {
			t.Errorf("%s has no example", title)
			continue
		}
		met++
		t.Run(title, func(t *testing.T) {
			text := renderedText(t, "release: 7.5.4453\nurl: https://sourcegraph.example.com\n"+example)
			if len(shown[title]) == 0 {
				t.Error("nothing says what the example shows")
			}
			for _, piece := range shown[title] {
				if !strings.Contains(text, piece) {
					t.Errorf("what is rendered has no %s", piece)
				}
			}
		})
	}
	if met != len(shown) {
		t.Errorf("%d examples, and %d are expected", met, len(shown))
	}
}
