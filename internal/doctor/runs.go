package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
)

// runChecks look at berth's own runs, and at what the config asks for.
var runChecks = []*Check{
	{Code: "BERTH5078", Looks: "known faults of the release that runs, where what they need holds here: target, config, databases, lines of logs", Needs: []Source{FromServices, FromLogs}, find: notices},
	{Code: "BERTH5079", Looks: "whether Sourcegraph supports the release that runs", Needs: []Source{FromServices}, Symptoms: []string{"Sourcegraph's support says to upgrade first"}, find: supported},
	{Code: "BERTH5080", Looks: "how berth's last run ended", Needs: []Source{FromHistory}, Symptoms: []string{"upgrade stuck"}, find: lastRun},
	{Code: "BERTH5081", Looks: "the mutes in the config", Needs: []Source{FromConfig}, find: mutesWithoutEffect},
	{Code: "BERTH5083", Looks: "when berth made the last backup, where the config says where backups go", Needs: []Source{FromHistory}, Limit: &Limit{Warn: 7, Fail: 60, Unit: "days since the last backup"}, find: oldBackup},
	{Code: "BERTH5082", Looks: "whether what runs matches the config", Needs: []Source{FromRelease, FromPlan}, find: undeployed},
}

// placeChecks are what other parts of berth look at, by themselves.
var placeChecks = []*Check{
	{Code: "BERTH5090", Looks: "whether the Docker Engine or the cluster answers", Needs: []Source{FromTarget}, Strict: true, Passes: "BERTH2*", Symptoms: []string{"berth can't reach the Docker Engine", "berth can't reach the cluster"},
		find: func(e *Evidence, c *Check) []*Finding { return c.reached(e) }},
	{Code: "BERTH5091", Looks: "the config, as berth check does", Needs: []Source{FromConfig}, Passes: "BERTH1*",
		find: func(e *Evidence, c *Check) []*Finding { return c.passed(e, e.Config) }},
	{Code: "BERTH5094", Looks: "whether the support record, or an exception from it, covers the config", Needs: []Source{FromConfig}, Passes: "BERTH48*", Symptoms: []string{"Sourcegraph's support says that it is not supported"},
		find: func(e *Evidence, c *Check) []*Finding { return c.passed(e, e.Beside) }},
	{Code: "BERTH5092", Looks: "host or cluster, as berth check does: versions, cores, memory, disk, ports, kernel, rights, storage classes", Needs: []Source{FromPlace}, Passes: "BERTH2*", Symptoms: []string{"search crashes with: cannot allocate memory"},
		find: func(e *Evidence, c *Check) []*Finding { return c.passed(e, e.Place) }},
	{Code: "BERTH5093", Looks: "the release of containers and databases, as berth upgrade does", Needs: []Source{FromRelease}, Passes: "BERTH37*", Symptoms: []string{"upgrade stuck"},
		find: func(e *Evidence, c *Check) []*Finding { return c.passed(e, e.Stands) }},
}

// reached passes on why the target does not answer.
func (c *Check) reached(e *Evidence) []*Finding {
	if len(e.Reach) > 0 {
		return c.passed(e, e.Reach)
	}
	if u, unseen := e.Unseen[FromTarget]; unseen && e.Target != "" { // without a config nobody asked it
		return []*Finding{c.found("target", diag.Error, "the Docker Engine or the cluster does not answer", "see that it runs, and that you may reach it", u.Why)}
	}
	return nil
}

func lastRun(e *Evidence, c *Check) []*Finding {
	r := e.LastRun
	if r == nil || r.Well {
		return nil
	}
	hint := "see what it did: berth history"
	if r.Next != "" {
		hint = "continue it: berth " + r.Next
	}
	f := c.found("berth", diag.Warning, fmt.Sprintf("the last run, %s, has been %s since %s", r.What, r.Result, r.Started.Format(time.DateTime)), hint)
	switch r.Next {
	case "up":
		f.by(Deploy)
	case "doctor --fix":
		f.by(Resume)
	}
	return []*Finding{f}
}

func oldBackup(e *Evidence, c *Check) []*Finding {
	b := e.Backups
	if b == nil {
		return nil
	}
	last, said := b.Last, "the last backup was made"
	if last.IsZero() {
		last, said = b.Since, "no backup was made since the first deployment,"
	}
	days := e.Taken.Sub(last).Hours() / 24
	severity := c.Limit.severity(days)
	if severity == "" {
		return nil
	}
	return []*Finding{c.found("berth", severity, fmt.Sprintf("%s %.0f days ago", said, days), "make one: berth backup", "to "+b.To)}
}

// mutesWithoutEffect: somebody who mutes a finding believes that it is muted.
func mutesWithoutEffect(e *Evidence, c *Check) (out []*Finding) {
	for _, m := range e.Mutes {
		strict := slices.ContainsFunc(seen, func(other *Check) bool { return other.Strict && other.Code == m.Code })
		f := c.found("config", diag.Warning, "", "remove it from  doctor.mute  in the config")
		switch {
		case strict:
			f.Problem.Summary = m.Code + " can't be muted, because data is in danger"
		case !e.Taken.Before(m.Until):
			f.Problem.Summary = fmt.Sprintf("the mute of %s has expired: %s", m.Code, m.Reason)
			f.Problem.Hint = "fix the cause and remove it from  doctor.mute,  or set another day"
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// seen are the checks of what runs.
var seen = slices.Concat(placeChecks, serviceChecks, figureChecks, volumeChecks, databaseChecks, redisChecks, objectChecks, logChecks, frontChecks)

// notices are known faults of a release, as the catalogue has them.
func notices(e *Evidence, c *Check) (out []*Finding) {
	for _, n := range e.Notices {
		if n.Use == catalogue.AnyUse {
			out = append(out, c.found("release", diag.Warning, "release "+e.Release+" has a known fault; use "+n.Instead, "upgrade with: berth upgrade --to "+n.Instead, n.Reason, n.Source))
		}
	}
	for _, i := range e.Issues {
		detail := []string{i.Says, i.Source}
		if i.When.Log != "" {
			instance, line := e.shows(i.When.Log)
			if line == "" {
				continue
			}
			detail = append(detail, instance+" wrote:", "  "+line)
		}
		f := c.found("release", diag.Warning, "known issue of "+e.Release+": "+i.Title, i.Do, detail...)
		f.Problem.Subject = i.ID
		out = append(out, f)
	}
	return out
}

// shows is the last line of a log that a pattern fits, and whose log it is.
func (e *Evidence) shows(pattern string) (instance, line string) {
	p, err := regexp.Compile(pattern)
	if err != nil {
		return "", "" // a list with it is refused
	}
	for _, l := range e.Logs {
		for _, text := range l.Lines {
			if at := p.FindStringIndex(text); at != nil {
				instance, line = l.Instance, around(text, at[0])
			}
		}
	}
	return instance, line
}

func supported(e *Evidence, c *Check) []*Finding {
	if e.Support == "" || e.Support == "supported" {
		return nil
	}
	return []*Finding{c.found("release", diag.Warning, "release "+e.Release+" no longer gets fixes: "+e.Support, "see the upgrade steps: berth upgrade path")}
}

// putBack is what to do about what somebody changed by hand.
const putBack = "put it back: berth up"

// undeployed are the changes of the config that nobody deployed, and what others changed of objects. Of a service whose pods do not start the
// cluster's reason has that already.
func undeployed(e *Evidence, c *Check) (out []*Finding) {
	if len(e.Pending) > 0 {
		out = append(out, c.found("config", diag.Warning, counted(len(e.Pending), "step is", "steps are")+" between what runs and what the config asks for", "see what they do: berth plan", few(e.Pending, 6)...))
	}
	for _, d := range e.Altered {
		if e.explains(d.Service) {
			continue
		}
		f := c.found(d.Service, diag.Warning, d.Said, putBack)
		f.Problem.Subject = d.Object
		out = append(out, f)
	}
	return out
}

func few(lines []string, most int) []string {
	if n := len(lines) - most; n > 0 {
		return append(lines[:most:most], fmt.Sprintf("and %d more", n))
	}
	return lines
}
