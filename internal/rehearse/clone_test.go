package rehearse

import (
	"testing"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/installation"
	"berth/internal/stack"
)

// TestCloneHasNothingOfTheOriginals: what a clone's config keeps is only how its databases are tuned.
func TestCloneHasNothingOfTheOriginals(t *testing.T) {
	admins := &config.Config{Name: "sg", Databases: map[string]config.Database{
		"pgsql": {External: &config.ExternalDatabase{Host: "pg.example.com"}}, "codeintel-db": {Settings: map[string]string{"shared_buffers": "4GB"}}},
		Services:   map[string]config.Service{"pgsql": {Memory: "8Gi", Storage: "900Gi"}},
		Kubernetes: &config.KubernetesOptions{Namespace: "prod", ExistingSecrets: map[string]string{"pgsql-auth": "mine"}, Objects: []string{"a.yaml"}}}
	before := admins.Kubernetes
	original := &installation.Want{Stack: &stack.Stack{Name: "sg", Target: "kubernetes", Cluster: &stack.Cluster{Namespace: "prod"}}}
	clone(original, data.Room{Volumes: map[string]int64{"pgsql": 3 << 30}})(admins)
	if admins.Name != "sg-rehearsal" || admins.Kubernetes.Namespace != "prod-rehearsal" {
		t.Errorf("named %s in %s", admins.Name, admins.Kubernetes.Namespace)
	}
	if admins.Databases["pgsql"].External != nil || admins.Kubernetes.ExistingSecrets != nil || admins.Kubernetes.Objects != nil {
		t.Errorf("it has what is the original's: %+v %+v", admins.Databases, admins.Kubernetes)
	}
	if admins.Databases["codeintel-db"].Settings["shared_buffers"] != "4GB" || admins.Services["pgsql"].Memory != "8Gi" {
		t.Error("its databases are tuned otherwise, so that times mean nothing")
	}
	if got := admins.Services["pgsql"].Storage; got != "3073Mi" {
		t.Errorf("a volume of %s for 3 GiB", got)
	}
	if before.Namespace != "prod" {
		t.Error("options that others hold were changed")
	}
}
