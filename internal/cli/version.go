package cli

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"aead.dev/minisign"
	"berth/internal/diag"
	"berth/internal/release"
	"berth/internal/signed"
	"github.com/spf13/cobra"
)

// What a build of a release sets.
var (
	version = "devel"
	commit  = ""
	key     = "" // the public key of minisign that the publisher signs with
)

// Version is which berth this is.
type Version struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	Platform  string `json:"platform"`      // linux/amd64
	Catalogue string `json:"catalogue"`     // the day of the newest release in it, yyyy-mm-dd
	Newest    string `json:"newestRelease"` // of Sourcegraph, that it knows
	// With --check: the releases of berth that are newer, newest first, and the day on which the list of them was made.
	Newer  []release.Release `json:"newer,omitempty"`
	Listed string            `json:"listed,omitempty"`
}

func newVersionCmd(env *Env) *cobra.Command {
	var list, keyFile string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print berth's version, or check for a newer one",
		Long: `Print berth's version, and the newest release of Sourcegraph that it knows.

berth never looks for a newer berth on its own. --check compares with the list that each release publishes: get releases.json and
releases.json.minisig from there, and name the first.`,
		Example: `  berth version
  berth version --check releases.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := env.version()
			if list == "" {
				return env.give(v, func() { env.showVersion(v) })
			}
			published, err := env.published(list, keyFile)
			if err != nil {
				return err
			}
			newer, ok := published.Newer(v.Version)
			if !ok && len(published.Releases) > 0 {
				newer = published.Releases[:1] // a build from source: which came first can't be told
			}
			v.Newer, v.Listed = newer, published.Made.Format("2006-01-02")
			return env.give(v, func() { env.showVersion(v) })
		},
	}
	cmd.Flags().StringVar(&list, "check", "", "compare with a signed list of berth's releases, `FILE`")
	cmd.Flags().StringVar(&keyFile, "key", "", "the publisher's public key, `FILE` (default: built in)")
	return cmd
}

func (e *Env) version() Version {
	newest := e.Catalogue().Versions("")[0]
	v := Version{Version: version, Commit: commit, Platform: runtime.GOOS + "/" + runtime.GOARCH, Newest: newest.Version}
	for _, date := range newest.Dates {
		v.Catalogue = max(v.Catalogue, date)
	}
	return v
}

// published reads a list and its signature beside it.
func (e *Env) published(name, keyFile string) (*release.List, error) {
	public, list, signature, err := e.signedFile(name, keyFile)
	if err != nil {
		return nil, err
	}
	return release.Parse(public, name, list, signature)
}

// signedFile reads a file, the signature beside it, and the publisher's key.
func (e *Env) signedFile(name, keyFile string) (public minisign.PublicKey, text, signature []byte, err error) {
	publisher := key
	if keyFile != "" {
		read, err := os.ReadFile(e.Abs(keyFile))
		if err != nil {
			return public, nil, nil, err
		}
		publisher = string(read)
	}
	if publisher == "" {
		return public, nil, nil, diag.List{{Code: "BERTH4704", Severity: diag.Error, Summary: "this berth has no public key to check " + name + " with",
			Detail: []string{"it was built from source"}, Hint: "name the publisher's key: --key FILE", Subject: name}}
	}
	if public, err = signed.Key(publisher); err != nil {
		return public, nil, nil, err
	}
	if text, err = os.ReadFile(e.Abs(name)); err != nil {
		return public, nil, nil, err
	}
	signature, err = os.ReadFile(e.Abs(name) + signed.Suffix)
	return public, text, signature, err
}

func (e *Env) showVersion(v Version) {
	fmt.Fprintf(e.Stdout, "berth %s (%s)\n", strings.TrimSpace(v.Version+" "+v.Commit), v.Platform)
	fmt.Fprintf(e.Stdout, "knows Sourcegraph up to %s, of %s\n", v.Newest, v.Catalogue)
	if v.Listed == "" {
		return
	}
	if len(v.Newer) == 0 {
		fmt.Fprintf(e.Stdout, "\nNo newer berth was published until %s.\n", v.Listed)
		return
	}
	fmt.Fprintf(e.Stdout, "\nNewer, as of %s:\n", v.Listed)
	for _, r := range v.Newer {
		line := fmt.Sprintf("  %s  %s  knows Sourcegraph up to %s", r.Version, r.Date, r.Sourcegraph)
		if r.Security {
			line += "; fixes a vulnerability"
		}
		fmt.Fprintln(e.Stdout, line)
		if r.Notes != "" {
			fmt.Fprintln(e.Stdout, "    "+r.Notes)
		}
	}
}
