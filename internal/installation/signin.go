package installation

import (
	"strconv"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/rds"
)

// SignIn are the variables with which psql signs in to databases that take no password: tokens, made with the credentials for AWS in berth's own
// environment. Each is good for 15 minutes. Sourcegraph's programs, the migrator too, make theirs by themselves. The error is a diag.List.
func (e *Environment) SignIn(w *Want) (map[string]string, error) {
	c := rds.Credentials{ID: e.Getenv("AWS_ACCESS_KEY_ID"), Secret: e.Getenv("AWS_SECRET_ACCESS_KEY"), Session: e.Getenv("AWS_SESSION_TOKEN")}
	env := map[string]string{}
	for name, d := range w.Release.Relations.Stores.Postgres.Databases {
		external := w.Doc.Config.Databases[name].External
		if external == nil || external.Auth != config.AuthAWSIAM {
			continue
		}
		if c.ID == "" || c.Secret == "" {
			return nil, diag.List{{Code: "BERTH1650", Severity: diag.Error, Range: w.Doc.At("databases." + name + ".external.auth"),
				Summary: "berth has no credentials for AWS, which it needs to query the databases and to back them up",
				Hint:    `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where berth runs, as this does:  eval "$(aws configure export-credentials --format env)"`}}
		}
		port := 5432
		if external.Port != nil {
			port = *external.Port
		}
		env[d.Prefix+"PASSWORD"] = rds.Token(c, external.Host, strconv.Itoa(port), external.User, e.Now())
	}
	return env, nil
}
