package compose

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"berth/internal/adopt"
	"berth/internal/config"
)

// password: how services sign in to the bundled databases: as Sourcegraph's own files have it, with a well-known password or none, or with one of the
// admin's own, which then stands where berth keeps those that it makes.
func (k known) password(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name := k.signsIn(d)
	switch {
	case name == "":
		return nil
	case s.Theirs[service+name] == nil && d.Theirs == "" && mapOf(s.Theirs[d.Object]["environment"])["PG_CONNECTION_UPDATER"] != nil:
		return &adopt.Answer{Fate: adopt.Default, Why: "an empty value is none: Sourcegraph signs in with its identity"}
	case s.Theirs[service+name] == nil:
		return nil
	}
	if d.Theirs == k.shippedValue(d) {
		return &adopt.Answer{Fate: adopt.Default, Why: "as Sourcegraph's own files have it", Edits: []adopt.Edit{{Path: []string{"databases", name, "password"}, Value: config.PasswordShipped}}}
	}
	own, _ := d.Theirs.(string)
	if u, err := url.Parse(own); err == nil && u.User != nil {
		own, _ = u.User.Password()
	}
	if own == "" {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Secret, Why: "berth keeps it with the secrets that it makes", Edits: []adopt.Edit{{Generated: map[string]string{name + "-password": own}}}}
}

// signsIn is the database whose password the variable of a difference has; "" where it has none.
func (k known) signsIn(d adopt.Difference) string {
	if len(d.Path) != 2 || d.Path[0] != "environment" {
		return ""
	}
	own, at := strings.TrimPrefix(d.Object, service), d.Path[1]
	for name, db := range k.release.Relations.Stores.Postgres.Databases {
		if at == db.Prefix+"PASSWORD" || at == db.Prefix+"DATASOURCE" || own == name && at == "POSTGRES_PASSWORD" || own == db.Exporter && at == "DATA_SOURCE_NAME" {
			return name
		}
	}
	return ""
}

// shippedValue is the release's own value of the variable of a difference; nil where it has none.
func (k known) shippedValue(d adopt.Difference) any {
	name, _, _ := k.place(d.Object)
	if s := k.release.Services[name].Compose; s != nil {
		if v, has := s.Env[d.Path[1]]; has {
			return v.Text
		}
	}
	return nil
}

// published are the ports with keys, by service and port in the container.
var published = map[string]string{"caddy:80/tcp": "http", "caddy:443/tcp": "https", "prometheus:9090/tcp": "prometheus", "grafana:3370/tcp": "grafana"}

var portForm = regexp.MustCompile(`^(.*):(\d*):(\d+/[a-z]+)$`)

// port: a published port.
func (k known) port(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, _, found := k.place(d.Object)
	if !found || len(d.Path) != 2 || d.Path[0] != "ports" {
		return nil
	}
	m := portForm.FindStringSubmatch(d.Path[1])
	if m == nil {
		return nil
	}
	key := published[name+":"+m[3]]
	if key == "" {
		return nil
	}
	theirs := ""
	for port := range mapOf(s.Theirs[d.Object]["ports"]) {
		if t := portForm.FindStringSubmatch(port); t != nil && t[3] == m[3] {
			theirs = t[2]
		}
	}
	if theirs == "" && (key == "prometheus" || key == "grafana") {
		return &adopt.Answer{Fate: adopt.Key, Edits: []adopt.Edit{{Path: []string{"ports", key}, Value: 0}}}
	}
	number, err := strconv.Atoi(theirs)
	if err != nil {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Key, Edits: []adopt.Edit{{Path: []string{"ports", key}, Value: number}}}
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// database: a database of their own, which services reach by other variables than the release's.
func (k known) database(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if len(d.Path) != 2 || d.Path[0] != "environment" {
		return nil
	}
	if _, identity := k.release.Relations.Stores.Postgres.Identity[d.Path[1]]; identity && d.Theirs == nil && s.Draft.Value("databases") != nil {
		return &adopt.Answer{Fate: adopt.Key, Why: "berth gives every client of the databases the identity to sign in with"}
	}
	for name, db := range k.release.Relations.Stores.Postgres.Databases {
		if !strings.HasPrefix(d.Path[1], db.Prefix) || db.Prefix == "PG" && !strings.HasPrefix(d.Path[1], "PG") {
			continue
		}
		if s.Theirs[service+name] != nil {
			continue // the bundled one runs
		}
		env := mapOf(s.Theirs[d.Object]["environment"])
		e := map[string]any{}
		files := map[string][]byte{}
		for end, key := range map[string]string{"HOST": "host", "USER": "user", "DATABASE": "database", "SSLMODE": "sslmode"} {
			if v := env[db.Prefix+end]; v != nil {
				e[key] = v
			}
		}
		if port, err := strconv.Atoi(fmt.Sprint(env[db.Prefix+"PORT"])); err == nil && port != 5432 {
			e["port"] = port
		}
		fate, why := adopt.Key, ""
		if v := env[db.Prefix+"PASSWORD"]; v != nil && v != "" {
			path := "secrets/" + name + "-password"
			e["password"] = map[string]any{"file": path}
			files[path] = []byte(fmt.Sprint(v) + "\n")
			if d.Path[1] == db.Prefix+"PASSWORD" {
				fate, why = adopt.Secret, "it is in "+path
			}
		} else if env["PG_CONNECTION_UPDATER"] == "EC2_ROLE_CREDENTIALS" {
			e["auth"] = "aws-iam"
		}
		if e["host"] == nil {
			continue
		}
		return &adopt.Answer{Fate: fate, Why: why, Edits: []adopt.Edit{{Path: []string{"databases", name, "external"}, Value: e, File: files}}}
	}
	return nil
}

// bucket: object storage of their own.
func (k known) bucket(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if len(d.Path) != 2 || d.Path[0] != "environment" {
		return nil
	}
	env := mapOf(s.Theirs[d.Object]["environment"])
	return adopt.OfBucket(k.release.Relations.Stores.ObjectStorage, d, d.Path[1], s.Draft, func(name string) string {
		value, _ := env[name].(string)
		return value
	})
}
