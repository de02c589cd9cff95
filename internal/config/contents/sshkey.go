package contents

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"regexp"
	"strings"

	"berth/internal/diag"
)

// Program runs a reader on a text, where this machine has it: ran is false where it has not. Output is what it wrote to stderr.
type Program func(input []byte, name string, args ...string) (output string, ok, ran bool)

const (
	smallestRSA = 1024 // that OpenSSH loads
	usualRSA    = 2048 // that code hosts accept: https://docs.github.com/en/authentication/connecting-to-github-with-ssh
)

// openssh is the form of keys that ssh-keygen writes today.
const openssh = "OPENSSH PRIVATE KEY"

var pemBegin = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]+)-----`)

// SSHKey checks a private key of SSH, as ssh reads it where nobody can answer a question. run asks ssh-keygen last; nil: nobody is asked.
//
// Source: https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.key, and ssh-keygen itself, by which the test holds every rule.
func SSHKey(file File, run Program) diag.List {
	f := &found{File: file}
	text := string(file.Data)
	begin := pemBegin.FindStringSubmatchIndex(text)
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "PuTTY-User-Key-File"):
		f.whole("BERTH1510", "convert it:  puttygen KEY.ppk -O private-openssh -o id_ssh", "is a key of PuTTY, which ssh can't read")
	case publicKey(text):
		f.whole("BERTH1510", "name the private key: the file without .pub", "has a public key, and ssh needs the private one")
	case begin == nil:
		f.whole("BERTH1510", "name the file that ssh-keygen wrote, without .pub", "has no private key")
	case text[begin[2]:begin[3]] == openssh:
		f.opensshKey(begin[0])
	default:
		f.pemKey(text[begin[2]:begin[3]])
	}
	if len(f.problems) == 0 && run != nil {
		if said, ok, ran := run(file.Data, "ssh-keygen", "-y", "-P", "", "-f", "/dev/stdin"); ran && !ok {
			f.whole("BERTH1510", "create the key again, or copy it again from where it works", "is not a key that ssh can load")
			if _, why, has := strings.Cut(strings.TrimSpace(said), `"/dev/stdin": `); has {
				f.problems[0].Detail = []string{"ssh-keygen: " + why}
			}
		}
	}
	return f.problems
}

func publicKey(text string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return strings.HasPrefix(first, "ssh-") || strings.HasPrefix(first, "ecdsa-") || strings.HasPrefix(first, "sk-") || strings.Contains(text, "BEGIN SSH2 PUBLIC KEY")
}

// passphrase refuses a key with one: nobody is there to type it.
func (f *found) passphrase() {
	f.whole("BERTH1511", "give gitserver a key of its own without one:  ssh-keygen -t ed25519 -N '' -f id_sourcegraph",
		"has a passphrase, which nobody could type for gitserver")
}

// opensshKey checks a key in OpenSSH's own form, which begins at an offset. ssh reads it to the letter: other ends of lines, or none at the
// end, make it unreadable.
func (f *found) opensshKey(begin int) {
	text := string(f.Data)
	if begin > 0 {
		f.line("BERTH1512", 1, 1, "delete the text before the line with BEGIN", "the key does not begin the file, so ssh can't read it")
		return
	}
	if f.carriageReturns("BERTH1512", "ssh can't read such a key") {
		return
	}
	body, rest, ended := strings.Cut(strings.TrimPrefix(text, "-----BEGIN "+openssh+"-----\n"), "-----END "+openssh+"-----")
	last := strings.Count(text, "\n") + 1
	switch {
	case !ended:
		f.line("BERTH1510", last, 1, "copy the whole file", "the key has no last line, with END %s", openssh)
		return
	case rest == "" && f.Name != "":
		f.line("BERTH1512", last, len("-----END "+openssh+"-----")+1, "add one:  echo >> "+f.Name, "the last line has no line break, so ssh can't read the key")
		return
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Map(withoutSpace, body))
	fields, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00"))
	if err != nil || !ok {
		f.damaged()
		return
	}
	r := &wire{data: fields}
	cipher := r.next()
	r.next() // the kdf
	r.next() // its options
	r.number()
	public, private := r.next(), r.next()
	switch {
	case r.short:
		f.damaged()
	case string(cipher) != "none":
		f.passphrase()
	case !sound(private, public):
		f.damaged()
	default:
		f.publicPart(public)
	}
}

func withoutSpace(c rune) rune {
	if strings.ContainsRune(" \t\r\n", c) {
		return -1
	}
	return c
}

func (f *found) damaged() {
	f.whole("BERTH1510", "copy it again, whole and unchanged", "has a private key that is damaged: its parts don't fit together")
}

// sound reports whether the private part of an open key is whole: its two check numbers agree, and it is of the type of the public part.
func sound(private, public []byte) bool {
	r := &wire{data: private}
	first, second := r.number(), r.number()
	kind := r.next()
	p := &wire{data: public}
	return !r.short && first == second && bytes.Equal(kind, p.next()) && len(private)%8 == 0
}

// publicPart checks what kind of key it is.
func (f *found) publicPart(public []byte) {
	r := &wire{data: public}
	switch kind := string(r.next()); {
	case r.short:
		f.damaged()
	case kind == "ssh-dss":
		f.whole("BERTH1513", "create another:  ssh-keygen -t ed25519 -N '' -f id_sourcegraph", "is a DSA key, which OpenSSH and code hosts no longer accept")
	case strings.HasPrefix(kind, "sk-"):
		f.whole("BERTH1513", "create another:  ssh-keygen -t ed25519 -N '' -f id_sourcegraph", "is a key on a security token, which a person would have to touch")
	case kind == "ssh-rsa":
		r.next() // the exponent
		f.rsaSize(new(big.Int).SetBytes(r.next()).BitLen())
	}
}

func (f *found) rsaSize(bits int) {
	const another = "create another:  ssh-keygen -t ed25519 -N '' -f id_sourcegraph"
	switch {
	case bits < smallestRSA:
		f.whole("BERTH1513", another, "is an RSA key of %d bits, which OpenSSH does not load", bits)
	case bits < usualRSA:
		f.whole("BERTH1513", another, "is an RSA key of %d bits; code hosts such as GitHub accept %d and more", bits, usualRSA)
		f.warning()
	}
}

// pemKey checks a key in one of the forms of OpenSSL.
func (f *found) pemKey(kind string) {
	block, _ := pem.Decode(f.Data)
	switch {
	case strings.HasPrefix(kind, "ENCRYPTED"), block != nil && block.Headers["DEK-Info"] != "":
		f.passphrase()
		return
	case kind == "DSA PRIVATE KEY":
		f.whole("BERTH1513", "create another:  ssh-keygen -t ed25519 -N '' -f id_sourcegraph", "is a DSA key, which OpenSSH and code hosts no longer accept")
		return
	case !strings.HasSuffix(kind, "PRIVATE KEY"):
		f.whole("BERTH1510", "name the file with the private key", "has a %s instead of a private key", strings.ToLower(kind))
		return
	case block == nil:
		f.damaged()
		return
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if err != nil {
		f.damaged()
		return
	}
	if k, ok := key.(*rsa.PrivateKey); ok {
		f.rsaSize(k.N.BitLen())
	}
}

// wire reads values as SSH writes them: https://datatracker.ietf.org/doc/html/rfc4251#section-5
type wire struct {
	data  []byte
	short bool // there was less than was read
}

func (r *wire) number() uint32 {
	if len(r.data) < 4 {
		r.short = true
		return 0
	}
	n := binary.BigEndian.Uint32(r.data)
	r.data = r.data[4:]
	return n
}

func (r *wire) next() []byte {
	n := int(r.number())
	if n > len(r.data) || n < 0 {
		r.short = true
		return nil
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}
