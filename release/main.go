// Command release builds everything that a release of berth publishes, for admins without Go: binaries, packages, an image, checksums, a
// signature, SBOMs, an installer. The same commit, key and time give the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"
)

// build is what a release is made of.
type build struct {
	Version string // 0.4.0
	Commit  string // abbreviated
	Time    time.Time
	URL     string // where the files will be published: a folder
	Source  string // the checkout
	Out     string // a folder for the files
	Key     minisign.PrivateKey
	Public  minisign.PublicKey
	Notes   string // a line about the release, for the list of releases
	Fixes   bool   // it fixes a vulnerability
	List    string // the list of releases that was published last; "" for the first
	Here    bool   // for the platform of this machine alone, to try it out
}

func main() {
	b := build{Source: "..", Time: time.Now()}
	var keyFile, day string
	flag.StringVar(&b.Version, "version", "", "the version, such as 0.4.0")
	flag.StringVar(&b.Commit, "commit", "", "the commit, abbreviated")
	flag.StringVar(&day, "time", "", "the time of the commit, in seconds since 1970")
	flag.StringVar(&b.URL, "url", "", "the folder that the files will be published in")
	flag.StringVar(&b.Out, "out", "../dist", "a folder for the files")
	flag.StringVar(&keyFile, "key", "", "the secret key of minisign; its password is in MINISIGN_PASSWORD")
	flag.StringVar(&b.List, "list", "", "the releases.json that was published last")
	flag.StringVar(&b.Notes, "notes", "", "a line about this release")
	flag.BoolVar(&b.Fixes, "security", false, "this release fixes a vulnerability")
	flag.BoolVar(&b.Here, "here", false, "for this machine's platform alone, without what needs all of them: good for trying out")
	flag.Parse()
	if err := b.prepare(keyFile, day); err != nil {
		fail(err)
	}
	if err := b.run(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "release:", err)
	os.Exit(1)
}

func (b *build) prepare(keyFile, day string) (err error) {
	if b.Version == "" {
		return errors.New("--version is missing")
	}
	if day != "" {
		var seconds int64
		if _, err := fmt.Sscan(day, &seconds); err != nil {
			return fmt.Errorf("--time %s: %w", day, err)
		}
		b.Time = time.Unix(seconds, 0)
	}
	b.Time = b.Time.UTC().Truncate(time.Second)
	if b.URL == "" {
		b.URL = "https://releases.invalid/" + b.Version
		fmt.Println("no --url: the installer, the formula and the action can only be used with the files beside them")
	}
	if b.Source, err = filepath.Abs(b.Source); err != nil {
		return err
	}
	if b.Out, err = filepath.Abs(b.Out); err != nil {
		return err
	}
	if keyFile == "" {
		fmt.Println("no --key: signed with a key that nobody has. Good for trying out, not for publishing")
		b.Public, b.Key, err = minisign.GenerateKey(nil)
		return err
	}
	if b.Key, err = secretKey(keyFile); err != nil {
		return err
	}
	b.Public = b.Key.Public().(minisign.PublicKey)
	return nil
}

// secretKey reads a secret key, with a password or without.
func secretKey(file string) (minisign.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return minisign.PrivateKey{}, err
	}
	if minisign.IsEncrypted(text) {
		return minisign.DecryptKey(os.Getenv("MINISIGN_PASSWORD"), text)
	}
	var key minisign.PrivateKey
	err = key.UnmarshalText(text)
	return key, err
}

// run makes everything, and prints what it made.
func (b *build) run() error {
	if err := os.RemoveAll(b.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "berth-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	binaries, err := b.binaries(work)
	if err != nil {
		return err
	}
	documents, err := b.documents(work)
	if err != nil {
		return err
	}
	for _, make := range []func([]binary, []document) error{b.archives, b.packages, b.image, b.boms, b.installers} {
		if err := make(binaries, documents); err != nil {
			return err
		}
	}
	if err := b.sign(); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.Out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Printf("%10.1f kB  %s\n", float64(info.Size())/1000, e.Name())
	}
	return nil
}

// write writes a file of the release.
func (b *build) write(name string, content []byte, mode os.FileMode) error {
	return os.WriteFile(filepath.Join(b.Out, name), content, mode)
}

// filled fills a text's @NAMES@.
func (b *build) filled(text string, more ...string) string {
	pairs := slices.Concat([]string{"@VERSION@", b.Version, "@URL@", strings.TrimSuffix(b.URL, "/"), "@KEY@", b.Public.String(), "@DATE@", b.Time.Format(time.DateOnly)}, more)
	return strings.NewReplacer(pairs...).Replace(text)
}
