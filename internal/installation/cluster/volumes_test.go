package cluster

import (
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/installation"
	render "berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"

	"github.com/google/go-cmp/cmp"
)

// TestVolumesOfStores: the files of each store that a move carries are in claims of its own, and are read in its own image.
func TestVolumesOfStores(t *testing.T) {
	const release = "7.5.4453"
	s := rendertest.Resolve(t, release, "release: "+release+"\nservices: {gitserver: {replicas: 2}}")
	set, problems := render.Render(s, nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	rel, err := catalogue.Embedded().Release(release, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	w := &installation.Want{Stack: s, Doc: &config.Doc{Config: &config.Config{}}}
	w.Release = rel
	c := &inCluster{Want: w, env: &installation.Environment{}, open: set}
	for store, want := range map[string][]claimed{
		"blobstore":      {{"blobstore", "blobstore"}},
		"redis-store":    {{"redis-store", "redis-store"}},
		"gitserver":      {{"gitserver-0", "repos-gitserver-0"}, {"gitserver-1", "repos-gitserver-1"}},
		"indexed-search": {{"indexed-search-0", "data-indexed-search-0"}},
		"prometheus":     {{"prometheus", "prometheus"}},
		"grafana":        {{"grafana-0", "grafana-data-grafana-0"}},
	} {
		tasks := c.tasks()
		var got []claimed
		for _, v := range c.volumes(store) {
			got = append(got, claimed{v.Name, tasks.Claims[v.Name]})
			if v.Image == data.Image("") || tasks.Contexts[v.As] == nil {
				t.Errorf("%s has the image %q and the security context %v", store, v.Image, tasks.Contexts[v.As])
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(claimed{})); diff != "" {
			t.Errorf("%s:\n%s", store, diff)
		}
	}
}
