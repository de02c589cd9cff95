package data

import (
	"context"
	_ "embed" // the script
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/internal/run"
)

//go:embed scripts/reach.sh
var reachScript string

// Reached is how a database of the admin's own answers.
type Reached struct {
	Name    string   `json:"name"`    // "pgsql"
	Why     string   `json:"why"`     // it does not answer, in the words of psql; "": it does
	Server  int      `json:"server"`  // server_version_num: 160004
	Create  bool     `json:"create"`  // its user may create tables
	Owner   string   `json:"owner"`   // of tables there that the user may not change; "": there are none
	Absent  []string `json:"absent"`  // extensions that the server does not have
	Refused []string `json:"refused"` // extensions that only a superuser may create there
}

// Major is the server's major release: 16.
func (r Reached) Major() int { return r.Server / 10000 }

// patience is how long a database that should be there may take to answer.
const patience = 6 * time.Second

// Reach asks databases of the admin's own whether they answer, and what their user may do. wanted are the extensions that they need, by database.
// Nothing of the installation need be there.
func (w *Worker) Reach(ctx context.Context, image Image, wanted map[string][]string) ([]Reached, error) {
	return w.reach(ctx, image, wanted, patience)
}

func (w *Worker) reach(ctx context.Context, image Image, wanted map[string][]string, wait time.Duration) (found []Reached, err error) {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		items = append(items, name+":"+strings.Join(wanted[name], ","))
	}
	t := run.Task{Env: map[string]string{"ASK": strings.Join(items, " ")}, Alone: true}
	err = w.askBy(ctx, t, image, "reach", reachScript, wait, func(string) {}, func(kind, text string) error {
		var r Reached
		if kind != "reach" {
			return nil
		}
		err := json.Unmarshal([]byte(text), &r)
		found = append(found, r)
		return err
	})
	return found, err
}
