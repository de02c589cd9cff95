package objects

import (
	"strings"
	"testing"
)

// TestClaimThatWouldTakeThePlaceOfTheData: pods get another claim only when the config says that the data is there, whether they run or not.
func TestClaimThatWouldTakeThePlaceOfTheData(t *testing.T) {
	pods := func(kind, name string, volume map[string]any, more map[string]any) Object {
		spec := map[string]any{"template": map[string]any{"spec": map[string]any{"volumes": []any{volume}}}}
		for k, v := range more {
			spec[k] = v
		}
		return Object{Key: kind + "/" + name, Service: name, Keeps: "users",
			Body: map[string]any{"kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}}
	}
	claim := func(volume, name string) map[string]any {
		return map[string]any{"name": volume, "persistentVolumeClaim": map[string]any{"claimName": name}}
	}
	template := map[string]any{"volumeClaimTemplates": []any{map[string]any{"metadata": map[string]any{"name": "repos"}}}}
	none := map[string]any{"name": "cache", "emptyDir": map[string]any{}}
	holds := pods("StatefulSet", "pgsql", claim("disk", "mine"), nil)
	holds.Keeps = ""
	for _, tt := range []struct {
		name   string
		wanted Object
		live   map[string]any
		claims []string
		want   string // the claim with the data
	}{
		{"the same claim", pods("StatefulSet", "pgsql", claim("disk", "pgsql"), nil), pods("StatefulSet", "pgsql", claim("disk", "pgsql"), nil).Body, []string{"pgsql"}, ""},
		{"another claim", pods("StatefulSet", "pgsql", claim("disk", "mine"), nil), pods("StatefulSet", "pgsql", claim("disk", "pgsql"), nil).Body, []string{"pgsql"}, "pgsql"},
		{"another claim, with the data", holds, pods("StatefulSet", "pgsql", claim("disk", "pgsql"), nil).Body, []string{"pgsql"}, ""},
		{"another claim, while nothing runs", pods("StatefulSet", "pgsql", claim("disk", "mine"), nil), nil, []string{"pgsql"}, "pgsql"},
		{"the same claim, while nothing runs", pods("StatefulSet", "pgsql", claim("disk", "pgsql"), nil), nil, []string{"pgsql"}, ""},
		{"the same claim and one of the admin's", pods("StatefulSet", "pgsql", claim("own-1", "shared"), map[string]any{"template": map[string]any{"spec": map[string]any{
			"volumes": []any{claim("disk", "pgsql"), claim("own-1", "shared")}}}}), nil, []string{"pgsql", "shared"}, ""},
		{"a claim in place of a StatefulSet's own", pods("StatefulSet", "gitserver", claim("repos", "mine"), nil), pods("StatefulSet", "gitserver", none, template).Body, nil, "repos-gitserver-0"},
		{"the same, while nothing runs", pods("StatefulSet", "gitserver", claim("repos", "mine"), nil), nil, []string{"repos-gitserver-0"}, "repos-gitserver-0"},
		{"back to a StatefulSet's own", pods("StatefulSet", "gitserver", none, template), pods("StatefulSet", "gitserver", claim("repos", "mine"), nil).Body, nil, "mine"},
		{"a first start", pods("StatefulSet", "gitserver", claim("repos", "mine"), nil), nil, []string{"mine"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Cluster{Namespace: true, Seen: map[string]Seen{tt.wanted.Key: {Live: tt.live, Applied: tt.live}}}
			for _, name := range tt.claims {
				c.Claims = append(c.Claims, Claim{Name: name, Phase: "Bound", Volume: "pv"})
			}
			_, problems := Difference(Desired{Namespace: "sg", Objects: []Object{tt.wanted}}, c)
			got := ""
			for _, p := range problems {
				if p.Code == "BERTH1661" {
					got = p.Summary
				}
			}
			if (got != "") != (tt.want != "") || !strings.Contains(got, "in the claim "+tt.want) && tt.want != "" {
				t.Errorf("got %q, want data in %q", got, tt.want)
			}
		})
	}
}

// TestVolumeReservedForABoundClaim: a claim that is bound never gets the volume that the config makes for it.
func TestVolumeReservedForABoundClaim(t *testing.T) {
	volume := Object{Key: "PersistentVolume/sg-repos-gitserver-0", Body: map[string]any{"kind": "PersistentVolume", "metadata": map[string]any{"name": "sg-repos-gitserver-0"},
		"spec": map[string]any{"claimRef": map[string]any{"namespace": "sg", "name": "repos-gitserver-0"}}}}
	for bound, refused := range map[string]bool{"": false, "sg-repos-gitserver-0": false, "pvc-123": true} {
		c := Cluster{Namespace: true, Claims: []Claim{{Name: "repos-gitserver-0", Volume: bound}}}
		_, problems := Difference(Desired{Namespace: "sg", Objects: []Object{volume}}, c)
		if problems.Failed() != refused || refused && problems[0].Code != "BERTH1668" {
			t.Errorf("bound to %q: %v", bound, problems)
		}
	}
}
