//go:build engine

package main

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"berth/testbed/internal/contract"
)

// The stand-ins keep uploads in a real S3 server. It needs testbed/up 7.5.4453.
func TestObjectsInRealS3(t *testing.T) {
	const name = "berth-testbed-s3"
	docker := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("docker", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	remove := func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() } // there may be none
	remove()
	t.Cleanup(remove)
	docker("run", "-d", "--pull", "always", "--name", name, "-e", "ROOT_ACCESS_KEY_ID=key", "-e", "ROOT_SECRET_ACCESS_KEY=secret",
		cmp.Or(os.Getenv("BERTH_TESTBED_REGISTRY"), "127.0.0.1:5010")+"/sourcegraph/versitygw:7.5.4453")
	store := objects{contract.Upload{Backend: "s3", Endpoint: "http://" + docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name) + ":7070",
		Bucket: "uploads", Region: "us-east-1", KeyID: "key", Secret: "secret", ManageBucket: true}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for store.ready(ctx) != nil && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}

	for key, content := range map[string][]byte{"small": []byte("an index"), "in-parts": bytes.Repeat([]byte("0123456789abcdef"), 3*partSize/16+1)} {
		if err := store.put(ctx, key, content); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if got, err := store.get(ctx, key); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes came back of %d: %v", key, len(got), len(content), err)
		}
	}
	refused := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %s, got %v", what, want, err)
		}
	}
	wrong := store
	wrong.Secret = "another"
	refused("a wrong secret", "SignatureDoesNotMatch", wrong.put(ctx, "x", []byte("x")))
	wrong.KeyID = "another"
	refused("a key that the server does not know", "No user exists", wrong.put(ctx, "x", []byte("x")))
	wrong.KeyID = ""
	refused("no signature", "403", wrong.put(ctx, "x", []byte("x")))
	_, _, err := store.ask(ctx, "PUT", "small", "", []byte("another"), "If-None-Match", "*")
	refused("a second object of the same name", "412", err)
	if got, err := store.get(ctx, "small"); err != nil || string(got) != "an index" {
		t.Errorf("the object is now %q: %v", got, err)
	}
	missing := store
	missing.Bucket, missing.ManageBucket = "not-there", false
	refused("a bucket that is not there", "NoSuchBucket", missing.put(ctx, "x", []byte("x")))
}
