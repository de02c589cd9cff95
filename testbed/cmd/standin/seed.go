package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/schema"
)

//go:embed seed.sql
var seedSQL string

// shares are the parts of a seed's size that databases get, in percent. They are chosen: no figures of real installations are public.
// Code intelligence is the larger part where it is used, since each upload holds the content of all documents.
var shares = map[string]int{"frontend": 30, "codeintel": 60, "codeinsights": 10}

// runSeed fills the databases with data of a size: standin seed --size 3GB. People, repositories, settings, batch changes and the like come in
// numbers that grow with it; what makes up the size are logs, batch changes' diffs, documents of code intelligence and points of insights.
func runSeed(ctx context.Context, s *service) error {
	flags := flag.NewFlagSet("seed", flag.ContinueOnError)
	text := flags.String("size", "100MB", "size of all databases together, such as 300MB or 3GB")
	if err := flags.Parse(s.args); err != nil {
		return err
	}
	size, err := bytesOf(*text)
	if err != nil {
		return err
	}
	began := time.Now()
	var total int64
	for _, db := range schema.Databases {
		if db == "codeinsights" && s.env("DISABLE_CODE_INSIGHTS") != "" {
			continue
		}
		c, err := pgx.Connect(ctx, contract.DSN(schema.Prefix(db), s.env))
		if err != nil {
			return fmt.Errorf("connect to the %s database: %w", db, err)
		}
		made, err := seed(ctx, c, db, size*int64(shares[db])/100)
		if err == nil {
			err = show(ctx, c, db)
		}
		_ = c.Close(ctx) // all is committed
		if err != nil {
			return fmt.Errorf("%s: %w", db, err)
		}
		total += made
	}
	fmt.Printf("%.0f MB in %.1f s\n", float64(total)/1e6, time.Since(began).Seconds())
	return nil
}

// seed runs the part of seed.sql that is for a database again and again, at least once, until it is of a size.
func seed(ctx context.Context, c *pgx.Conn, db string, size int64) (int64, error) {
	if _, err := c.Exec(ctx, part(db)); err != nil {
		return 0, err
	}
	for {
		if _, err := c.Exec(ctx, part(db+" bulk")); err != nil {
			return 0, err
		}
		var has int64
		if err := c.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&has); err != nil || has >= size {
			return has, err
		}
	}
}

// part is what stands below a line of seed.sql that is "-- = NAME".
func part(name string) string {
	_, after, _ := strings.Cut(seedSQL, "-- = "+name+"\n")
	text, _, _ := strings.Cut(after, "-- = ")
	return text
}

// show prints how many rows and bytes each table of a database has that has any.
func show(ctx context.Context, c *pgx.Conn, db string) error {
	if _, err := c.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	rows, err := c.Query(ctx, `SELECT relname::text, greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) FROM pg_class
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > 0 ORDER BY 3 DESC, 1`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var count, size int64
		if err := rows.Scan(&table, &count, &size); err != nil {
			return err
		}
		fmt.Printf("%-13s %-45s %9d rows %9.1f MB\n", db, table, count, float64(size)/1e6)
	}
	return rows.Err()
}

var sizePattern = regexp.MustCompile(`^([0-9]+)(MB|GB)$`)

// bytesOf reads 300MB or 3GB.
func bytesOf(text string) (int64, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("--size %s is not a number with MB or GB, such as 3GB", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return 0, err
	}
	return n * map[string]int64{"MB": 1e6, "GB": 1e9}[m[2]], nil
}
