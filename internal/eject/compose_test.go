package eject_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"berth/catalogue"
	shipped "berth/internal/catalogue/rendered"
	"berth/internal/diag"
	"berth/internal/eject"
	"berth/internal/render/compose"
	"berth/internal/render/compose/spec"
	"go.yaml.in/yaml/v4"
)

// composeCases are configs on an engine.
var composeCases = map[string]string{
	"default": "url: http://localhost\n",
	"demo":    "url: http://localhost\nsize: demo\n",
	"production": "url: https://sourcegraph.example.com\ntls: {external: true}\nservices:\n  gitserver: {replicas: 3, cpu: 8, memory: 32Gi}\n  zoekt-webserver: {replicas: 2, memory: 50Gi}\n" +
		"  sourcegraph-frontend: {replicas: 2}\n  worker: {memory: 8Gi, env: {SRC_LOG_LEVEL: warn, PRICE: \"$5\"}}\n",
	"less":    "url: http://localhost\nservices: {cadvisor: {enabled: false}, codeinsights-db: {enabled: false}, otel-collector: {enabled: false}}\n",
	"named":   "url: http://localhost\nname: second\nports: {http: 8080}\n",
	"patched": "url: http://localhost\npatches: [{service: cadvisor, reason: no kmsg, compose: {privileged: null, devices: null}}, {service: worker, reason: logs, compose: {logging: {driver: journald}}, add: true}]\n",
}

// project is berth's project of a config.
func project(t *testing.T, version, text string) eject.Project {
	t.Helper()
	release, err := catalogue.Embedded().Release(version, catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	s, err := shipped.Resolve(release, "target: compose\n"+text, "")
	if err != nil {
		t.Fatal(err)
	}
	r, problems := compose.Render(s, nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	p := eject.Project{Release: version, Folder: "/srv/berth/project", Env: map[string]string{}, Out: "official"}
	for _, secret := range r.Secrets {
		p.Env[compose.Variable(secret.Name)] = "secret of " + secret.Name
	}
	for _, f := range r.Files {
		if f.Path == compose.ComposeFile {
			p.File = spec.File{Name: p.Folder + "/" + f.Path, Content: f.Content}
		}
	}
	return p
}

// likeOfficial is a stand-in for the official file: what berth renders by default is proven to be equal to it. As there, variables are lists, files are in
// another folder, and there are no labels.
func likeOfficial(t *testing.T, version string) spec.File {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal(project(t, version, composeCases["default"]).File.Content, &file); err != nil {
		t.Fatal(err)
	}
	delete(file, "name")
	for _, s := range file["services"].(map[string]any) {
		service := s.(map[string]any)
		delete(service, "labels")
		if environment, ok := service["environment"].(map[string]any); ok {
			var list []any
			for name, value := range environment {
				list = append(list, fmt.Sprint(name, "=", value))
			}
			service["environment"] = list
		}
	}
	content, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return spec.File{Name: "/home/admin/deploy-sourcegraph-docker/docker-compose/docker-compose.yaml", Content: content}
}

// TestCompose: Compose makes the same project of the official file and the override as of berth's file.
func TestCompose(t *testing.T) {
	for _, version := range []string{"5.0.6", "6.0.0", "7.5.4453"} {
		sameProjects(t, version, likeOfficial(t, version))
	}
}

// TestComposeByTheFile is the same with Sourcegraph's own file. Nothing of it is in this repository.
func TestComposeByTheFile(t *testing.T) {
	repository := os.Getenv("BERTH_COMPOSE_REPOSITORY")
	if repository == "" {
		t.Skip("NOT CHECKED: BERTH_COMPOSE_REPOSITORY is no clone of github.com/sourcegraph/deploy-sourcegraph-docker")
	}
	for _, version := range []string{"5.0.6", "6.0.0", "7.5.4453"} {
		name := filepath.Join(checkedOut(t, repository, "docker-compose", "v"+version), "docker-compose", "docker-compose.yaml")
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sameProjects(t, version, spec.File{Name: name, Content: content})
	}
}

func sameProjects(t *testing.T, version string, official spec.File) {
	t.Helper()
	for name, text := range composeCases {
		t.Run(version+"/"+name, func(t *testing.T) {
			p := project(t, version, text)
			p.Official = official
			r, err := eject.Compose(p)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Unsaid) > 0 {
				t.Errorf("unsaid: %v", r.Unsaid)
			}
			override := r.Files[0]
			if strings.Contains(string(override.Content), "secret of ") {
				t.Error("the override has a secret")
			}
			want, err := spec.Resolve(p.Folder, p.Env, p.File)
			if err != nil {
				t.Fatal(err)
			}
			got, err := spec.Resolve(filepath.Dir(official.Name), p.Env, official, spec.File{Name: "/somewhere/" + override.Path, Content: override.Content})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("another project than berth's:\n%s", override.Content)
			}
		})
	}
}

// TestComposeRefuses files of something else, and of another release.
func TestComposeRefuses(t *testing.T) {
	p := project(t, "7.5.4453", composeCases["default"])
	for name, official := range map[string]spec.File{
		"git checkout v7.5.4453":            likeOfficial(t, "7.4.0"),
		"no service sourcegraph-frontend-0": {Name: "/x/docker-compose.yaml", Content: []byte("services: {web: {image: nginx}}")},
		"clone of":                          {Name: "/x/docker-compose.yaml", Content: []byte("services: [")},
	} {
		p.Official = official
		_, err := eject.Compose(p)
		problems, ok := err.(diag.List)
		if !ok || len(problems) != 1 || problems[0].Code != "BERTH4333" || !strings.Contains(problems[0].Summary+problems[0].Hint, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
