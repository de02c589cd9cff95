package sops_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/render/yaml"
	"berth/internal/sops"
	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"
	library "go.yaml.in/yaml/v4"
)

func secret() map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata": map[string]any{"name": "pgsql-auth", "namespace": "sg", "labels": map[string]any{"app": "pgsql"}},
		"data":     map[string]any{"password": "c2VjcmV0", "user": "c2c=", "empty": ""}}
}

// TestOtherProgramsDecrypt: an implementation that shares no code with this one decrypts the written YAML, and so does sops itself where it is on the
// PATH.
func TestOtherProgramsDecrypt(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sops.Encrypt(secret(), []string{identity.Recipient().String()}, time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	text := yaml.Encode("a comment", sealed)
	if strings.Contains(string(text), "c2VjcmV0") {
		t.Fatalf("a value is in clear:\n%s", text)
	}
	if !strings.Contains(string(text), "name: pgsql-auth") {
		t.Errorf("the name is not in clear:\n%s", text)
	}
	if d := cmp.Diff(secret(), decrypt(t, text, identity)); d != "" {
		t.Errorf("encrypted (-), decrypted (+)\n%s", d)
	}
	t.Run("sops", func(t *testing.T) { bySops(t, text, identity) })
}

func bySops(t *testing.T, text []byte, identity *age.X25519Identity) {
	if _, err := exec.LookPath("sops"); err != nil {
		t.Skip("NOT CHECKED with sops: it is not on the PATH")
	}
	name := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sops", "--decrypt", name)
	cmd.Env = append(os.Environ(), "SOPS_AGE_KEY="+identity.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got map[string]any
	if err := library.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(secret(), got); d != "" {
		t.Errorf("encrypted (-), decrypted by sops (+)\n%s", d)
	}
}

// decrypt reads a file as the documentation of SOPS describes it.
func decrypt(t *testing.T, text []byte, identity age.Identity) map[string]any {
	t.Helper()
	var root library.Node
	if err := library.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var head struct {
		Sops struct {
			Age          []struct{ Recipient, Enc string }
			Lastmodified string
			Mac          string
		}
	}
	if err := library.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(head.Sops.Age[0].Enc)), identity)
	if err != nil {
		t.Fatal(err)
	}
	key, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.New()
	var walk func(n *library.Node, path string, hidden bool) any
	walk = func(n *library.Node, path string, hidden bool) any {
		if n.Kind == library.ScalarNode {
			value := n.Value
			if hidden && value != "" {
				value = open(t, key, value, path)
			}
			sum.Write([]byte(value))
			return value
		}
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if name != "sops" {
				out[name] = walk(n.Content[i+1], path+name+":", hidden || name == "data")
			}
		}
		return out
	}
	tree := walk(root.Content[0], "", false).(map[string]any)
	if mac := open(t, key, head.Sops.Mac, head.Sops.Lastmodified); mac != fmt.Sprintf("%X", sum.Sum(nil)) {
		t.Error("the message authentication code is wrong")
	}
	return tree
}

func open(t *testing.T, key []byte, value, place string) string {
	t.Helper()
	parts := map[string][]byte{}
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(value, "ENC[AES256_GCM,"), "]"), ",") {
		name, encoded, _ := strings.Cut(part, ":")
		parts[name], _ = base64.StdEncoding.DecodeString(encoded)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, len(parts["iv"]))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, parts["iv"], append(parts["data"], parts["tag"]...), []byte(place))
	if err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	return string(plain)
}

func TestWrongRecipient(t *testing.T) {
	if _, err := sops.Encrypt(secret(), []string{"age1nobody"}, time.Time{}); err == nil {
		t.Error("a wrong recipient is taken")
	}
}
