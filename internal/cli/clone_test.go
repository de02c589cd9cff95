package cli

import (
	"strings"
	"testing"

	"berth/internal/config"
	"berth/internal/journey"
	"berth/internal/stack"
	"berth/internal/target/compose"
)

func TestRoomForACloneIsRefusedWithNumbers(t *testing.T) {
	room := journey.NewRoom(&journey.Facts{Databases: []journey.Database{{Name: "pgsql", Bytes: 30 << 30}, {Name: "codeintel-db", Bytes: 10 << 30}}})
	if room.Disk != 131<<30 || room.Volumes["pgsql"] != 68<<30+1<<29 {
		t.Fatalf("%+v", room)
	}
	if got := scarce(compose.Facts{FreeDisk: 131 << 30, FreeMemory: 10 << 30}, room, 10<<30); len(got) > 0 {
		t.Errorf("just enough is refused: %v", got)
	}
	if got := scarce(compose.Facts{FreeDisk: -1, FreeMemory: -1}, room, 10<<30); len(got) > 0 {
		t.Errorf("what can't be seen is refused: %v", got)
	}
	problems := scarce(compose.Facts{FreeDisk: 100 << 30, FreeMemory: 4 << 30}, room, 10<<30)
	if len(problems) != 2 || !problems.Failed() {
		t.Fatalf("%v", problems)
	}
	for i, want := range []string{"40.0 GiB of data takes up to 131.0 GiB of disk, and 100.0 GiB are free", "may use 10.0 GiB of memory, and 4.0 GiB"} {
		if !strings.Contains(problems[i].Summary, want) {
			t.Errorf("no %q in %s", want, problems[i].Summary)
		}
	}
	if !strings.Contains(problems[0].Hint, "31.0 GiB") {
		t.Errorf("the hint does not say how much is missing: %s", problems[0].Hint)
	}
}

// TestCloneHasNothingOfTheOriginals: what a clone's config keeps is only how its databases are tuned.
func TestCloneHasNothingOfTheOriginals(t *testing.T) {
	admins := &config.Config{Name: "sg", Databases: map[string]config.Database{
		"pgsql": {External: &config.ExternalDatabase{Host: "pg.example.com"}}, "codeintel-db": {Settings: map[string]string{"shared_buffers": "4GB"}}},
		Services:   map[string]config.Service{"pgsql": {Memory: "8Gi", Storage: "900Gi"}},
		Kubernetes: &config.KubernetesOptions{Namespace: "prod", ExistingSecrets: map[string]string{"pgsql-auth": "mine"}, Objects: []string{"a.yaml"}}}
	before := admins.Kubernetes
	c := &Clone{Original: &Loaded{Stack: &stack.Stack{Name: "sg", Target: "kubernetes", Cluster: &stack.Cluster{Namespace: "prod"}}},
		Room: journey.Room{Volumes: map[string]int64{"pgsql": 3 << 30}}}
	c.config(admins)
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

func TestHostsAsAnotherNamespaceNamesThem(t *testing.T) {
	for host, want := range map[string]string{"pgsql": "pgsql.prod", "pg.example.com": "pg.example.com", "10.0.0.7": "10.0.0.7", "fd00::1": "fd00::1", "": ""} {
		if got := inNamespace(host, "prod"); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
