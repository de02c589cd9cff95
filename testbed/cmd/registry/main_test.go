package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// start makes a registry on the folders; a second one on the same folders is a restart.
func start(t *testing.T, blobs, manifests string) string {
	t.Helper()
	inner := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(log.New(io.Discard, "", 0)))
	if _, err := replay(manifests, inner); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&keeper{next: inner, dir: manifests})
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// What was pushed is there after a restart: by tag, by the digest of a tag that has moved on, and images inside an index.
func TestImagesSurviveARestart(t *testing.T) {
	blobs, manifests := t.TempDir(), t.TempDir()
	first := start(t, blobs, manifests)
	old, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	newer, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	index, err := random.Index(64, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag := func(address, ref string) name.Reference {
		r, err := name.ParseReference(address+"/"+ref, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, push := range []error{
		remote.Write(tag(first, "sourcegraph/frontend:7.5.4453"), old),
		remote.Write(tag(first, "sourcegraph/frontend:7.5.4453"), newer),
		remote.WriteIndex(tag(first, "a/index:1"), index),
	} {
		if push != nil {
			t.Fatal(push)
		}
	}
	second := start(t, blobs, manifests)
	digest, err := old.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"sourcegraph/frontend:7.5.4453", "sourcegraph/frontend@" + digest.String(), "a/index:1"} {
		if _, err := remote.Get(tag(second, ref)); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if err := remote.Delete(tag(second, "a/index:1")); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get("http://" + start(t, blobs, manifests) + "/v2/a/index/manifests/1"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted tag came back: %v, %v", resp, err)
	}
}
