package compose

import (
	"os"
	"path/filepath"
	"strings"

	"berth/internal/adopt"
	"berth/internal/diag"
)

// Look finds the Compose files of a folder: there, or in the folder docker-compose of a whole fork. What is no Compose installation is a problem that
// says where to go on.
func Look(o *Options) diag.List {
	if len(o.Files) > 0 {
		return nil
	}
	exists := func(names ...string) bool {
		for _, name := range names {
			if found, _ := filepath.Glob(filepath.Join(o.Dir, name)); len(found) > 0 {
				return true
			}
		}
		return false
	}
	files := []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}
	within := make([]string, len(files))
	for i, name := range files {
		within[i] = "docker-compose/" + name
	}
	p := diag.Diagnostic{Code: "BERTH4303", Severity: diag.Error, Subject: o.Dir}
	_, err := os.Stat(o.Dir)
	switch {
	case err != nil:
		p.Summary, p.Hint = "there is no such folder", "name the folder that docker compose runs in: berth adopt DIR"
	case exists(files...) || exists(".env") && strings.Contains(read(filepath.Join(o.Dir, ".env")), "COMPOSE_FILE"):
		return nil
	case exists(within...):
		o.Dir = filepath.Join(o.Dir, "docker-compose")
		return nil
	case exists("kustomization.yaml", "kustomization.yml", "values.yaml", "override.yaml", "base/*"):
		p.Summary = "it has no Compose file; it looks like an installation on Kubernetes"
		p.Hint = "name the folder that you give kubectl apply, or the Helm release: berth adopt --helm RELEASE"
	case exists("deploy-frontend.sh", "pure-docker/deploy-frontend.sh"):
		p.Summary = "it has scripts that call docker run, and no Compose file"
		p.Hint = "move to Sourcegraph's Compose file of the same release first: its volumes can have the same folders; then: berth adopt DIR"
	default:
		p.Summary, p.Hint = "it has no Compose file", "name the folder that docker compose runs in, or the files:  berth adopt DIR -f FILE"
	}
	return diag.List{p}
}

func read(name string) string {
	content, _ := os.ReadFile(name) // one that can't be read says nothing
	return string(content)
}

// Known is what is wrong with the release of an installation. what is what the admin can name in place of subject.
func Known(base adopt.Base, images map[string]string, subject, what string) diag.List {
	for _, image := range images {
		if strings.Contains(image, "sourcegraph/server") {
			return diag.List{{Code: "BERTH4303", Severity: diag.Error, Subject: subject, Summary: "it runs the single container sourcegraph/server, which has another layout of its data",
				Hint: "move to Sourcegraph's Compose file first: https://sourcegraph.com/docs/admin/deploy/docker-single-container"}}
		}
	}
	if unknown := base.Unknown(subject, images, what, "files"); unknown != nil {
		return unknown
	}
	if len(base.Others) == 1 {
		return nil // somebody named one image by purpose: it is asked about
	}
	return base.Half(subject, "files")
}
