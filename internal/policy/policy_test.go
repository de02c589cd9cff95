package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/upgrade"
	"berth/internal/window"
	"pgregory.net/rapid"
)

func policy(t *testing.T, automatic Automatic, text string) Policy {
	t.Helper()
	w, err := window.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return Policy{Automatic: automatic, Window: w}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReleases(t *testing.T) {
	offered := []string{"7.6.0", "7.5.4453", "7.5.1", "7.4.3", "7.4.0", "6.12.5040", "6.12.1"}
	for installed, want := range map[string]string{
		"7.6.0":     "",
		"7.5.4453":  "7.6.0",
		"7.5.1":     "7.6.0 7.5.4453",
		"7.4.0":     "7.6.0 7.5.4453 7.4.3",
		"7.4.3":     "7.6.0 7.5.4453",
		"6.12.5040": "7.6.0 7.4.3",
		"6.12.1":    "7.6.0 7.4.3 6.12.5040",
		"8.0.0":     "",
	} {
		slices.Reverse(offered) // the order does not matter
		if got := strings.Join(Releases(offered, installed), " "); got != want {
			t.Errorf("%s: %q, want %q", installed, got, want)
		}
	}
}

func hop(to string, kind plan.Kind) Candidate {
	return Candidate{Release: to, Way: upgrade.Way{To: to, Hops: []plan.Hop{{To: to, Kind: kind}}}}
}

func TestChoose(t *testing.T) {
	patch, minor, far := hop("7.4.3", plan.Patch), hop("7.5.4453", plan.Standard), hop("7.6.0", plan.MultiVersion)
	with := func(c Candidate, change func(*Candidate)) Candidate {
		c.Way.Hops = slices.Clone(c.Way.Hops)
		change(&c)
		return c
	}
	lossy := with(minor, func(c *Candidate) { c.Way.Hops[0].Irreversible = []string{"The LSIF index data becomes SCIP"} })
	manual := with(minor, func(c *Candidate) { c.Way.Hops[0].ByHand = []plan.Reason{{Text: "Move the volume"}} })
	ends := with(minor, func(c *Candidate) { c.Way.Then = "Upgrade your Postgres" })
	long := with(far, func(c *Candidate) { c.Way.Hops = append(c.Way.Hops, c.Way.Hops[0]) })
	refused := with(far, func(c *Candidate) {
		c.Refused = diag.List{{Code: "BERTH3756", Severity: diag.Error, Summary: "your own Postgres is to be upgraded"}}
	})
	for _, c := range []struct {
		name       string
		automatic  Automatic
		candidates []Candidate
		rolledBack []string
		pick, held string
	}{
		{"nothing newer", Minor, nil, nil, "", "nothing"},
		{"off", Off, []Candidate{minor, patch}, nil, "", "7.5.4453 waits for you: upgrades.automatic is off"},
		{"no policy is off", "", []Candidate{patch}, nil, "", "7.4.3 waits for you: upgrades.automatic is off"},
		{"patch", Patch, []Candidate{patch}, nil, "7.4.3", "nothing"},
		{"patch never goes to another minor", Patch, []Candidate{minor}, nil, "", "7.5.4453 waits for you: it is another minor release, and upgrades.automatic is patch"},
		{"patch, while a minor waits", Patch, []Candidate{minor, patch}, nil, "7.4.3", "7.5.4453 waits for you: it is another minor release, and upgrades.automatic is patch"},
		{"minor", Minor, []Candidate{minor, patch}, nil, "7.5.4453", "nothing"},
		{"minor, one at a time", Minor, []Candidate{far, minor, patch}, nil, "7.5.4453", "7.6.0 waits for you: Sourcegraph does not answer meanwhile (multi-version)"},
		{"minor, never several hops", Minor, []Candidate{long}, nil, "", "7.6.0 waits for you: it takes 2 upgrade steps"},
		{"what can't be undone", Minor, []Candidate{lossy, patch}, nil, "7.4.3", "7.5.4453 waits for you: only a backup can undo it (The LSIF index data becomes SCIP)"},
		{"work by hand", Minor, []Candidate{manual}, nil, "", "7.5.4453 waits for you: it needs manual work: Move the volume"},
		{"a way that ends before", Minor, []Candidate{ends}, nil, "", "7.5.4453 waits for you: Upgrade your Postgres"},
		{"no way", Minor, []Candidate{refused, patch}, nil, "7.4.3", "7.6.0 is not possible: BERTH3756: your own Postgres is to be upgraded"},
		{"somebody went back", Minor, []Candidate{minor}, []string{"7.5.4453"}, "", "7.5.4453 waits for you: it was rolled back; to try it again: berth upgrade --to 7.5.4453"},
		{"somebody went back from an older one", Minor, []Candidate{minor}, []string{"7.5.1"}, "7.5.4453", "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pick, held := Policy{Automatic: c.automatic}.Choose(c.candidates, c.rolledBack)
			got := ""
			if pick != nil {
				got = pick.Release
			}
			reported := "nothing"
			if held.Action != Nothing {
				reported = held.String()
			}
			if got != c.pick || reported != c.held {
				t.Errorf("picks %q, and says %q", got, reported)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	const sunday = "Sun 02:00-05:00 Europe/Berlin"
	warning := diag.List{{Code: "BERTH3709", Severity: diag.Warning, Summary: "background migration 7 is at 20 %"}}
	drift := diag.List{warning[0], {Code: "BERTH3708", Severity: diag.Error, Summary: "the schema of frontend is dirty"}}
	for _, c := range []struct {
		name, window, now string
		u                 Checked
		want              string
		opens             string
	}{
		{"open", sunday, "2026-11-29T02:00:00+01:00", Checked{Takes: 3 * time.Hour}, "the upgrade to 7.6.0 starts", ""},
		{"closed", sunday, "2026-11-23T12:00:00Z", Checked{Takes: time.Hour}, "7.6.0 waits for the window " + sunday, "2026-11-29T02:00:00+01:00"},
		{"just closed", sunday, "2026-11-29T05:00:00+01:00", Checked{Takes: time.Minute}, "7.6.0 waits for the window " + sunday, "2026-12-06T02:00:00+01:00"},
		{"too late in the window", sunday, "2026-11-29T04:30:00+01:00", Checked{Takes: 40 * time.Minute},
			"7.6.0 waits for the window " + sunday + ": it takes about 40m, and this one closes in 30m", "2026-12-06T02:00:00+01:00"},
		{"too long for any, from outside", sunday, "2026-11-23T12:00:00Z", Checked{Takes: 4 * time.Hour}, "7.6.0 waits for you: the window " + sunday + " is too short for it: it takes about 4h0m", ""},
		{"too long for any, from inside", sunday, "2026-11-29T04:30:00+01:00", Checked{Takes: 4 * time.Hour}, "7.6.0 waits for you: the window " + sunday + " is too short for it: it takes about 4h0m", ""},
		{"the clock goes forward: an hour less", sunday, "2026-03-29T01:59:00+01:00", Checked{Takes: 150 * time.Minute}, "7.6.0 waits for you: the window " + sunday + " is too short for it: it takes about 2h30m", ""},
		{"the clock is put back: an hour more", sunday, "2026-10-25T02:00:00+02:00", Checked{Takes: 4 * time.Hour}, "the upgrade to 7.6.0 starts", ""},
		{"over midnight, after it", "Sat 23:00-03:00 UTC", "2026-11-29T01:00:00Z", Checked{Takes: 2 * time.Hour}, "the upgrade to 7.6.0 starts", ""},
		{"over midnight, on another night", "Sat 23:00-03:00 UTC", "2026-11-28T01:00:00Z", Checked{Takes: time.Hour}, "7.6.0 waits for the window Sat 23:00-03:00 UTC", "2026-11-28T23:00:00Z"},
		{"a warning", sunday, "2026-11-29T02:00:00+01:00", Checked{Problems: warning}, "7.6.0 waits for you: BERTH3709: background migration 7 is at 20 %", ""},
		{"a problem", sunday, "2026-11-29T02:00:00+01:00", Checked{Problems: drift}, "7.6.0 is not possible: BERTH3708: the schema of frontend is dirty (and 1 more)", ""},
		{"an edit", sunday, "2026-11-29T02:00:00+01:00", Checked{Edits: []string{"takes tracing.jaeger out"}}, "7.6.0 waits for you: it changes your file: takes tracing.jaeger out", ""},
		{"the admin's own change", sunday, "2026-11-29T02:00:00+01:00", Checked{Pending: "3 steps of your file were not carried out: berth plan"}, "7.6.0 waits for you: 3 steps of your file were not carried out: berth plan", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.u.To = "7.6.0"
			d := policy(t, Minor, c.window).Decide(at(t, c.now), c.u)
			if d.String() != c.want {
				t.Errorf("says %q", d)
			}
			if opens := d.Opens; c.opens == "" != opens.IsZero() || c.opens != "" && !opens.Equal(at(t, c.opens)) {
				t.Errorf("the window opens %s", opens)
			}
		})
	}
}

func TestGoOn(t *testing.T) {
	const sunday = "Sun 02:00-05:00 UTC"
	inside, outside := "2026-11-29T02:00:00Z", "2026-11-29T05:10:00Z"
	failed := diag.List{{Code: "BERTH3702", Severity: diag.Error, Summary: "drift"}}
	for _, c := range []struct {
		name      string
		automatic Automatic
		now       string
		u         Unfinished
		want      string
	}{
		{"its own, interrupted", Minor, inside, Unfinished{Ours: true, Kind: plan.Standard}, "the upgrade to 7.6.0 continues"},
		{"its own, and the window closed before anything was changed", Minor, outside, Unfinished{Ours: true, Kind: plan.Standard}, "7.6.0 waits for the window " + sunday},
		{"its own, and the window closed in the middle", Minor, outside, Unfinished{Ours: true, Kind: plan.Standard, Touched: true, Takes: time.Hour}, "the upgrade to 7.6.0 continues"},
		{"its own, and too late", Minor, inside, Unfinished{Ours: true, Kind: plan.Standard, Takes: 4 * time.Hour}, "7.6.0 waits for you: the window " + sunday + " is too short for it: it takes about 4h0m"},
		{"somebody else's", Minor, inside, Unfinished{Kind: plan.Standard, Touched: true, Where: "hop 1 of 1"}, "7.6.0 waits for you: somebody else started it: hop 1 of 1"},
		{"its own, but it failed", Minor, inside, Unfinished{Ours: true, Kind: plan.Standard, Touched: true, Problems: failed}, "7.6.0 waits for you: the upgrade can't continue: BERTH3702: drift"},
		{"its own, on the way back", Minor, inside, Unfinished{Ours: true, Kind: plan.Standard, Returning: true}, "7.6.0 waits for you: it is being rolled back; continue with: berth rollback"},
		{"the policy was taken back", Off, inside, Unfinished{Ours: true, Kind: plan.Patch, Touched: true}, "7.6.0 waits for you: it was started, but upgrades.automatic is off now"},
		{"the policy was narrowed", Patch, inside, Unfinished{Ours: true, Kind: plan.Standard}, "7.6.0 waits for you: it was started, but it is another minor release, and upgrades.automatic is patch now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.u.To = "7.6.0"
			if d := policy(t, c.automatic, sunday).Continue(at(t, c.now), c.u); d.String() != c.want {
				t.Errorf("says %q", d)
			}
		})
	}
}

// TestPicksOneSafeStep checks the policy on the real catalogue: from any release it picks one upgrade step to a patch or to the next minor release,
// without manual work or advice.
func TestPicksOneSafeStep(t *testing.T) {
	c := catalogue.Embedded()
	offered := map[catalogue.Target][]string{}
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		for _, v := range c.Versions(target) {
			if v.Offered(target) {
				offered[target] = append(offered[target], v.Version)
			}
		}
	}
	picked := 0
	rapid.Check(t, func(rt *rapid.T) {
		target := rapid.SampledFrom([]catalogue.Target{catalogue.Compose, catalogue.Kubernetes}).Draw(rt, "target")
		installed := rapid.SampledFrom(offered[target]).Draw(rt, "installed")
		automatic := rapid.SampledFrom([]Automatic{Off, Patch, Minor}).Draw(rt, "automatic")
		facts := upgrade.Facts{External: rapid.Bool().Draw(rt, "external"), Postgres: rapid.SampledFrom([]int{0, 12, 16}).Draw(rt, "postgres")}
		var candidates []Candidate
		for _, r := range Releases(offered[target], installed) {
			way, refused := upgrade.Path(c, upgrade.Request{From: installed, To: r, Target: target, Facts: facts})
			candidates = append(candidates, Candidate{Release: r, Way: way, Refused: refused})
		}
		pick, held := Policy{Automatic: automatic}.Choose(candidates, nil)
		if pick == nil {
			if len(candidates) > 0 && held.Reason == "" {
				rt.Fatal("there is something newer, and no reason not to go there")
			}
			return
		}
		picked++
		h := pick.Way.Hops[0]
		if automatic == Off || automatic == Patch && catalogue.Minor(pick.Release) != catalogue.Minor(installed) ||
			len(pick.Way.Hops) != 1 || h.To != pick.Release || h.Kind == plan.MultiVersion || len(h.Irreversible)+len(h.ByHand) > 0 || h.ConvertsPostgres {
			rt.Fatalf("%s: from %s to %+v", automatic, installed, pick.Way)
		}
	})
	if picked == 0 {
		t.Error("nothing was ever picked")
	}
}
