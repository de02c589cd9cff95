package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/manual"
	"berth/internal/proposal"
	"berth/internal/size"
	"berth/internal/support"
	"berth/internal/view"
)

// Proposed is a proposal, with the answers that it is made of and the files that were written.
type Proposed struct {
	Answers []support.Answer `json:"answers"`
	*proposal.Proposal
	Written
}

// The files of a proposal.
const (
	proposedConfig = DefaultConfig
	proposedPage   = "proposal.md"
	proposedHTML   = "proposal.html"
)

// propose writes the config that meets a list of requirements, and the page about it, into a folder.
func (e *Env) propose(record *catalogue.SupportRecord, answers []support.Answer, wanted []view.Want, list, folder, release string) error {
	for _, name := range []string{proposedConfig, proposedPage, proposedHTML} {
		if there(filepath.Join(e.Abs(folder), name)) {
			return diag.List{{Code: "BERTH1119", Severity: diag.Error, Subject: filepath.Join(folder, name), Summary: "the file exists already; nothing was written",
				Hint: "name another folder with --propose"}}
		}
	}
	c := e.Catalogue()
	p, err := proposal.Of(proposal.Input{Name: titled(list), Answers: answers, Tables: size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()},
		Read: record.Read, Berth: version,
		Releases: func(on catalogue.Target) (*catalogue.Release, error) {
			if release == "" {
				return c.Release(c.Versions(on)[0].Version, on)
			}
			known, err := c.Summarise(release)
			if err != nil {
				return nil, err
			}
			return c.Release(known.Version.Version, on)
		}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.Abs(folder), 0o755); err != nil {
		return err
	}
	page := p.Page()
	out := Proposed{Answers: answers, Proposal: p, Written: Written{Folder: filepath.ToSlash(folder), Files: []string{proposedConfig, proposedPage, proposedHTML}}}
	for name, text := range map[string]string{proposedConfig: string(p.Config), proposedPage: page, proposedHTML: manual.HTML(page, func(target string) string { return target })} {
		if err := createOnly(filepath.Join(e.Abs(folder), name), text); err != nil {
			return err
		}
	}
	return e.give(out, func() {
		view.SupportLines(e.Stdout, answers)
		fmt.Fprintln(e.Stdout)
		view.Proposal(e.Stdout, p)
		view.Wanted(e.Stdout, wanted)
		fmt.Fprintf(e.Stdout, "\nwrote     %s in %s\nnext: berth check --offline -c %s\n", strings.Join(out.Files, ", "), out.Folder, filepath.ToSlash(filepath.Join(folder, proposedConfig)))
	})
}

// createOnly writes a file that is not there yet.
func createOnly(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// titled is what a list is called: its file without folder and ending.
func titled(list string) string {
	if list == standardOutput {
		return "these requirements"
	}
	return strings.TrimSuffix(filepath.Base(list), filepath.Ext(list))
}
