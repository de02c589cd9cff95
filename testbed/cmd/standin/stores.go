package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5/pgxpool"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/schema"
)

// dsns are the databases of an instance, by name; without codeinsights when that is turned off.
func dsns(env contract.Env) map[string]string {
	out := map[string]string{}
	for _, db := range schema.Databases {
		if db == "codeinsights" && env("DISABLE_CODE_INSIGHTS") != "" {
			continue
		}
		out[db] = contract.DSN(schema.Prefix(db), env)
	}
	return out
}

type pools map[string]*pgxpool.Pool

// open makes the pools; connections are made when they are needed.
func open(ctx context.Context, dsn map[string]string) (pools, error) {
	out := pools{}
	for db, d := range dsn {
		c, err := pgxpool.ParseConfig(d)
		if err != nil {
			return nil, fmt.Errorf("%sPG* of the %s database: %w", schema.Prefix(db), db, err)
		}
		c.MaxConns = 5
		c.ConnConfig.ConnectTimeout = 3 * time.Second
		if out[db], err = pgxpool.NewWithConfig(ctx, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p pools) frontend() *pgxpool.Pool { return p["frontend"] }

// ping asks twice, because the first try may get a connection that broke when the database was restarted.
func (p pools) ping(ctx context.Context, db string) error {
	if err := p[db].Ping(ctx); err == nil {
		return nil
	}
	return p[db].Ping(ctx)
}

// redisURL is the address of a Redis: host:port or a redis:// URL.
func redisURL(name string, env contract.Env) string {
	v := env("REDIS_" + strings.ToUpper(name) + "_ENDPOINT")
	if v == "" {
		v = env("REDIS_ENDPOINT")
	}
	if v == "" {
		v = "redis-" + name + ":6379"
	}
	if !strings.Contains(v, "://") {
		v = "redis://" + v
	}
	return v
}

func redisPool(url string) *redis.Pool {
	return &redis.Pool{MaxIdle: 3, IdleTimeout: time.Minute, DialContext: func(ctx context.Context) (redis.Conn, error) {
		return redis.DialURLContext(ctx, url, redis.DialConnectTimeout(3*time.Second), redis.DialReadTimeout(3*time.Second))
	}, TestOnBorrow: func(c redis.Conn, t time.Time) error {
		if time.Since(t) < time.Second {
			return nil
		}
		_, err := c.Do("PING")
		return err
	}}
}

func redisDo(ctx context.Context, p *redis.Pool, command string, args ...any) (any, error) {
	c, err := p.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return redis.DoContext(c, ctx, command, args...)
}
