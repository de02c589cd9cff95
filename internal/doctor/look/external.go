package look

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/doctor"
)

// externalDatabase asks a database of the admin's own, by a task beside the installation: a firewall may let nobody else through.
func (s *sight) externalDatabase(ctx context.Context, name string, e *config.ExternalDatabase) (take, error) {
	if e.Beside() {
		return nil, errors.New("it is reached through a container beside each service, where berth can't query it")
	}
	asker := data.Worker{Tasks: s.Tasks, Tag: s.Env.Tag()}
	begun := s.Env.Now()
	lines, err := asker.Query(ctx, s.Image("pgsql"), name, statements)
	var silent *data.Silent
	if errors.As(err, &silent) {
		return nil, &refusal{silent.Why}
	}
	if err != nil {
		return nil, err
	}
	said := strings.Join(lines, "\n")
	d, err := readDatabase(name, said, begun, s.Env.Now())
	if err != nil {
		return nil, err
	}
	// The task takes seconds to start, so nobody knows when exactly the server told its time.
	d.External, d.Clock = true, 0
	return func(e *doctor.Evidence) { e.Databases = append(e.Databases, d) }, unanswered(said)
}

// externalRedis asks a Redis of the admin's own from this machine.
func (s *sight) externalRedis(ctx context.Context, name string, r config.Redis) (take, error) {
	address := r.External.Text
	if !r.External.Literal() {
		kept, err := s.Env.Secret(s.Want, r.External.Secret)
		if err != nil {
			return nil, err
		}
		address = kept
	}
	var authority []byte
	if r.CA != "" {
		content, err := s.file(r.CA)
		if err != nil {
			return nil, err
		}
		authority = content
	}
	said, err := redisInfo(ctx, address, authority)
	if err != nil {
		return nil, err
	}
	found, err := readRedis(name, strings.NewReader(said))
	if err != nil {
		return nil, err
	}
	found.External = true
	return func(e *doctor.Evidence) { e.Redis = append(e.Redis, found) }, nil
}

// file reads a file that the config names.
func (s *sight) file(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.Dir, name)
	}
	return os.ReadFile(name)
}

// redisInfo signs in to a Redis and gives its answer to INFO. That it can't be reached from this machine does not say that Sourcegraph can't reach it.
//
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
func redisInfo(ctx context.Context, address string, authority []byte) (string, error) {
	if !strings.Contains(address, "://") {
		address = "redis://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("its address can't be read") // it may have a password
	}
	conn, err := dial(ctx, u, authority)
	if err != nil {
		return "", fmt.Errorf("it does not answer from this machine: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	if password, set := u.User.Password(); set {
		login := []string{"AUTH", password}
		if user := u.User.Username(); user != "" {
			login = []string{"AUTH", user, password}
		}
		if _, err := command(conn, in, login...); err != nil {
			return "", err
		}
	}
	return command(conn, in, "INFO")
}

// dial connects to the server of a URL.
func dial(ctx context.Context, u *url.URL, authority []byte) (net.Conn, error) {
	at := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379"))
	if u.Scheme != "rediss" {
		return (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}
	settings := &tls.Config{ServerName: u.Hostname()}
	if authority != nil {
		settings.RootCAs = x509.NewCertPool()
		settings.RootCAs.AppendCertsFromPEM(authority)
	}
	return (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", at)
}

// mostInfo is more than any answer to INFO has.
const mostInfo = 1 << 20

// command sends one command, and reads a line or a text. An error of the server is a refusal.
func command(out io.Writer, in *bufio.Reader, words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return "", err
	}
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(line, "-"):
		return "", &refusal{line[1:]}
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	case !strings.HasPrefix(line, "$"):
		return "", errors.New("something other than Redis answers")
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > mostInfo {
		return "", errors.New("something other than Redis answers")
	}
	text := make([]byte, n)
	_, err = io.ReadFull(in, text)
	return string(text), err
}
