// Package signed reads files that somebody signed with minisign: lists and records that may be newer than the program. Pure.
package signed

import (
	"fmt"
	"strings"

	"aead.dev/minisign"
	"berth/internal/diag"
)

// Suffix is what the name of a signature has behind the name of its file.
const Suffix = ".minisig"

// Key parses a public key: the text of a .pub file of minisign, or its second line alone.
func Key(text string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if err := key.UnmarshalText([]byte(strings.TrimSpace(lines[len(lines)-1]))); err != nil {
		return key, diag.List{{Code: "BERTH4702", Severity: diag.Error, Summary: "this is not a public key of minisign",
			Detail: []string{err.Error()}, Hint: "name the .pub file that minisign -G wrote"}}
	}
	return key, nil
}

// Verify proves that a file is as the owner of a key signed it. name is the file's, for messages. It returns the comment that the signature
// protects.
func Verify(key minisign.PublicKey, name string, text, signature []byte) (comment string, err error) {
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return "", refused(name, "its signature can't be read: "+err.Error())
	}
	if s.KeyID != key.ID() {
		return "", refused(name, fmt.Sprintf("it was signed with the key %X, not with %X", s.KeyID, key.ID()))
	}
	if !minisign.Verify(key, text, signature) {
		return "", refused(name, "its signature does not match")
	}
	return s.TrustedComment, nil
}

// By reports whether a signature says that it was made with a key. It proves nothing of the file.
func By(key minisign.PublicKey, signature []byte) bool {
	var s minisign.Signature
	return s.UnmarshalText(signature) == nil && s.KeyID == key.ID()
}

func refused(name, why string) error {
	return diag.List{{Code: "BERTH4701", Severity: diag.Error, Summary: name + " is not trusted", Detail: []string{why},
		Hint: "get the file and " + name + Suffix + " again from where they are published", Subject: name}}
}
