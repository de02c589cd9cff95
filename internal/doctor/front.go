package doctor

import (
	"fmt"
	"strings"

	"berth/internal/diag"
)

// Front and search stand for what people see, as services that need others: see Needs.
const (
	frontProxy = "front proxy"
	search     = "search"
	address    = "address"
)

// Needs adds to who needs whom what people see.
func Needs(services map[string][]string) map[string][]string {
	services[frontProxy] = []string{"caddy", "sourcegraph-frontend"}
	services[search] = []string{"sourcegraph-frontend", "searcher", "zoekt-webserver", "gitserver"}
	services[address] = []string{frontProxy}
	return services
}

// frontChecks look at what people see.
var frontChecks = []*Check{
	{Code: "BERTH5050", Looks: "whether Sourcegraph answers through its front proxy", Needs: []Source{FromFrontProxy}, Symptoms: []string{"502", "Sourcegraph does not answer"}, find: unanswered, blind: unasked},
	{Code: "BERTH5051", Looks: "whether a search is answered", Needs: []Source{FromFrontProxy}, Symptoms: []string{"search fails"}, find: searchFails, blind: unsearched},
	{Code: "BERTH5052", Looks: "how long a search takes", Needs: []Source{FromFrontProxy}, Limit: &Limit{Warn: 3, Fail: 15, Unit: "seconds"}, Symptoms: []string{"search is slow"}, find: searchSlow, blind: unsearched},
	{Code: "BERTH5053", Looks: "whether the name of the url is found", Needs: []Source{FromCertificates}, Symptoms: []string{"Sourcegraph does not answer"}, find: unresolved},
	{Code: "BERTH5054", Looks: "until when the certificate is valid", Needs: []Source{FromCertificates}, Limit: &Limit{Warn: 21, Fail: 0, Unit: "days left"}, Symptoms: []string{"browsers warn about the certificate"}, find: expires, blind: unpresented},
	{Code: "BERTH5056", Looks: "whether the certificate is for the host of the url", Needs: []Source{FromCertificates}, Symptoms: []string{"browsers warn about the certificate"}, find: otherNames, blind: unpresented},
	{Code: "BERTH5057", Looks: "whether this machine trusts the certificate", Needs: []Source{FromCertificates}, Symptoms: []string{"browsers warn about the certificate"}, find: untrusted, blind: unpresented},
	{Code: "BERTH5058", Looks: "whether anything answers at the url", Needs: []Source{FromCertificates}, Symptoms: []string{"Sourcegraph does not answer"}, find: unreached, blind: unnamed},
	{Code: "BERTH5059", Looks: "whether a search is kept open for five minutes at the url", Needs: []Source{FromStream}, Named: true, Symptoms: []string{"search ends early"}, find: streamCut, blind: streamDone},
}

// streamDone says why nobody knows how long a search may take.
func streamDone(e *Evidence) string {
	switch s := e.Stream; {
	case s == nil:
		return "nobody held a search open"
	case s.Done:
		return fmt.Sprintf("Sourcegraph had searched everything after %.0f s; for so long nothing cut it", s.Seconds)
	}
	return ""
}

func streamCut(e *Evidence, c *Check) []*Finding {
	s := e.Stream
	if s == nil || s.Done || s.Said == "" {
		return nil
	}
	why := "the time limit of what is in front of Sourcegraph"
	if s.Silent > 10 { // Sourcegraph says something every five seconds
		why = "something in front of Sourcegraph that keeps answers back"
	}
	return []*Finding{c.found(address, diag.Error, fmt.Sprintf("a search was cut after %.0f s: %s", s.Seconds, why),
		"let your load balancer, Ingress or proxy keep connections open for 5 minutes, and not buffer answers", s.Said)}
}

func unasked(e *Evidence) string {
	if e.Front != nil && e.Front.At == "" {
		return "the front proxy is not reachable from here"
	}
	return ""
}

// unsearched says why no search was answered. That one fails is a finding of its own.
func unsearched(e *Evidence) string {
	switch f := e.Front; {
	case f == nil:
		return ""
	case f.SearchSaid != "":
		return "a search fails"
	case f.Searched == 401 || f.Searched == 403:
		return "a search needs a sign-in: put an access token into the variable SRC_ACCESS_TOKEN"
	case f.Searched == 0:
		return "berth could not search from here"
	}
	return ""
}

// unpresented says why no certificate was seen where there has to be one.
func unpresented(e *Evidence) string {
	if a := e.Address; a != nil && strings.HasPrefix(e.URL, "https://") && !a.TLS {
		return "no server at the url showed a certificate"
	}
	return ""
}

func unnamed(e *Evidence) string {
	if e.Address != nil && e.Address.Resolves != "" {
		return "the name of the url is not found"
	}
	return ""
}

func unanswered(e *Evidence, c *Check) []*Finding {
	if e.Front == nil || e.Front.Healthy || e.Front.At == "" {
		return nil
	}
	return []*Finding{c.found(frontProxy, diag.Error, "Sourcegraph does not answer at "+e.Front.At, "see which service is not ready: berth status")}
}

func searchFails(e *Evidence, c *Check) []*Finding {
	if e.Front == nil || e.Front.SearchSaid == "" {
		return nil
	}
	f := c.found(search, diag.Error, "a search fails", "see the logs of the frontend, searcher and zoekt-webserver", e.Front.SearchSaid)
	return []*Finding{f}
}

func searchSlow(e *Evidence, c *Check) []*Finding {
	if e.Front == nil || e.Front.Searched != 200 || e.Front.SearchSaid != "" {
		return nil
	}
	seconds := float64(e.Front.SearchTook) / 1000
	severity := c.Limit.severity(seconds)
	if severity == "" {
		return nil
	}
	return []*Finding{c.found(search, severity, fmt.Sprintf("a search for one result took %.1f s", seconds), "give zoekt-webserver, searcher and gitserver more cpu and memory: berth explain services")}
}

func unresolved(e *Evidence, c *Check) []*Finding {
	if e.Address == nil || e.Address.Resolves == "" {
		return nil
	}
	return []*Finding{c.found(address, diag.Warning, "the name "+e.Address.Host+" is not found from here", "add it to your DNS; if people's machines find it, mute this",
		e.Address.Resolves)}
}

func unreached(e *Evidence, c *Check) []*Finding {
	if e.Address == nil || e.Address.Connects == "" {
		return nil
	}
	return []*Finding{c.found(address, diag.Warning, "nothing answers at "+e.URL+" from here", "see the load balancer, the Ingress and the firewall in front of Sourcegraph",
		e.Address.Connects)}
}

func expires(e *Evidence, c *Check) []*Finding {
	if e.Address == nil || !e.Address.TLS {
		return nil
	}
	days := e.Address.Expires.Sub(e.Taken).Hours() / 24
	severity := c.Limit.severity(days)
	if severity == "" {
		return nil
	}
	when := fmt.Sprintf("the certificate of %s expires in %.0f days", e.Address.Host, days)
	if days <= 0 {
		when = fmt.Sprintf("the certificate of %s expired on %s", e.Address.Host, e.Address.Expires.Format("2006-01-02"))
	}
	return []*Finding{c.found(address, severity, when, "put a new certificate where tls in the config names it, then: berth up", "issued by "+e.Address.Issuer)}
}

func otherNames(e *Evidence, c *Check) []*Finding {
	if e.Address == nil || e.Address.Mismatch == "" {
		return nil
	}
	return []*Finding{c.found(address, diag.Error, "the certificate is not for "+e.Address.Host, "request one with this name among its subject alternative names",
		"its names: "+strings.Join(e.Address.Names, ", "), e.Address.Mismatch)}
}

func untrusted(e *Evidence, c *Check) []*Finding {
	if e.Address == nil || e.Address.Untrusted == "" || e.Address.Mismatch != "" || !e.Address.Expires.After(e.Taken) {
		return nil
	}
	return []*Finding{c.found(address, diag.Warning, "this machine does not trust the certificate of "+e.Address.Host, "serve the whole chain; if people's machines trust your private authority, mute this",
		e.Address.Untrusted)}
}
