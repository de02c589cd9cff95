package kubernetes

import (
	"berth/internal/target/inside"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	gorilla "github.com/gorilla/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
)

// LogRange is a part of a container's log.
type LogRange struct {
	LogQuery           // Tail 0: all
	Since    time.Time // zero: from the beginning
	Follow   bool
}

// Lines gives lines of a container's log with the time of each, as they were written.
func (c *Client) Lines(ctx context.Context, q LogRange, line func(at time.Time, text string)) error {
	pod := Ref{APIVersion: "v1", Kind: "Pod", Namespace: q.Namespace, Name: q.Pod}
	path, err := c.at(ctx, pod)
	if err != nil {
		return err
	}
	req := c.rest.Get().AbsPath(path+"/log").Param("timestamps", "true").Param("container", q.Container)
	if q.Tail > 0 {
		req.Param("tailLines", strconv.Itoa(q.Tail))
	}
	if !q.Since.IsZero() {
		req.Param("sinceTime", q.Since.UTC().Format(time.RFC3339))
	}
	if q.Previous {
		req.Param("previous", "true")
	}
	if q.Follow {
		req.Param("follow", "true")
	}
	text, err := req.Stream(ctx)
	if err != nil {
		return about("read the log of", pod, asRefusal(err))
	}
	defer text.Close()
	err = inside.Lines(text, func(at time.Time, text string) {
		if at.IsZero() || !at.Before(q.Since) { // the API knows whole seconds only
			line(at, text)
		}
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return about("read the log of", pod, err)
}

// NoLog reports whether a container has no log to read: it did not start yet, or not before its last start.
func NoLog(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Status == http.StatusBadRequest
}

// asRefusal is a refusal of the API server as one of ours.
func asRefusal(err error) error {
	var failed *httpstream.UpgradeFailureError
	if errors.As(err, &failed) {
		err = failed.Cause // it has no Unwrap
	}
	var status *apierrors.StatusError
	switch {
	case !errors.As(err, &status):
		return err
	case status.ErrStatus.Details != nil && len(status.ErrStatus.Details.Causes) > 0:
		return refusal(status.ErrStatus, nil)
	}
	return &Refusal{Status: int(status.ErrStatus.Code), Reason: string(status.ErrStatus.Reason), Message: status.ErrStatus.Message}
}

// The channels of a command's connection: the first byte of each message.
//
// Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
const (
	toStdin    = 0
	fromStdout = 1
	fromStderr = 2
	fromError  = 3
	toResize   = 4
	toClose    = 255
)

// The protocols of a command's connection. Only the newer one, of Kubernetes 1.30, can tell a command that its input ended.
const (
	streamsV5 = "v5.channel.k8s.io"
	streamsV4 = "v4.channel.k8s.io"
)

// Attach runs a command in a container of a pod, connected to a terminal or to streams, and gives its exit code.
func (c *Client) Attach(ctx context.Context, q LogQuery, command []string, t inside.Terminal) (int, error) {
	query := url.Values{"container": {q.Container}, "command": command, "stdout": {"true"}}
	for name, on := range map[string]bool{"stdin": t.In != nil, "stderr": !t.TTY, "tty": t.TTY} {
		if on {
			query.Set(name, "true")
		}
	}
	pod := Ref{APIVersion: "v1", Kind: "Pod", Namespace: q.Namespace, Name: q.Pod}
	conn, err := c.upgrade(ctx, pod, "exec", query, streamsV5, streamsV4)
	if err != nil {
		return 0, about("run a command in", pod, err)
	}
	exit, err := (&channels{conn: conn, terminal: t}).run(ctx)
	return exit, about("run a command in", pod, err)
}

// upgrade makes a connection of a part of a pod, by WebSocket.
func (c *Client) upgrade(ctx context.Context, pod Ref, part string, query url.Values, protocols ...string) (*gorilla.Conn, error) {
	path, err := c.at(ctx, pod)
	if err != nil {
		return nil, err
	}
	config := rest.CopyConfig(c.access.config)
	trip, holder, err := websocket.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	at := c.rest.Get().AbsPath(path + "/" + part).URL()
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	if _, err := websocket.Negotiate(trip, holder, req, protocols...); err != nil {
		return nil, asRefusal(err)
	}
	return holder.Connection(), nil
}

// channels are a command's streams on one connection.
type channels struct {
	conn     *gorilla.Conn
	terminal inside.Terminal
	writing  sync.Mutex
}

// alive is how often a ping says that a connection is in use: load balancers in between close those that are silent for a minute.
const alive = 20 * time.Second

// run carries a command's streams until it ends, and gives its exit code.
func (s *channels) run(ctx context.Context) (int, error) {
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	ctx, done := context.WithCancel(ctx)
	defer done()
	if s.terminal.In != nil {
		go s.input()
	}
	go s.beat(ctx)
	var end []byte
	for {
		_, message, err := s.conn.ReadMessage()
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			return ending(end, err)
		}
		if len(message) == 0 {
			continue
		}
		body := message[1:]
		switch message[0] {
		case fromStdout:
			_, err = s.terminal.Out.Write(body)
		case fromStderr:
			if s.terminal.Err != nil {
				_, err = s.terminal.Err.Write(body)
			}
		case fromError:
			end = append(end, body...)
		}
		if err != nil {
			return 0, err
		}
		if len(end) > 0 && json.Valid(end) {
			return ending(end, nil)
		}
	}
}

// ending reads how a command ended.
func ending(text []byte, lost error) (int, error) {
	var status metav1.Status
	switch {
	case len(text) == 0 && lost != nil:
		return 0, fmt.Errorf("the connection ended before the command: %w", lost)
	case json.Unmarshal(text, &status) != nil:
		return 0, errors.New(strings.TrimSpace(string(text)))
	case status.Status == metav1.StatusSuccess:
		return 0, nil
	}
	if status.Reason == "NonZeroExitCode" && status.Details != nil {
		for _, cause := range status.Details.Causes {
			if code, err := strconv.Atoi(cause.Message); cause.Type == "ExitCode" && err == nil {
				return code, nil
			}
		}
	}
	return 0, &Refusal{Status: int(status.Code), Reason: string(status.Reason), Message: status.Message}
}

// input carries what is typed. A command that ended takes no more.
func (s *channels) input() {
	buffer := make([]byte, 32<<10)
	buffer[0] = toStdin
	for {
		n, err := s.terminal.In.Read(buffer[1:])
		if n > 0 && s.send(buffer[:n+1]) != nil {
			return
		}
		if err != nil {
			if s.conn.Subprotocol() == streamsV5 {
				_ = s.send([]byte{toClose, toStdin})
			}
			return
		}
	}
}

// beat reports sizes of the terminal, and that the connection is in use.
func (s *channels) beat(ctx context.Context) {
	tick := time.NewTicker(alive)
	defer tick.Stop()
	sizes := s.terminal.Sizes
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = s.conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(alive))
		case size, more := <-sizes:
			if !more {
				sizes = nil
				continue
			}
			text, _ := json.Marshal(size) // numbers always marshal
			err = s.send(append([]byte{toResize}, text...))
		}
		if err != nil {
			return
		}
	}
}

func (s *channels) send(message []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.conn.WriteMessage(gorilla.BinaryMessage, message)
}
