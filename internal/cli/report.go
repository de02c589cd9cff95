package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/report"

	"github.com/spf13/cobra"
)

// Reported is what berth report did.
type Reported struct {
	Document *report.Signed `json:"document"`        // that was shown, written or sent
	File     string         `json:"file,omitempty"`  // that was written
	Sent     string         `json:"sent,omitempty"`  // to which address
	Known    bool           `json:"known,omitempty"` // it had arrived before
}

// reportFlags are what berth report can be told.
type reportFlags struct {
	file, out       string
	show, send, yes bool
	record          recordFlags
}

func newReportCmd(env *Env) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show or send a report about this installation, if you want to",
		Long: `Show, write or send a report about this installation: what runs, which codes berth doctor finds, and what was done and how it ended.
It has no names, hosts, addresses, repositories or people. The installation has a random name in it, and signs it.

berth sends nothing unasked. Without flags, it shows the report and nothing else happens. The first --send shows it and asks.
--out writes it into a file that can be carried to a machine that may send it. See docs/report.md.`,
		Example: "  berth report\n  berth report --out report.json\n  berth report --send",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.report(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.show, "show", false, "show the report, also where it is written or sent")
	flags.BoolVar(&f.send, "send", false, "send it to report.to")
	flags.StringVar(&f.out, "out", "", "write it to a `FILE`")
	yesFlag(cmd, &f.yes)
	f.record.flags(cmd)
	configFlag(cmd, &f.file)
	placeFlags(env, cmd, &f.file)
	return cmd
}

// reportNote is the note of the last report that was sent.
const reportNote = "report"

// sentNote says that a report was sent, and so that the admin has seen what is in one.
type sentNote struct {
	At time.Time `json:"at"`
	To string    `json:"to"`
}

func (e *Env) report(ctx context.Context, f reportFlags) error {
	i, err := e.Open(ctx, f.file)
	if err != nil {
		return err
	}
	defer i.Close()
	to := ""
	if c := i.Doc.Config.Report; c != nil {
		to = c.To
	}
	if f.send && to == "" {
		return diag.List{{Code: "BERTH4905", Severity: diag.Error, Subject: i.File, Summary: "the config does not say where reports go; nothing was sent",
			Hint: "add  report: {to: https://HOST}"}}
	}
	signed, err := e.signedReport(ctx, i, f)
	if err != nil {
		return err
	}
	text, err := signed.Text()
	if err != nil {
		return err
	}
	done := Reported{Document: signed}
	var before sentNote
	if err := i.Store.Note(ctx, reportNote, &before); err != nil {
		return err
	}
	first := f.send && before.To != to
	if !e.out.machine() && (f.show || first || !f.send && f.out == "") {
		fmt.Fprintf(e.raw(), "%s", text)
	}
	if f.out != "" {
		if err := os.WriteFile(e.Abs(f.out), text, 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		done.File = f.out
	}
	if f.send {
		if first {
			if err := e.agree(ctx, f.yes, "This report will be sent to "+to+". Send it?"); err != nil {
				return err
			}
		}
		if done.Known, err = send(ctx, to, text); err != nil {
			return err
		}
		done.Sent = to
		if err := i.Store.SetNote(ctx, reportNote, sentNote{At: e.Now(), To: to}); err != nil {
			return err
		}
	}
	return e.give(done, func() { e.reported(done) })
}

func (e *Env) reported(done Reported) {
	if done.File != "" {
		fmt.Fprintf(e.Stdout, "wrote %s\n", done.File)
	}
	switch {
	case done.Known:
		fmt.Fprintf(e.Stdout, "%s has this report already\n", done.Sent)
	case done.Sent != "":
		fmt.Fprintf(e.Stdout, "sent to %s\n", done.Sent)
	}
}

// signedReport makes and signs the report of an installation.
func (e *Env) signedReport(ctx context.Context, i *installation.Installation, f reportFlags) (*report.Signed, error) {
	facts, err := e.reportFacts(ctx, i, f)
	if err != nil {
		return nil, err
	}
	if len(facts.Records) == 0 && facts.Release == "" {
		return nil, diag.List{{Code: "BERTH4901", Severity: diag.Error, Subject: i.File, Summary: "nothing runs here, and berth never changed anything here",
			Hint: "start Sourcegraph: berth up"}}
	}
	key, err := e.reportKey(ctx, i)
	if err != nil {
		return nil, err
	}
	facts.Installation = key.Installation()
	return key.Sign(report.Of(*facts))
}

// reportFacts collects what a report is made of.
func (e *Env) reportFacts(ctx context.Context, i *installation.Installation, f reportFlags) (*report.Facts, error) {
	facts := &report.Facts{Now: e.Now(), Berth: version, Target: i.Stack.Target, Catalogue: e.Catalogue()}
	if c := i.Doc.Config.Report; c != nil {
		facts.Use = report.Use(c.Use)
	}
	for _, db := range i.Doc.Config.Databases {
		facts.External = facts.External || db.External != nil
	}
	services, err := i.Services(ctx)
	if err != nil {
		return nil, err
	}
	facts.Release = services.Release
	instances, err := i.Instances(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range instances {
		if !one.Once && !one.Init && one.Up() {
			facts.Memory += one.Memory
		}
	}
	facts.Start, _ = e.firstSearch(ctx, i)
	said, err := i.Asked(ctx)
	if err == nil && said.Answered {
		facts.Postgres = said.Postgres
	}
	if facts.Doctor, err = e.examine(ctx, f.file, nil); err != nil {
		return nil, err
	}
	if facts.Records, err = i.Store.History(ctx); err != nil {
		return nil, err
	}
	if f.record.folder == exceptionsFolder { // no flag names another
		f.record.folder = filepath.Join(filepath.Dir(f.file), exceptionsFolder)
	}
	record, err := e.counted(f.record)
	if err != nil {
		return nil, err
	}
	facts.Exceptions, _, err = e.exceptions(f.record.folder, record)
	return facts, err
}

// reportKey is the key of an installation. The first report makes it.
func (e *Env) reportKey(ctx context.Context, i *installation.Installation) (report.Key, error) {
	key, err := e.own(ctx, i, report.SecretName, "report")
	return report.NewKey(key), err
}

// own is a secret of an installation that no service uses. Whoever needs it first makes it, and nobody else changes secrets meanwhile.
func (e *Env) own(ctx context.Context, i *installation.Installation, name, command string) (string, error) {
	kept, err := i.Store.Generated(ctx)
	if err == nil && kept[name] == "" {
		var release func()
		if ctx, release, err = i.Store.Lock(ctx, command, e.Now); err != nil {
			return "", err
		}
		defer release()
		kept, err = i.Store.Generate(ctx, []string{name})
	}
	return kept[name], err
}

// reportPatience is how long a server may take to answer.
const reportPatience = 30 * time.Second

// send sends a report. known says that it had arrived before.
func send(ctx context.Context, to string, text []byte) (known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportPatience)
	defer cancel()
	unsent := func(why string) error {
		return diag.List{{Code: "BERTH4902", Severity: diag.Error, Subject: "report", Summary: "the report was not sent to " + to, Detail: []string{why},
			Hint: "let this machine reach it, or carry a file over: berth report --out report.json"}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(to, "/")+report.Path, bytes.NewReader(text))
	if err != nil {
		return false, unsent(err.Error())
	}
	req.Header.Set("Content-Type", "application/json")
	// The report goes to the address that the admin wrote, and nowhere else.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return false, unsent(errors.Unwrap(err).Error())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return false, unsent(err.Error())
	}
	var answer report.Answer
	malformed := json.Unmarshal(body, &answer) != nil
	switch {
	case resp.StatusCode == http.StatusOK && !malformed:
		return answer.Known, nil
	case len(answer.Problems) == 0:
		return false, unsent(fmt.Sprintf("it answered %s", resp.Status))
	}
	detail := []string{}
	for _, p := range answer.Problems {
		detail = append(detail, fmt.Sprintf("%s: %s", p.Code, p.Summary))
	}
	return false, diag.List{{Code: "BERTH4903", Severity: diag.Error, Subject: "report", Summary: to + " refused the report", Detail: detail,
		Hint: "see what the code means: berth explain " + answer.Problems[0].Code}}
}
