package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/target/inside"
	"berth/internal/target/kubernetes/kubetest"

	gorilla "github.com/gorilla/websocket"
)

// kubelet answers an exec as a kubelet does: it says what it was asked, echoes the input until that ends, and ends with a status.
func kubelet(t *testing.T, protocol, status string, sized *atomic.Value) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/pods/gitserver-0/exec") {
			return false
		}
		conn, err := (&gorilla.Upgrader{Subprotocols: []string{protocol}}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return true
		}
		defer conn.Close()
		send := func(channel byte, text string) {
			if err := conn.WriteMessage(gorilla.BinaryMessage, append([]byte{channel}, text...)); err != nil {
				t.Error(err)
			}
		}
		send(fromStdout, strings.Join(r.URL.Query()["command"], " ")+"\n")
		if !r.URL.Query().Has("tty") {
			send(fromStderr, "a complaint")
		}
		for protocol == streamsV5 && r.URL.Query().Has("stdin") {
			_, message, err := conn.ReadMessage()
			if err != nil {
				return true
			}
			switch message[0] {
			case toStdin:
				send(fromStdout, string(message[1:]))
				continue
			case toResize:
				sized.Store(string(message[1:]))
				continue
			}
			break
		}
		send(fromError, status)
		return true
	}
}

func TestAttach(t *testing.T) {
	const three = `{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}`
	for _, protocol := range []string{streamsV5, streamsV4} {
		s := kubetest.New(t)
		var sized atomic.Value
		s.Before = kubelet(t, protocol, three, &sized)
		c, err := Connect(t.Context(), s.Getenv(t), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		var out, complaint bytes.Buffer
		exit, err := c.Attach(t.Context(), LogQuery{Namespace: "default", Pod: "gitserver-0", Container: "gitserver"}, []string{"cat", "a b"},
			inside.Terminal{In: strings.NewReader("typed"), Out: &out, Err: &complaint})
		want := "cat a b\n"
		if protocol == streamsV5 {
			want += "typed"
		}
		if exit != 3 || err != nil || out.String() != want || complaint.String() != "a complaint" {
			t.Errorf("%s: exit %d, %v, %q, %q", protocol, exit, err, out.String(), complaint.String())
		}
	}
}

// TestAttachTerminal: the size reaches the other side before the input ends.
func TestAttachTerminal(t *testing.T) {
	s := kubetest.New(t)
	var sized atomic.Value
	s.Before = kubelet(t, streamsV5, `{"status":"Success"}`, &sized)
	c, err := Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	sizes := make(chan inside.Size, 1)
	sizes <- inside.Size{Width: 80, Height: 24}
	in := waits(func() bool { return sized.Load() != nil })
	var out bytes.Buffer
	if exit, err := c.Attach(t.Context(), LogQuery{Namespace: "default", Pod: "gitserver-0"}, []string{"sh"}, inside.Terminal{In: in, Out: &out, TTY: true, Sizes: sizes}); exit != 0 || err != nil {
		t.Fatal(exit, err)
	}
	var size inside.Size
	if err := json.Unmarshal([]byte(sized.Load().(string)), &size); err != nil || size != (inside.Size{Width: 80, Height: 24}) {
		t.Errorf("the size is %v, %v", sized.Load(), err)
	}
}

// waits is input that ends once something is so.
type waits func() bool

func (w waits) Read([]byte) (int, error) {
	for end := time.Now().Add(10 * time.Second); !w() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	return 0, errors.New("the end")
}

func TestAttachRefused(t *testing.T) {
	s := kubetest.New(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/exec") {
			kubetest.Refuse(w, http.StatusForbidden, "Forbidden", `pods "gitserver-0" is forbidden: User "a" cannot create resource "pods/exec"`)
			return true
		}
		return false
	}
	c, err := Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_, err = c.Attach(t.Context(), LogQuery{Namespace: "default", Pod: "gitserver-0"}, []string{"sh"}, inside.Terminal{Out: new(bytes.Buffer)})
	if !Forbidden(err) || !strings.Contains(err.Error(), "pods/exec") {
		t.Errorf("it says %v", err)
	}
}

func TestLines(t *testing.T) {
	s := kubetest.New(t)
	var asked string
	long := strings.Repeat("x", 200<<10)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return false
		}
		asked = r.URL.RawQuery
		_, _ = w.Write([]byte("2026-11-28T10:00:00.1Z early\n2026-11-28T10:00:00.6Z one two\r\n2026-11-28T10:00:01Z " + long))
		return true
	}
	c, err := Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var lines []string
	since := time.Date(2026, 11, 28, 10, 0, 0, 5e8, time.UTC)
	err = c.Lines(t.Context(), LogRange{LogQuery: LogQuery{Namespace: "default", Pod: "p", Container: "c", Tail: 3, Previous: true}, Since: since},
		func(at time.Time, text string) { lines = append(lines, text) })
	if err != nil || !slices.Equal(lines, []string{"one two", long}) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if asked != "container=c&previous=true&sinceTime=2026-11-28T10%3A00%3A00Z&tailLines=3&timestamps=true" {
		t.Error(asked)
	}
}

func TestDial(t *testing.T) {
	s := kubetest.New(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/pods/frontend/portforward") {
			return false
		}
		if r.URL.Query().Get("ports") != "3080" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		conn, err := (&gorilla.Upgrader{Subprotocols: []string{streamsV4}}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return true
		}
		defer conn.Close()
		for _, message := range [][]byte{{portData, 8, 12}, {portError, 8, 12}} {
			if err := conn.WriteMessage(gorilla.BinaryMessage, message); err != nil {
				t.Error(err)
			}
		}
		_, message, err := conn.ReadMessage()
		if err != nil || message[0] != portData {
			t.Error(message, err)
			return true
		}
		if err := conn.WriteMessage(gorilla.BinaryMessage, append([]byte{portData}, "heard "+string(message[1:])...)); err != nil {
			t.Error(err)
		}
		_ = conn.WriteMessage(gorilla.BinaryMessage, append([]byte{portError}, "connection refused\n"...))
		return true
	}
	c, err := Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	conn, err := c.Dial(t.Context(), "default", "frontend", 3080)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /")); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	if n, err := conn.Read(buffer); err != nil || string(buffer[:n]) != "heard GET /" {
		t.Errorf("%q, %v", buffer[:n], err)
	}
	if _, err := conn.Read(buffer); err == nil || err.Error() != "connection refused" {
		t.Errorf("the end is %v", err)
	}
}
