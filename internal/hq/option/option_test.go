package option

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"berth/catalogue"
	"berth/internal/support"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func example(t *testing.T) *Sheet {
	t.Helper()
	s, problems := Parse("example.yaml", []byte(Example))
	if problems.Failed() || !IsSheet([]byte(Example)) {
		t.Fatal(problems)
	}
	return s
}

// TestParse finds all that is wrong with a sheet.
func TestParse(t *testing.T) {
	text := strings.NewReplacer("weight: 3", "weight: -1", "{score: 4, evidence: [\"https://sourcegraph.com/docs/self-hosted/deploy\"], says: \"No fork of a repository.\"}", "{score: 6, evidence: []}",
		"practice: {score: 3", "nothing: {score: 3", "of: staff", "of: sales", "result: passed", "result: fine", "result: retired", "result: gone", "on: \"2026-02-25\"", "on: \"2020-02-25\"", "on: \"2026-10-01\"", "on: soon",
		"  wayOff:", "  says: nothing #", "stage: candidate, on: \"2026-11-29\", source:", "stage: beta, says:", "- id: single-binary", "- id: compose").Replace(Example)
	_, problems := Parse("x.yaml", []byte(text))
	var said strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&said, p.Summary)
	}
	for _, part := range []string{"criterion support-cost: its weight is below 0", "option kubernetes, score lessons: a score is from 0 to 5", "option kubernetes, score lessons: it has no evidence",
		"option compose, score nothing: there is no such criterion", `review: "sales" is not one`, `review: "soon" is not a day`, `proof: "fine" is not one`, `decision: "gone" is not one`, "2020-02-25 is before 2026-02-19",
		"option machine-images, life: end of life has no way off", "life: nothing was decided", `life, beta: "" is not an address`,
		"option compose: it appears twice"} {
		if !strings.Contains(said.String(), part) {
			t.Errorf("%q is not in:\n%s", part, said.String())
		}
	}
	for _, broken := range []string{"criteria: [", "criteria: []\nunknown: 1\n", "criteria: []\n"} {
		if _, problems := Parse("x.yaml", []byte(broken)); !problems.Failed() || problems[0].Code != "BERTH4950" {
			t.Errorf("%q is taken", broken)
		}
	}
}

// TestRank counts by hand: weights 2, 2, 2, 3 and 1.
func TestRank(t *testing.T) {
	var got []string
	for _, r := range example(t).Rank() {
		got = append(got, r.ID+" "+r.Place())
	}
	want := "kubernetes 4.00, compose 3.40, machine-images 1.70, single-binary not scored" // (8+10+10+9+3)/10, (6+6+6+12+4)/10, (2+4+4+6+1)/10
	if strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestSensitivity: the share at which another option is first is the one at which it gets as much.
func TestSensitivity(t *testing.T) {
	var cost Sensitivity
	all := example(t).Sensitivities()
	for _, s := range all {
		if s.Criterion == "support-cost" {
			cost = s
		}
	}
	// Without it Kubernetes has 31/7 and Compose 22/7: (9/7) / (9/7 + 1) = 0.5625.
	if want := "Kubernetes with Helm stays first unless Cost of support weighs more than 0.56; then Docker Compose on one machine is. It weighs 0.30."; cost.Says != want {
		t.Errorf("%s\nwant %s", cost.Says, want)
	}
	if len(all) != 5 || !strings.Contains(all[1].Says, "stays first, whatever Practice of the industry weighs") {
		t.Errorf("%+v", all)
	}
}

// TestSensitivityHolds tries shares on both sides of what is said, for any sheet.
func TestSensitivityHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Sheet{}
		n := rapid.IntRange(2, 4).Draw(t, "criteria")
		for c := range n {
			s.Criteria = append(s.Criteria, Criterion{ID: fmt.Sprint("c", c), Title: fmt.Sprint("c", c), Weight: float64(rapid.IntRange(1, 5).Draw(t, "weight"))})
		}
		for o := range rapid.IntRange(2, 4).Draw(t, "options") {
			of := Option{ID: fmt.Sprint("o", o), Title: fmt.Sprint("o", o), Scores: map[string]Score{}}
			for c := range n {
				of.Scores[fmt.Sprint("c", c)] = Score{Score: float64(rapid.IntRange(0, 5).Draw(t, "score"))}
			}
			s.Options = append(s.Options, of)
		}
		first := s.Rank()[0].ID
		for at, said := range s.Sensitivities() {
			for _, share := range []float64{0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99} {
				rest := 0.0
				for c := range s.Criteria {
					if c != at {
						rest += s.Criteria[c].Weight
					}
				}
				moved := &Sheet{Criteria: append([]Criterion{}, s.Criteria...), Options: s.Options}
				moved.Criteria[at].Weight = share / (1 - share) * rest
				ranked := moved.Rank()
				tops := map[string]float64{}
				for _, r := range ranked {
					tops[r.ID] = r.Total
				}
				const close = 1e-9
				holds := ranked[0].Total-tops[first] < close
				within := (said.First == "" || share > said.Below-close) && (said.Other == "" || share < said.Above+close)
				outside := said.First != "" && share < said.Below-close || said.Other != "" && share > said.Above+close
				if within && !holds || outside && holds {
					t.Fatalf("%s at %.2f: first holds: %v\n%+v", said.Criterion, share, holds, said)
				}
			}
		}
	})
}

// TestLife: the lives of a sheet are a record that berth answers from.
func TestLife(t *testing.T) {
	s := example(t)
	for day, want := range map[string]string{"2022-09-30": "imagined", "2022-10-01": "supported", "2026-02-24": "deprecated", "2026-02-25": "end of life"} {
		if got := s.Options[2].Phase(day); got != want {
			t.Errorf("%s: %s, want %s", day, got, want)
		}
	}
	text, err := s.Record(now)
	if err != nil {
		t.Fatal(err)
	}
	record, err := catalogue.ParseSupportRecord(text)
	if err != nil || record.Read != "2026-11-29" {
		t.Fatalf("%v\n%s", err, text)
	}
	var got []string
	for _, subject := range record.Subjects {
		for _, st := range subject.Life {
			got = append(got, fmt.Sprintf("%s %s %s %s", subject.ID, subject.Is, st.Stage, st.When()))
			if !strings.HasPrefix(st.Source, "https://") || st.Says == "" || st.Read != "2026-11-29" || len(subject.Words) == 0 || st.Stage.Ends() && subject.WayOff == nil {
				t.Errorf("%+v", st)
			}
		}
	}
	if want := "kubernetes option beta 2022-04, kubernetes option supported 2022-05, compose option supported 2019-10, machine-images option supported 2022-10, machine-images option deprecated 2026-02-19, " +
		"machine-images option end of life 2026-02-25, with 7.0, single-binary option candidate 2026-11-29"; strings.Join(got, ", ") != want {
		t.Error(got)
	}
	r := support.New(record, catalogue.Embedded().Sizing(), "7.5.4453", []string{"7.5"}, "2026-11-29")
	for question, want := range map[string]support.Verdict{"helm": support.Yes, "machine images": support.No, "single-binary": support.NeedsOne} {
		if a := r.Ask(question, ""); a.Verdict != want {
			t.Errorf("a record of the sheet says of %s: %s, want %s", question, a.Verdict, want)
		}
	}
	var csv strings.Builder
	if err := s.WriteCSV(&csv, now); err != nil || !strings.Contains(csv.String(), "compose,Docker Compose on one machine,3.40,supported,true,3,3,3,4,4\n") {
		t.Errorf("%v\n%s", err, csv.String())
	}
}
