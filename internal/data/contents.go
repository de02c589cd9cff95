package data

import (
	"context"
	_ "embed" // the script
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"berth/internal/run"
)

//go:embed scripts/contents.sh
var contentsScript string

// Contents is what databases hold.
type Contents struct {
	Objects int               // tables and views, but for those of extensions
	Tables  map[string]string // rows and the sum of their hashes, by "pgsql.public.users": "12 -" where no sum was asked for
}

// Contents counts what the databases hold. sums are tables whose contents are added up, too, as "pgsql.users".
func (w *Worker) Contents(ctx context.Context, image Image, sums []string) (*Contents, error) {
	c := &Contents{Tables: map[string]string{}}
	t := run.Task{Env: map[string]string{"SUMS": strings.Join(sums, " ")}}
	return c, w.askBy(ctx, t, image, "contents", contentsScript, time.Minute, func(string) {}, c.take)
}

// take takes one fact of what databases hold.
func (c *Contents) take(kind, text string) error {
	switch kind {
	case "holds":
		n := 0
		err := json.Unmarshal([]byte(text), &n)
		c.Objects += n
		return err
	case "rows":
		// A table's name may have spaces; the number and the sum after it have none.
		fields := strings.Split(text, " ")
		if len(fields) < 3 {
			return fmt.Errorf("%q is no table with its rows", text)
		}
		at := len(fields) - 2
		c.Tables[strings.Join(fields[:at], " ")] = strings.Join(fields[at:], " ")
	}
	return nil
}

// Changed names the tables that are not as they were, of those that some list has first and then of all others, as "pgsql.public.users: 12 rows, 14 now".
func Changed(before, now map[string]string, known []string) (listed []string, others int) {
	for _, name := range known {
		database, table, _ := strings.Cut(name, ".")
		full := database + ".public." + table
		was, is := before[full], now[full]
		if was == is {
			continue
		}
		rows := func(text string) string { n, _, _ := strings.Cut(text, " "); return n }
		if rows(was) == rows(is) {
			listed = append(listed, fmt.Sprintf("%s: %s rows, some with other contents", name, rows(is)))
		} else {
			listed = append(listed, fmt.Sprintf("%s: %s rows then, %s now", name, rows(was), rows(is)))
		}
	}
	for full, is := range now {
		if before[full] != is {
			others++
		}
	}
	for full := range before {
		if _, there := now[full]; !there {
			others++
		}
	}
	return listed, others - len(listed)
}
