package data

import (
	"cmp"
	"strings"

	"berth/internal/run"
)

// Session is a person's, or another program's, use of psql on one of the databases.
type Session struct {
	Database string // "pgsql"
	Write    bool   // transactions may write; otherwise they are read-only unless a statement switches that off
	Prompt   string // what stands before what is typed
}

// options are the settings of a session at the server. Nothing changes them for the connection by accident: not a script with its own BEGIN, and not \c.
func (s Session) options() string {
	options := "-c application_name=berth-psql"
	if !s.Write {
		options += " -c default_transaction_read_only=on"
	}
	return options
}

// open runs psql with the settings of the session, and passes its arguments on.
func (s Session) open() string {
	return "export PGOPTIONS='" + s.options() + "' PAGER=cat\nexec psql --no-psqlrc --set=PROMPT1=\"$0\" --set=PROMPT2=\"$0\" \"$@\""
}

// inside finds the database of its own container by the variables that its image is started with. The password does not become an argument.
const inside = `unset PGHOST PGPORT PGSERVICE PGHOSTADDR
PGUSER=${POSTGRES_USER:-postgres}
PGDATABASE=${POSTGRES_DB:-$PGUSER}
export PGUSER PGDATABASE
if [ -n "${POSTGRES_PASSWORD:-}" ]; then PGPASSWORD=$POSTGRES_PASSWORD; export PGPASSWORD; fi
`

// Inside is a session as a command in the container of a bundled database.
func (s Session) Inside(args ...string) []string {
	return append([]string{"/bin/sh", "-c", inside + s.open(), cmp.Or(s.Prompt, "=> ")}, args...)
}

// ready begins the line of a session's task that says where it runs.
const ready = "SESSION "

// Ready reports whether a line of a session's task says that commands can run in it, and in which container or pod that is.
func Ready(line string) (where string, ok bool) {
	return strings.CutPrefix(line, ready)
}

// Task is the task that a session with an external database runs in. It proves that the database answers, and ends by itself after some hours, should nobody
// remove it. It ends at once when it is stopped: the shell is the first program of its container, which ignores what it has no trap for.
func (s Session) Task(image Image, tag string) run.Task {
	return run.Task{Name: "psql" + tag, Identity: "psql", Image: image, As: "pgsql",
		Entry: script("use " + s.Database + " || exit 3\necho \"" + ready + "$(hostname)\"\ntrap 'exit 0' TERM\nsleep 28800 &\nwait\n"), Env: map[string]string{"WAIT": "10"}}
}

// Outside is a session as a command in its task.
func (s Session) Outside(args ...string) []string {
	return append([]string{"/bin/sh", "-c", shared + "use " + s.Database + " || exit 3\n" + s.open(), cmp.Or(s.Prompt, "=> ")}, args...)
}
