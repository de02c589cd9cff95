package data

import (
	"context"
	"fmt"
	"strings"

	"berth/internal/run"
)

// Silent is a database that does not answer, in the words of psql.
type Silent struct{ Why string }

func (s *Silent) Error() string { return s.Why }

// Query runs statements in one of the databases, wherever it is, and gives the lines that psql prints. Its transactions are read-only. A statement that fails
// stops none of the others; its error is among the lines. The task leaves nothing.
func (w *Worker) Query(ctx context.Context, image Image, database, statements string) ([]string, error) {
	t := run.Task{Name: "look-" + database + w.Tag, Identity: "look", Image: image, As: "pgsql", Env: map[string]string{"WAIT": "3", "DATABASE": database, "PGCONNECT_TIMEOUT": "3"},
		Entry: script("use \"$DATABASE\" || exit 3\nexport PGOPTIONS='-c default_transaction_read_only=on -c statement_timeout=3000 -c client_min_messages=error'\n" +
			"psql --no-psqlrc --quiet --no-align --tuples-only 2>&1 <<'SQL'\n" + statements + "\nSQL\n")}
	lines, exit, err := w.fresh(ctx, t, func(string) {})
	if forgotten := w.Tasks.Forget(context.WithoutCancel(ctx), t.Name); err == nil {
		err = forgotten
	}
	switch said := strings.Join(strings.Fields(strings.Join(lines, " ")), " "); {
	case err != nil:
		return nil, err
	case exit == 3:
		return nil, &Silent{strings.TrimPrefix(said, database+" does not answer: ")}
	case exit != 0:
		return nil, fmt.Errorf("%s ended with exit code %d: %.200s", t.Name, exit, said)
	}
	return lines, nil
}
