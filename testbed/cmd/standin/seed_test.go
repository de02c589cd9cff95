package main

import (
	"context"
	"strconv"
	"testing"

	"berth/testbed/internal/pgtest"
)

func atoi(t *testing.T, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSeed(t *testing.T) {
	t.Parallel()
	i := installed(t, pgtest.Start(t), "5.0.0")
	i.env["STANDIN_VERSION"] = "5.0.0"
	get := func(k string) string { return i.env[k] }
	for _, args := range [][]string{{"seed", "--size", "3"}, {"seed", "--size", "3TB"}} {
		if err := run(context.Background(), args, get); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	if err := run(context.Background(), []string{"seed", "--size", "60MB"}, get); err != nil {
		t.Fatal(err)
	}
	for db, least := range map[string]int64{"frontend": 18, "codeintel": 36, "codeinsights": 6} {
		if got := i.one(db, "SELECT (pg_database_size(current_database()) / 1000000)::text"); atoi(t, got) < least || atoi(t, got) > 2*least+20 {
			t.Errorf("%s has %s MB, want %d", db, got, least)
		}
	}
	for db, tables := range map[string][]string{
		"frontend": {"users", "user_emails", "orgs", "access_tokens", "settings", "external_services", "repo", "gitserver_repos", "saved_searches",
			"user_repo_permissions", "batch_changes", "changesets", "lsif_uploads"},
		"codeintel":    {"codeintel_scip_documents", "codeintel_scip_symbols", "codeintel_scip_document_lookup_schema_versions"},
		"codeinsights": {"insight_series", "series_points", "dashboard"},
	} {
		for _, table := range tables {
			if i.one(db, "SELECT count(*)::text FROM "+table) == "0" {
				t.Errorf("%s of %s has no rows", table, db)
			}
		}
	}
	i.must("5.0.0", "drift", "--db=frontend", "--version=v5.0.0")
}
