package kubernetes

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// The channels of a connection to a port: the first message on each is the port, two bytes.
//
// Source: https://github.com/kubernetes/kubelet/blob/master/pkg/cri/streaming/portforward/websocket.go
const (
	portData  = 0
	portError = 1
)

// Dial connects to a port of a pod, by way of the API server.
func (c *Client) Dial(ctx context.Context, namespace, pod string, port int) (io.ReadWriteCloser, error) {
	ref := Ref{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: pod}
	conn, err := c.upgrade(ctx, ref, "portforward", url.Values{"ports": {strconv.Itoa(port)}}, streamsV4)
	if err != nil {
		return nil, about("connect to a port of", ref, err)
	}
	p := &portConn{conn: conn, first: map[byte]bool{portData: true, portError: true}, end: make(chan struct{})}
	go p.beat()
	return p, nil
}

// portConn is a connection to a port. One goroutine may read and another one write.
type portConn struct {
	conn    *gorilla.Conn
	rest    []byte        // of the message that is being read
	first   map[byte]bool // channels of which nothing came yet
	writing sync.Mutex
	closed  sync.Once
	end     chan struct{}
}

// beat says that the connection is in use.
func (p *portConn) beat() {
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for {
		select {
		case <-p.end:
			return
		case <-tick.C:
			if p.conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(alive)) != nil {
				return
			}
		}
	}
}

func (p *portConn) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		_, message, err := p.conn.ReadMessage()
		if gorilla.IsCloseError(err, gorilla.CloseNormalClosure, gorilla.CloseGoingAway, gorilla.CloseNoStatusReceived, gorilla.CloseAbnormalClosure) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		if len(message) == 0 {
			continue
		}
		channel, body := message[0], message[1:]
		if p.first[channel] {
			p.first[channel], body = false, body[min(2, len(body)):]
		}
		switch {
		case channel == portData:
			p.rest = body
		case channel == portError && len(body) > 0:
			return 0, errors.New(strings.TrimSpace(string(body)))
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *portConn) Write(b []byte) (int, error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.conn.WriteMessage(gorilla.BinaryMessage, append([]byte{portData}, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *portConn) Close() error {
	p.closed.Do(func() { close(p.end) })
	return p.conn.Close()
}
