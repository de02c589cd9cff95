package look

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/internal/config"
	"berth/internal/doctor"
)

// TestExternalStores: stores of the admin's own are asked where berth can, and what it can't ask is no success.
func TestExternalStores(t *testing.T) {
	redis := redisServer(t, "hunter2")
	for name, target := range map[string]string{"compose": compose, "kubernetes": cluster} {
		t.Run(name, func(t *testing.T) {
			a := moved(t, target, `databases:
  pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}
redis:
  redis-cache: {external: {env: CACHE}}
  redis-store: {external: {env: STORE}}
`, map[string]string{"PW": "secretive", "CACHE": "redis://:hunter2@" + redis, "STORE": "redis://:wrong@" + redis})
			e := a.look()
			n := slices.IndexFunc(e.Databases, func(d doctor.Database) bool { return d.Name == "pgsql" })
			if n < 0 || !e.Databases[n].External || e.Databases[n].Server != 160004 {
				t.Errorf("databases: %+v, unseen %v", e.Databases, e.Unseen)
			}
			if len(e.Redis) != 1 || e.Redis[0].Name != "redis-cache" || !e.Redis[0].External || e.Redis[0].Version != "7.2.4" {
				t.Errorf("Redis: %+v", e.Redis)
			}
			r := doctor.Examine(e, doctor.Request{Only: []string{"BERTH5020", "BERTH5040"}})
			if len(r.Findings) != 1 || r.Findings[0].Service != "redis-store" || !slices.Contains(r.Findings[0].Problem.Detail, "WRONGPASS invalid password") {
				t.Errorf("found %+v", r.Findings)
			}
			if r.Checks[0].Verdict != doctor.Pass || r.Checks[1].Verdict != doctor.Fail {
				t.Errorf("checks: %+v", r.Checks)
			}
		})
	}
}

// TestBesideEachService: what a container beside each service leads to is reached by nobody else.
func TestBesideEachService(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1", "localhost"} {
		_, err := (&sight{}).externalDatabase(t.Context(), "pgsql", &config.ExternalDatabase{Host: host})
		if err == nil || errors.As(err, new(*refusal)) || !strings.Contains(err.Error(), "beside each service") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestExternalDatabaseFails: a database of the admin's own that could not be asked is not seen; that is no finding of the database.
func TestExternalDatabaseFails(t *testing.T) {
	a := moved(t, compose, "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}\n", map[string]string{"PW": "secretive"})
	a.world.Failing["look"] = true
	r := doctor.Examine(a.look(), doctor.Request{Only: []string{"BERTH5020"}})
	if r.Checks[0].Verdict != doctor.Unknown || !strings.Contains(r.Checks[0].Why, "exit code 1") {
		t.Errorf("checks: %+v", r.Checks)
	}
}

// TestObjects: an object goes through a bucket of the admin's own. A store that refuses is a finding, one that can't be asked is not seen.
func TestObjects(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  func(w http.ResponseWriter, r *http.Request, objects map[string]string)
		more    string
		verdict doctor.Verdict
		says    string
	}{
		{"well", keeps, "", doctor.Pass, ""},
		{"no right to write", func(w http.ResponseWriter, r *http.Request, _ map[string]string) { refusesS3(w) }, "", doctor.Fail, "does not take an object"},
		{"no right to delete", func(w http.ResponseWriter, r *http.Request, objects map[string]string) {
			if r.Method == http.MethodDelete {
				refusesS3(w)
				return
			}
			keeps(w, r, objects)
		}, "", doctor.Fail, "does not delete an object"},
		{"another answer", func(w http.ResponseWriter, r *http.Request, objects map[string]string) {
			if keeps(w, r, objects); r.Method == http.MethodPut {
				objects[r.URL.Path] = "something else"
			}
		}, "", doctor.Fail, "does not give an object"},
		{"out of order", func(w http.ResponseWriter, _ *http.Request, _ map[string]string) {
			w.WriteHeader(http.StatusBadGateway)
		}, "", doctor.Unknown, "from this machine"},
		{"an identity", keeps, ", auth: identity", doctor.Unknown, "identity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects := map[string]string{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.answer(w, r, objects) }))
			defer server.Close()
			keys := ", accessKeyID: {env: KEY}, secretAccessKey: {env: SECRET}"
			if c.more != "" {
				keys = ""
			}
			a := moved(t, compose, "objectStorage: {backend: s3, bucket: uploads, region: us-east-1, endpoint: '"+elsewhere(server.URL)+"'"+keys+c.more+"}\n", map[string]string{"KEY": "a", "SECRET": "b"})
			r := doctor.Examine(a.look(), doctor.Request{Only: []string{"BERTH5044"}})
			if said := fmt.Sprint(r.Checks[0].Why, r.Do, r.Summary().Causes); r.Checks[0].Verdict != c.verdict || !strings.Contains(said, c.says) {
				t.Errorf("%s: %s", r.Checks[0].Verdict, said)
			}
			if c.verdict == doctor.Pass && len(objects) > 0 {
				t.Errorf("left: %v", objects)
			}
		})
	}
}

// keeps is a store that keeps objects.
func keeps(w http.ResponseWriter, r *http.Request, objects map[string]string) {
	switch text, there := objects[r.URL.Path]; {
	case r.Method == http.MethodPut:
		content, _ := io.ReadAll(r.Body) // what is short is another object, which the test sees
		objects[r.URL.Path] = string(content)
	case r.Method == http.MethodDelete:
		delete(objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case there:
		fmt.Fprint(w, text)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func refusesS3(w http.ResponseWriter) {
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>")
}

// moved is an installation that is deployed, and whose config asks for stores of the admin's own then.
func moved(t *testing.T, config, stores string, variables map[string]string) *at {
	t.Helper()
	a := deployed(t, config)
	a.env.Getenv = func(name string) string { return variables[name] }
	if err := os.WriteFile(a.file, []byte(config+stores), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// redisServer answers AUTH and INFO as Redis does, and gives its address.
func redisServer(t *testing.T, password string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveRedis(conn, password)
		}
	}()
	return elsewhere(listener.Addr().String())
}

// elsewhere is an address of this machine that does not look like one: a config may not name the address of a container itself.
func elsewhere(address string) string { return strings.Replace(address, "127.0.0.1", "0.0.0.0", 1) }

func serveRedis(conn net.Conn, password string) {
	defer conn.Close()
	in, signedIn := bufio.NewReader(conn), false
	for {
		words, err := redisWords(in)
		if err != nil {
			return
		}
		switch {
		case words[0] == "AUTH" && words[len(words)-1] == password:
			signedIn = true
			fmt.Fprint(conn, "+OK\r\n")
		case words[0] == "AUTH":
			fmt.Fprint(conn, "-WRONGPASS invalid password\r\n")
		case !signedIn:
			fmt.Fprint(conn, "-NOAUTH Authentication required.\r\n")
		default:
			info := "# Server\r\nredis_version:7.2.4\r\nused_memory:5\r\nmaxmemory:0\r\n"
			fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(info), info)
		}
	}
}

// redisWords reads a command: the number of its words, and each after its length.
func redisWords(in *bufio.Reader) (words []string, err error) {
	number := func() int {
		line, failed := in.ReadString('\n')
		n, wrong := strconv.Atoi(strings.TrimSpace(line)[min(1, len(line)):])
		err = errors.Join(err, failed, wrong)
		return n
	}
	for range number() {
		text := make([]byte, number()+2)
		if _, failed := io.ReadFull(in, text); failed != nil || err != nil {
			return nil, errors.Join(err, failed)
		}
		words = append(words, strings.TrimSpace(string(text)))
	}
	return words, err
}
