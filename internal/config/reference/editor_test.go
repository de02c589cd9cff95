//go:build editors

package reference

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
)

// TestEditors types into a file as people do, with the language server behind the YAML of VS Code, vim and Helix: it finds the schema by the first
// line of the file, as docs/editors.md says, proposes keys and services, explains, and marks what is wrong.
func TestEditors(t *testing.T) {
	dir := t.TempDir()
	schema, err := Schema(catalogue.Embedded())
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, ".berth"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".berth", "sourcegraph.schema.json"), schema, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, dir)

	top := s.open("# yaml-language-server: $schema=.berth/sourcegraph.schema.json\ntarget: compose\n\n")
	keys := s.proposed(top, 2, 0)
	for _, key := range []string{"release", "url", "services", "databases", "upgrades"} {
		if !slices.Contains(keys, key) {
			t.Errorf("at the top it does not propose %q, only %v", key, keys)
		}
	}
	if slices.Contains(keys, "target") {
		t.Errorf("it proposes target again: %v", keys)
	}

	services := s.open("# yaml-language-server: $schema=.berth/sourcegraph.schema.json\ntarget: compose\nurl: http://localhost\nservices:\n  \n")
	keys = s.proposed(services, 4, 2)
	for _, service := range []string{"gitserver", "sourcegraph-frontend", "zoekt-webserver"} {
		if !slices.Contains(keys, service) {
			t.Errorf("below services it does not propose %q, only %v", service, keys)
		}
	}

	values := s.open("# yaml-language-server: $schema=.berth/sourcegraph.schema.json\nurl: http://localhost\ntarget: \n")
	keys = s.proposed(values, 2, 8)
	if !slices.Contains(keys, "compose") || !slices.Contains(keys, "kubernetes") {
		t.Errorf("for target it proposes %v", keys)
	}

	hover := s.open("# yaml-language-server: $schema=.berth/sourcegraph.schema.json\ntarget: compose\nurl: http://localhost\nupgrades: {automatic: patch}\n")
	if text := s.hover(hover, 1, 2); !strings.Contains(text, "Docker Engine") {
		t.Errorf("of target it says %q", text)
	}
	if text := s.hover(hover, 3, 13); !strings.Contains(text, "patch") {
		t.Errorf("of upgrades.automatic it says %q", text)
	}
	if marked := s.marked(hover); len(marked) > 0 {
		t.Errorf("in a good file it marks %v", marked)
	}

	older := s.open("# yaml-language-server: $schema=.berth/sourcegraph.schema.json\n'on': compose\nurl: http://localhost\n")
	if marked := s.marked(older); len(marked) > 1 || len(marked) == 1 && !strings.Contains(marked[0], "The same as target") {
		t.Errorf("with the older name it marks %v", marked)
	}

	for text, want := range map[string]string{
		"target: swarm\nurl: http://localhost\n":                                       "1: ",
		"target: compose\nurl: http://localhost\nservices: {gitservre: {cpu: 2}}\n":    "3: ",
		"target: compose\nurl: http://localhost\nreplicas: 2\n":                        "3: ",
		"target: compose\nurl: http://localhost\nservices: {gitserver: {cpu: lots}}\n": "3: ",
		"target: compose\n": "1: ",
	} {
		file := s.open("# yaml-language-server: $schema=.berth/sourcegraph.schema.json\n" + text)
		if marked := s.marked(file); len(marked) == 0 || !strings.HasPrefix(marked[0], want) {
			t.Errorf("in\n%s\nit marks %v, not line %s", text, marked, want)
		}
	}
}

// server is a language server that a test speaks to.
type server struct {
	t       *testing.T
	in      io.Writer
	dir     string
	files   int
	last    int
	answers chan message
}

// message is a message of the Language Server Protocol.
type message struct {
	ID     *int            `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func startServer(t *testing.T, dir string) *server {
	t.Helper()
	program := os.Getenv("YAML_LANGUAGE_SERVER")
	if program == "" {
		t.Fatal("YAML_LANGUAGE_SERVER names no program; run: make editors")
	}
	cmd := exec.Command(program, "--stdio")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &server{t: t, in: in, dir: dir, answers: make(chan message, 100)}
	go s.read(bufio.NewReader(out))
	folder := (&url.URL{Scheme: "file", Path: dir}).String()
	s.ask("initialize", map[string]any{"processId": os.Getpid(), "rootUri": folder, "workspaceFolders": []any{map[string]any{"uri": folder, "name": "x"}},
		"capabilities": map[string]any{"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}, "hover": map[string]any{}, "publishDiagnostics": map[string]any{}}}})
	s.send(map[string]any{"jsonrpc": "2.0", "method": "initialized", "params": map[string]any{}})
	return s
}

func (s *server) read(from *bufio.Reader) {
	for {
		header, err := textproto.NewReader(from).ReadMIMEHeader()
		if err != nil {
			close(s.answers)
			return
		}
		n, _ := strconv.Atoi(header.Get("Content-Length"))
		text := make([]byte, n)
		var m message
		if _, err := io.ReadFull(from, text); err != nil || json.Unmarshal(text, &m) != nil {
			close(s.answers)
			return
		}
		s.answers <- m
	}
}

func (s *server) send(what map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(what)
	if err == nil {
		_, err = fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(text), text)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// until reads until a message is the one that a test waits for. The server asks for settings meanwhile: there are none.
func (s *server) until(what string, found func(message) bool) message {
	s.t.Helper()
	end := time.After(60 * time.Second)
	for {
		select {
		case m, open := <-s.answers:
			if !open {
				s.t.Fatalf("the server ended before it gave %s", what)
			}
			if m.ID != nil && m.Method == "workspace/configuration" {
				s.send(map[string]any{"jsonrpc": "2.0", "id": *m.ID, "result": []any{map[string]any{"validate": true, "hover": true, "completion": true}, nil, nil, nil, nil}})
			} else if m.ID != nil && m.Method != "" {
				s.send(map[string]any{"jsonrpc": "2.0", "id": *m.ID, "result": nil})
			}
			if found(m) {
				return m
			}
		case <-end:
			s.t.Fatalf("the server did not give %s", what)
		}
	}
}

func (s *server) ask(method string, params any) json.RawMessage {
	s.t.Helper()
	s.last++
	id := s.last
	s.send(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	m := s.until(method, func(m message) bool { return m.Method == "" && m.ID != nil && *m.ID == id })
	if m.Error != nil {
		s.t.Fatalf("%s: %s", method, m.Error)
	}
	return m.Result
}

// open opens a file with a text as an editor does.
func (s *server) open(text string) (uri string) {
	s.files++
	uri = (&url.URL{Scheme: "file", Path: filepath.Join(s.dir, fmt.Sprintf("sourcegraph-%d.yaml", s.files))}).String()
	s.send(map[string]any{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": map[string]any{
		"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text}}})
	return uri
}

func at(uri string, line, column int) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": column}}
}

func (s *server) proposed(uri string, line, column int) (out []string) {
	s.t.Helper()
	var list struct {
		Items []struct {
			Label string `json:"label"`
		} `json:"items"`
	}
	if err := json.Unmarshal(s.ask("textDocument/completion", at(uri, line, column)), &list); err != nil {
		s.t.Fatal(err)
	}
	for _, i := range list.Items {
		out = append(out, i.Label)
	}
	return out
}

func (s *server) hover(uri string, line, column int) string {
	s.t.Helper()
	return string(s.ask("textDocument/hover", at(uri, line, column)))
}

// marked are the problems that the editor marks in a file, each with its line, counted from 1 after the line that names the schema.
func (s *server) marked(uri string) (out []string) {
	s.t.Helper()
	var found struct {
		URI         string `json:"uri"`
		Diagnostics []struct {
			Message string `json:"message"`
			Range   struct {
				Start struct {
					Line int `json:"line"`
				} `json:"start"`
			} `json:"range"`
		} `json:"diagnostics"`
	}
	s.send(map[string]any{"jsonrpc": "2.0", "method": "textDocument/didChange", "params": map[string]any{
		"textDocument": map[string]any{"uri": uri, "version": 2}, "contentChanges": []any{}}})
	s.until("diagnostics of "+uri, func(m message) bool {
		return m.Method == "textDocument/publishDiagnostics" && json.Unmarshal(m.Params, &found) == nil && found.URI == uri
	})
	for _, d := range found.Diagnostics {
		out = append(out, fmt.Sprintf("%d: %s", d.Range.Start.Line, d.Message))
	}
	return out
}
