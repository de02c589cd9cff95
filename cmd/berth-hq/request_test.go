package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"berth/internal/cli"
	"berth/internal/hq/review"
	"berth/internal/hq/store/pgtest"
	"berth/internal/installation"
)

// engineer is a customer engineer with berth, in the folder of a customer.
type engineer struct {
	t   *testing.T
	dir string
}

// types types a command of berth, and answers its questions.
func (e engineer) types(answers string, code int, args ...string) string {
	e.t.Helper()
	var out bytes.Buffer
	env := &cli.Env{Stdout: &out, Environment: installation.Environment{Stdin: strings.NewReader(answers), Stderr: &out, Interactive: answers != "", Dir: e.dir,
		Getenv: func(string) string { return "" }, Now: func() time.Time { return now }}}
	if got := cli.Run(e.t.Context(), env, args); got != code {
		e.t.Fatalf("berth %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out.String())
	}
	return out.String()
}

func (e engineer) writes(name, text string) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// fileOf is the text of a file.
func fileOf(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// site is berth-hq as somebody with a token sees it.
type site struct {
	t   *testing.T
	url string
}

func (s site) asks(token, method, path string, form url.Values, status int) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		s.t.Fatalf("%s %s: %s, want %d %v\n%s", method, path, resp.Status, status, err, text)
	}
	return string(text)
}

// TestFromSupportCheck is the whole way of an exception. A list of requirements needs one, and the engineer types what berth says. berth-hq takes the file, four
// sides vote, and Delivery decides and signs. In the customer's folder, the signed file then covers the line.
func TestFromSupportCheck(t *testing.T) {
	decider, signer, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	publisher, publishes, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := engineer{t, t.TempDir()}
	record := strings.Replace(fileOf(t, "../../catalogue/support.yaml"), "\ndeciders: []", "\ndeciders:\n- {name: Delivery, key: "+decider.String()+"}", 1)
	e.writes("record.yaml", record)
	e.writes("record.yaml.minisig", string(minisign.Sign(publishes, []byte(record))))
	e.writes("publisher.pub", publisher.String()+"\n")
	trust := []string{"--record", "record.yaml", "--key", "publisher.pub"}
	e.writes("requirements.txt", fileOf(t, "../../internal/proposal/testdata/06-telco.txt"))
	check := append([]string{"support", "check", "requirements.txt"}, trust...)

	// What the record says no to has the command that asks for an exception.
	const ask = "berth exception new azure-blob --from requirements.txt"
	contains(t, e.types("", 3, check...), "To ask for one:\n  azure-blob         "+ask+"\n", " · 1 no\n")
	contains(t, e.types("", 3, append(strings.Fields(ask)[1:], trust...)...), "why has no answer", "nothing was written; add --why", "nothing was written; add --asked-by")
	contains(t, e.types("", 3, "exception", "new", "gerrit", "--from", "requirements.txt"), "BERTH4818", "name one of these with --subject: azure-blob")
	answers := "2027-06-30\ntheir data centre has no other\nuploads are lost with the gateway\nthey can set up the gateway\nno; services support it\na renewal\nit fits\nAda\n"
	contains(t, e.types(answers, 0, append(strings.Fields(ask)[1:], trust...)...), "wrote exceptions/azure-blob.yaml", "paste it into berth-hq")
	request := fileOf(t, e.dir, "exceptions", "azure-blob.yaml")
	contains(t, request, "what: Azure Blob compatible object store (no S3)", "subject: azure-blob", "releases: '>=7.6 <8.0'")
	contains(t, e.types("", 3, check...), "  azure-blob         asked, in exceptions/azure-blob.yaml\n", " · 1 no\n")

	t.Setenv("BERTH_HQ_RECORD", filepath.Join(e.dir, "record.yaml"))
	a := admin{t, pgtest.Start(t).Database(t)}
	a.types("", 0, "migrate")
	token := map[string]string{}
	for _, role := range []string{"engineer", "reviewer", "delivery"} {
		out, _ := a.types("", 0, "people", "add", role, "--role", role)
		fields := strings.Fields(out)
		token[role] = fields[len(fields)-1]
	}
	c, address := serving(t, a.address)
	hq := site{t, address}

	contains(t, hq.asks(token["engineer"], "POST", "/exceptions", url.Values{"file": {"no file at all"}}, 422), "BERTH4811")
	contains(t, hq.asks(token["engineer"], "POST", "/exceptions", url.Values{"file": {strings.Replace(request, "it fits", "''", 1)}}, 422), "fit has no answer", "their data centre has no other")
	hq.asks(token["reviewer"], "POST", "/exceptions/1/vote", url.Values{}, 404) // too early
	hq.asks(token["engineer"], "POST", "/exceptions", url.Values{"file": {strings.ReplaceAll(request, "\n", "\r\n")}}, 303)
	contains(t, hq.asks(token["engineer"], "POST", "/exceptions", url.Values{"file": {request}}, 422), "a request of this name exists already")
	for _, side := range review.Sides {
		hq.asks(token["reviewer"], "POST", "/exceptions/1/vote", url.Values{"side": {string(side)}, "answer": {"yes, if"}, "text": {"only with a gateway, says " + string(side)}}, 303)
	}
	hq.asks(token["delivery"], "POST", "/exceptions/1/decide", url.Values{"decision": {"grant"}, "reason": {"the gateway speaks S3"}}, 303)
	decided := hq.asks(token["engineer"], "GET", "/exceptions/1/files/azure-blob.yaml", nil, 200)

	// Half of it allows nothing: the file without its signature.
	e.writes("exceptions/azure-blob.yaml", decided)
	contains(t, e.types("", 3, check...), "  azure-blob         not trusted, in exceptions/azure-blob.yaml\n", " · 1 no\n")
	hq.asks(token["delivery"], "POST", "/exceptions/1/sign", url.Values{"signature": {string(minisign.Sign(publishes, []byte(decided)))}}, 422) // who may not decide
	hq.asks(token["delivery"], "POST", "/exceptions/1/sign", url.Values{"signature": {string(minisign.Sign(signer, []byte(decided)))}}, 303)
	e.writes("exceptions/azure-blob.yaml.minisig", hq.asks(token["engineer"], "GET", "/exceptions/1/files/azure-blob.yaml.minisig", nil, 200))
	covered := e.types("", 0, check...)
	contains(t, covered, "Azure Blob compatible object store (no S3)\n  Yes, by an exception", "allowed by exception azure-blob", "1 yes, by an exception")
	if strings.Contains(covered, "To ask for one") {
		t.Error(covered)
	}
	contains(t, e.types("", 0, append([]string{"exception", "show", "azure-blob"}, trust...)...), "decided by delivery", "only with a gateway, says engineering")

	// It is taken away again.
	hq.asks(token["delivery"], "POST", "/exceptions/1/revoke", url.Values{"reason": {"they have S3 now"}}, 303)
	e.writes("exceptions/azure-blob.yaml.revoked", hq.asks(token["engineer"], "GET", "/exceptions/1/files/azure-blob.yaml.revoked", nil, 200))
	contains(t, e.types("", 3, check...), "revoked, in exceptions/azure-blob.yaml", " · 1 no\n")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
}
