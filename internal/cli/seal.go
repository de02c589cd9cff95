package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"berth/internal/installation"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/forms"
	"berth/internal/render/yaml"
	"berth/internal/sops"
	"berth/internal/stack"
	"berth/internal/target/compose/store"
)

// sealKey is a generated secret of the installation that tells whether an encrypted file is still right. Encrypting twice never gives the same
// bytes, so a file that is still right is kept.
const sealKey = "render-seal"

// sealer encrypts Secrets for recipients. Their generated values are those of berth's state beside the config, made once.
func (e *Env) sealer(ctx context.Context, l *installation.Want, f *folder, recipients []string) (func(string, *kubernetes.Object) ([]byte, error), error) {
	generated, err := store.At(l.Dir, l.Stack.Name).Generate(ctx, append(installation.GeneratedNames(l.Stack.Secrets), sealKey))
	if err != nil {
		return nil, err
	}
	values, err := e.Secrets(l, generated)
	if err != nil {
		return nil, err
	}
	return func(name string, o *kubernetes.Object) ([]byte, error) {
		body := o.Whole(func(p stack.Part) string { return installation.Assembled([]stack.Part{p}, values) })
		comment, err := sealComment(generated[sealKey], recipients, body)
		if err != nil {
			return nil, err
		}
		there, err := os.ReadFile(f.at(name))
		if err == nil && bytes.HasPrefix(there, yaml.Encode(comment, map[string]any{})) {
			return there, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		sealed, err := sops.Encrypt(body, recipients, e.Now())
		if err != nil {
			return nil, err
		}
		return yaml.Encode(comment, sealed), nil
	}, nil
}

// sealComment is the comment of an encrypted file: with a fingerprint that tells nothing without the key.
func sealComment(key string, recipients []string, body map[string]any) (string, error) {
	content, err := json.Marshal([]any{recipients, body})
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(content)
	return fmt.Sprintf("%s\nSealed %s", forms.MadeBy, hex.EncodeToString(mac.Sum(nil))[:32]), nil
}
