// Package sops encrypts a Kubernetes Secret in the file format of SOPS, for age recipients: sops, Flux and ksops read it. Only values under
// data and stringData are encrypted. Pure, except for randomness.
//
// Source: https://getsops.io/docs/#encryption-protocol
package sops

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Encrypted is the expression for the keys whose values are encrypted.
const Encrypted = "^(data|stringData)$"

// version is the oldest SOPS that reads this format.
const version = "3.7.0"

// Encrypt returns a tree of maps and texts with its secret values encrypted, and adds under the key sops how to decrypt them.
func Encrypt(tree map[string]any, recipients []string, now time.Time) (map[string]any, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithNonceSize(block, 32)
	if err != nil {
		return nil, err
	}
	e := encoder{seal: seal, mac: sha512.New()}
	out, err := e.tree(tree, "", false)
	if err != nil {
		return nil, err
	}
	var keys []any
	for _, recipient := range recipients {
		enc, err := wrap(key, recipient)
		if err != nil {
			return nil, err
		}
		keys = append(keys, map[string]any{"recipient": recipient, "enc": enc})
	}
	modified := now.UTC().Format(time.RFC3339)
	mac := strings.ToUpper(hex.EncodeToString(e.mac.Sum(nil)))
	out["sops"] = map[string]any{"age": keys, "lastmodified": modified, "mac": e.value(mac, modified), "encrypted_regex": Encrypted, "version": version}
	return out, nil
}

// wrap encrypts the key of the values for one recipient.
func wrap(key []byte, recipient string) (string, error) {
	r, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return "", fmt.Errorf("recipient %s: %w", recipient, err)
	}
	var b bytes.Buffer
	text := armor.NewWriter(&b)
	w, err := age.Encrypt(text, r)
	if err != nil {
		return "", fmt.Errorf("encrypt for %s: %w", recipient, err)
	}
	if _, err := w.Write(key); err != nil {
		return "", fmt.Errorf("encrypt for %s: %w", recipient, err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("encrypt for %s: %w", recipient, err)
	}
	if err := text.Close(); err != nil {
		return "", fmt.Errorf("encrypt for %s: %w", recipient, err)
	}
	return b.String(), nil
}

// encoder encrypts values, and hashes all of them in the order of the file.
type encoder struct {
	seal cipher.AEAD
	mac  hash.Hash
}

func (e *encoder) tree(tree map[string]any, path string, secret bool) (map[string]any, error) {
	out := make(map[string]any, len(tree))
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		hide := secret || key == "data" || key == "stringData"
		switch v := tree[key].(type) {
		case map[string]any:
			sub, err := e.tree(v, path+key+":", hide)
			if err != nil {
				return nil, err
			}
			out[key] = sub
		case string:
			e.mac.Write([]byte(v))
			out[key] = v
			if hide {
				out[key] = e.value(v, path+key+":")
			}
		default:
			return nil, fmt.Errorf("encrypt %s%s: only texts can be", path, key)
		}
	}
	return out, nil
}

// value encrypts a text for one place. Like SOPS it leaves an empty text unchanged.
func (e *encoder) value(text, place string) string {
	if text == "" {
		return ""
	}
	nonce := make([]byte, e.seal.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed := e.seal.Seal(nil, nonce, []byte(text), []byte(place))
	end := len(sealed) - e.seal.Overhead()
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:str]", encode(sealed[:end]), encode(nonce), encode(sealed[end:]))
}
