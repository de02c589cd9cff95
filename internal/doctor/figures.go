package doctor

import "fmt"

// Figures of services that Prometheus has, by the names of Evidence.Figures.
const (
	GitEcho      = "gitserver echo"       // seconds that the shortest command takes in gitserver, as a rule
	ZoektRefuses = "zoekt watchdog error" // searches in a row that zoekt did not answer to its own watchdog
)

// figureChecks look at what services say of themselves to Prometheus.
var figureChecks = []*Check{
	{Code: "BERTH5015", Looks: "how long the shortest command takes in gitserver (`src_gitserver_echo_duration_seconds`), the median of the last five minutes", Needs: []Source{FromFigures},
		Limit: &Limit{Warn: 0.1, Fail: 1, Unit: "seconds"}, Symptoms: []string{"search is slow", "everything is slow"}, find: slowGit, blind: noFigure(GitEcho)},
	{Code: "BERTH5016", Looks: "whether zoekt answers its own watchdog (`zoekt_webserver_watchdog_errors`)", Needs: []Source{FromFigures},
		Limit: &Limit{Warn: 1, Fail: 2, Unit: "failures in a row"}, Symptoms: []string{"search fails", "a service restarts repeatedly"}, find: watchdog, blind: noFigure(ZoektRefuses)},
}

// noFigure says that Prometheus does not have a figure.
func noFigure(name string) func(*Evidence) string {
	return func(e *Evidence) string {
		if _, ok := e.Figures[name]; !ok {
			return "Prometheus has no figure of it"
		}
		return ""
	}
}

func slowGit(e *Evidence, c *Check) []*Finding {
	seconds, ok := e.Figures[GitEcho]
	severity := c.Limit.severity(seconds)
	if !ok || severity == "" {
		return nil
	}
	return []*Finding{c.found("gitserver", severity, fmt.Sprintf("the shortest command takes %.2g s in it", seconds),
		"give gitserver more cpu or a faster disk, or add another one with services.gitserver.replicas; what it uses: berth top")}
}

func watchdog(e *Evidence, c *Check) []*Finding {
	failed, ok := e.Figures[ZoektRefuses]
	severity := c.Limit.severity(failed)
	if !ok || severity == "" {
		return nil
	}
	return []*Finding{c.found("zoekt-webserver", severity, "it did not answer its own watchdog "+counted(int(failed), "time", "times")+" in a row",
		"give zoekt-webserver more cpu: services.zoekt-webserver.cpu; what it uses: berth top", "after three failures in a row zoekt ends itself, and starts again")}
}
