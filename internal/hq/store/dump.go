package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/internal/diag"
)

// Dump is what was read of a database in one moment.
type Dump struct {
	Schema int
	Server int              // server_version_num: 160004
	Bytes  int64            // that it has on disk
	Rows   map[string]int64 // by table
}

// chunk is about how many bytes of a table are one file of a dump.
const chunk = 8 << 20

// tables are all tables with data that is kept. Sessions are not: people sign in again.
const tables = `SELECT relname, (SELECT array_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
	FROM pg_class c WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('schema', 'sessions') ORDER BY relname`

// table is a table with its columns, whose order may differ in another database of the same schema.
type table struct {
	Name    string
	Columns []string
}

// columnsFile is the file of a dump with the columns of a table.
const columnsFile = "columns"

// Dump writes all tables to a tar archive, as they are at one moment: of each table a file with its columns, and files in the text form of COPY, which psql reads
// too. Reports may come in meanwhile.
func (s *Store) Dump(ctx context.Context, out io.Writer) (d Dump, err error) {
	d.Rows = map[string]int64{}
	archive := tar.NewWriter(out)
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		const what = `SELECT number, current_setting('server_version_num')::int, pg_database_size(current_database()) FROM schema`
		if err := tx.QueryRow(ctx, what).Scan(&d.Schema, &d.Server, &d.Bytes); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, tables)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
		if err != nil {
			return err
		}
		for _, t := range all {
			w := &chunks{archive: archive, table: t.Name}
			columns := strings.Join(t.Columns, ", ")
			if err := w.file(columnsFile, []byte(columns)); err != nil {
				return err
			}
			done, err := tx.Conn().PgConn().CopyTo(ctx, w, copying(t.Name, columns, "TO STDOUT"))
			if err := errors.Join(err, w.flush()); err != nil {
				return fmt.Errorf("read %s: %w", t.Name, err)
			}
			d.Rows[t.Name] = done.RowsAffected()
		}
		return nil
	})
	return d, errors.Join(err, archive.Close())
}

func copying(table, columns, how string) string {
	return fmt.Sprintf("COPY %s (%s) %s", pgx.Identifier{table}.Sanitize(), columns, how)
}

// chunks writes a table as files of an archive, which have to say their size before.
type chunks struct {
	archive *tar.Writer
	table   string
	n       int
	rows    bytes.Buffer
}

// Write takes a row.
func (c *chunks) Write(row []byte) (int, error) {
	c.rows.Write(row)
	if c.rows.Len() < chunk {
		return len(row), nil
	}
	return len(row), c.flush()
}

func (c *chunks) flush() error {
	if c.rows.Len() == 0 {
		return nil
	}
	c.n++
	err := c.file(fmt.Sprintf("%06d", c.n), c.rows.Bytes())
	c.rows.Reset()
	return err
}

func (c *chunks) file(name string, text []byte) error {
	if err := c.archive.WriteHeader(&tar.Header{Name: c.table + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	_, err := c.archive.Write(text)
	return err
}

// Load writes a dump to an empty database, whole or not at all, and leaves it with the schema of the dump.
func (s *Store) Load(ctx context.Context, d Dump, in func(take func(io.Reader) error) error) error {
	if err := newEnough(ctx, s.pool); err != nil {
		return err
	}
	var there int
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`).Scan(&there); err != nil {
		return err
	}
	if there > 0 {
		return diag.List{{Code: "BERTH4928", Severity: diag.Error, Subject: "database", Summary: fmt.Sprintf("the database has %d tables, and a backup goes into an empty one", there),
			Hint: "make another database, and name it in BERTH_HQ_DATABASE: createdb hq2"}}
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return d.write(ctx, tx, in) })
}

// errProved ends a transaction that proved a dump, so that nothing of it stays.
var errProved = errors.New("the dump is whole")

// Prove writes a dump to a schema of its own, counts its rows, and takes all of it back. The database may be in use: it needs room for the dump until then.
func (s *Store) Prove(ctx context.Context, d Dump, in func(take func(io.Reader) error) error) error {
	if err := newEnough(ctx, s.pool); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE SCHEMA proof; SET LOCAL search_path TO proof`); err != nil {
			return err
		}
		if err := d.write(ctx, tx, in); err != nil {
			return err
		}
		return errProved
	})
	if errors.Is(err, errProved) {
		return nil
	}
	return err
}

// write makes the schema of a dump, and writes its tables.
func (d Dump) write(ctx context.Context, tx pgx.Tx, in func(take func(io.Reader) error) error) error {
	way, err := Way(0, d.Schema)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, makeSchema); err != nil {
		return err
	}
	for _, m := range way {
		if _, err := m.lead(ctx, tx, false); err != nil {
			return err
		}
	}
	got := map[string]int64{}
	if err := in(func(archive io.Reader) error { return load(ctx, tx, archive, got) }); err != nil {
		return err
	}
	for name, want := range d.Rows {
		if got[name] != want {
			return fmt.Errorf("the backup has %d rows of %s, and %d were written to it", want, name, got[name])
		}
	}
	return number(ctx, tx)
}

// load reads the files of an archive, and counts the rows of each table.
func load(ctx context.Context, tx pgx.Tx, in io.Reader, rows map[string]int64) error {
	archive, columns := tar.NewReader(in), ""
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the backup: %w", err)
		}
		name := path.Dir(h.Name)
		if path.Base(h.Name) == columnsFile {
			text, err := io.ReadAll(archive)
			if err != nil {
				return fmt.Errorf("read the backup: %w", err)
			}
			columns = string(text)
			continue
		}
		done, err := tx.Conn().PgConn().CopyFrom(ctx, archive, copying(name, columns, "FROM STDIN"))
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		rows[name] += done.RowsAffected()
	}
}

// number lets numbers that tables give themselves go on after those that are there.
func number(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT format('SELECT setval(%L, (SELECT coalesce(max(%I), 0) + 1 FROM %I), false)', pg_get_serial_sequence(quote_ident(table_name), column_name), column_name, table_name)
		FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'`)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, query := range all {
		if err == nil {
			_, err = tx.Exec(ctx, query)
		}
	}
	return err
}
