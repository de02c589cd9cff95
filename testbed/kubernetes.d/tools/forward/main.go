// Command forward passes TCP connections on, late if told so:
//
//	forward -listen ADDRESS -to ADDRESS [-delay FILE]
//
// The file holds milliseconds; every piece of data waits that long, both ways. It is read all the time, so that who writes it slows a
// connection that is open; no file means no delay.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

func main() {
	listen := flag.String("listen", "", "address to listen on")
	to := flag.String("to", "", "address to connect to")
	file := flag.String("delay", "", "file with the delay in milliseconds")
	flag.Parse()
	if err := run(*listen, *to, *file); err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		os.Exit(1)
	}
}

func run(listen, to, file string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	var delay atomic.Int64
	if file != "" {
		go follow(file, &delay)
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer server.Close()
			done := make(chan struct{}, 2)
			go pass(server, client, &delay, done)
			go pass(client, server, &delay, done)
			<-done
			<-done
		}()
	}
}

func follow(file string, delay *atomic.Int64) {
	for ; ; time.Sleep(100 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		ms, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // no file, or no number in it: no delay
		delay.Store(ms * int64(time.Millisecond))
	}
}

func pass(to, from net.Conn, delay *atomic.Int64, done chan<- struct{}) {
	defer func() { done <- struct{}{} }()
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if d := delay.Load(); d > 0 {
			time.Sleep(time.Duration(d))
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close() // who still sends learns that nobody listens
				return
			}
		}
		if err != nil {
			if half, ok := to.(*net.TCPConn); ok && err == io.EOF {
				_ = half.CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}
