package registry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// mirror is a real registry in this process that holds one image; refused names are answered with a status.
func mirror(t *testing.T, refused map[string]int) (address, digest string) {
	t.Helper()
	handler := registry.New()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for part, status := range refused {
			if strings.Contains(r.URL.Path, part) {
				w.WriteHeader(status)
				return
			}
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	address = strings.TrimPrefix(srv.URL, "http://")
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(address + "/sourcegraph/frontend:7.5.4453")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return address, d.String()
}

func codes(l diag.List) []string {
	var out []string
	for _, d := range l {
		out = append(out, d.Code)
	}
	return out
}

func TestCheckTellsWhyAnImageCannotBePulled(t *testing.T) {
	address, digest := mirror(t, map[string]int{"secret": http.StatusUnauthorized, "busy": http.StatusTooManyRequests})
	other := "sha256:" + strings.Repeat("a", 64)
	refs := []string{
		address + "/sourcegraph/frontend:7.5.4453@" + digest, // as it should be
		address + "/sourcegraph/frontend:7.5.4453@" + other,
		address + "/sourcegraph/gitserver:7.5.4453@" + other,
		address + "/sourcegraph/secret:1@" + other,
		address + "/sourcegraph/busy:1@" + other,
	}
	got := codes(Check(context.Background(), Login{}, refs))
	if diff := cmp.Diff([]string{"BERTH1210", "BERTH1211", "BERTH1213", "BERTH1214"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDigestsFindsWhatTagsStandFor(t *testing.T) {
	address, digest := mirror(t, nil)
	ref := address + "/sourcegraph/frontend:7.5.4453@sha256:" + strings.Repeat("a", 64)
	found, problems := Digests(context.Background(), Login{}, []string{ref, address + "/sourcegraph/worker:7.5.4453"})
	if diff := cmp.Diff(map[string]string{ref: digest}, found); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"BERTH1211"}, codes(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckOfARegistryThatIsNotThere(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(srv.URL, "http://")
	srv.Close()
	digest := "@sha256:" + strings.Repeat("a", 64)
	got := Check(context.Background(), Login{}, []string{address + "/sourcegraph/frontend:1" + digest, address + "/sourcegraph/worker:1" + digest})
	if diff := cmp.Diff([]string{"BERTH1212"}, codes(got)); diff != "" {
		t.Fatal(diff)
	}
	// The reason is the same for both, and said once.
	if d := got[0]; len(d.Detail) != 2 || !strings.Contains(d.Detail[0], "connection refused") || d.Detail[1] != "images: frontend, worker" || d.Subject != address {
		t.Errorf("%+v", d)
	}
}
