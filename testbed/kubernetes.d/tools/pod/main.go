// Command pod is what pods of the cluster itself and of its self-test run:
//
//	pod          holds the namespaces of a pod
//	pod serve    answers on :8080; counts its starts in $DATA/starts
//	pod check    exit 0 when http://$URL answers 200
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 1 {
		pause()
		return
	}
	switch os.Args[1] {
	case "serve":
		fail(serve(os.Getenv("DATA")))
	case "check":
		fail(check("http://" + os.Getenv("URL")))
	default:
		fail(fmt.Errorf("unknown command %s", os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pod:", err)
		os.Exit(1)
	}
}

// pause takes orphans in, which is the task of process 1, until it gets the signal to stop.
func pause() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

func serve(data string) error {
	starts := 0
	if data != "" {
		file := filepath.Join(data, "starts")
		if text, err := os.ReadFile(file); err == nil {
			starts, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		starts++
		if err := os.WriteFile(file, []byte(strconv.Itoa(starts)), 0o644); err != nil {
			return err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		<-signals
		os.Exit(0)
	}()
	fmt.Println("serve: listening on :8080")
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s, start %d\n", host, starts)
	}))
}

func check(url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return nil
}
