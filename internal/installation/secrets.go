package installation

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"berth/internal/config"
	"berth/internal/registry"
	"berth/internal/stack"
)

// Values are the values of an installation's secrets, by name.
type Values map[string]string

// String and MarshalJSON keep the values out of logs and output.
func (Values) String() string { return "(secret)" }

// MarshalJSON keeps the values out of JSON.
func (Values) MarshalJSON() ([]byte, error) { return []byte(`"(secret)"`), nil }

// GeneratedNames are the names of the secrets that berth makes itself.
func GeneratedNames(secrets []stack.Secret) []string {
	var names []string
	for _, s := range secrets {
		if s.Env == "" && s.File == "" && s.Parts == nil {
			names = append(names, s.Name)
		}
	}
	return names
}

// Secrets gives the value of every secret: generated, read from where the admin keeps it, or put together.
func (e *Environment) Secrets(l *Want, generated map[string]string) (Values, error) {
	values := Values{}
	for _, s := range l.Stack.Secrets {
		switch {
		case s.Env != "" || s.File != "":
			v, err := e.secretValue(l, &config.Secret{Env: s.Env, File: s.File})
			if err != nil {
				return nil, err
			}
			values[s.Name] = v
		case s.Parts == nil:
			values[s.Name] = generated[s.Name]
		}
	}
	for _, s := range l.Stack.Secrets {
		if s.Parts != nil {
			values[s.Name] = Assembled(s.Parts, values)
		}
	}
	return values, nil
}

// MountedFiles are the files that an instance mounts, by their paths in it. Private keys may be among them.
func MountedFiles(s *stack.Stack, inst stack.Instance, values Values) map[string]string {
	out := map[string]string{}
	for _, m := range inst.Mounts {
		if m.Secret != "" {
			out[m.Path] = values[m.Secret]
		}
		for _, f := range s.Settings.Files {
			if f.Path == m.File {
				out[m.Path] = string(f.Content)
			}
		}
	}
	return out
}

// Assembled puts a value together from texts and other secrets.
func Assembled(parts []stack.Part, values Values) string {
	var b strings.Builder
	for _, p := range parts {
		switch value := values[p.Secret]; {
		case p.To > 0:
			b.WriteString(value[min(p.From, len(value)):min(p.To, len(value))])
		case p.Secret == "":
			b.WriteString(p.Text)
		case p.Basic != "":
			b.WriteString(base64.StdEncoding.EncodeToString([]byte(p.Basic + ":" + values[p.Secret])))
		case p.JSON:
			quoted, _ := json.Marshal(values[p.Secret]) // a string always marshals
			b.Write(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(values[p.Secret])
		}
	}
	return b.String()
}

// Secret reads a secret that no service needs, such as the key of the store that backups are in.
func (e *Environment) Secret(l *Want, s *config.Secret) (string, error) { return e.secretValue(l, s) }

// secretValue reads a secret from where the admin keeps it. A file's last line break is not part of a password, but of a key it is.
func (e *Environment) secretValue(l *Want, s *config.Secret) (string, error) {
	if s == nil {
		return "", nil
	}
	if s.Env != "" {
		return whole(e.Getenv(s.Env)), nil
	}
	content, err := os.ReadFile(from(l.Dir, s.File))
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	if text := string(content); strings.Count(text, "\n") > 1 {
		return text, nil
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// whole is the text of a variable with the last line break that a key needs, and that shells drop.
func whole(text string) string {
	if strings.HasPrefix(text, "-----BEGIN ") && !strings.HasSuffix(text, "\n") {
		return text + "\n"
	}
	return text
}

// Fingerprints are short hashes of the secrets that the admin can change, and of those that are put together.
func Fingerprints(secrets []stack.Secret, values Values) map[string]string {
	out := map[string]string{}
	for _, s := range secrets {
		if s.Env != "" || s.File != "" || s.Parts != nil {
			sum := sha256.Sum256([]byte(s.Name + "=" + values[s.Name]))
			out[s.Name] = hex.EncodeToString(sum[:])[:8]
		}
	}
	return out
}

// Login is who pulls: the config's user, or what docker login left.
func (e *Environment) Login(l *Want) (registry.Login, error) {
	c := l.Doc.Config.Images.Login
	if c == nil {
		return registry.Login{}, nil
	}
	password, err := e.secretValue(l, c.Password)
	if err != nil {
		return registry.Login{}, err
	}
	return registry.Login{Username: c.Username, Password: password}, nil
}
