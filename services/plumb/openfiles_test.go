//go:build linux

package plumb_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
)

// childData names the data directory in the environment of a process running an installation for a test.
const childData = "PLUMB_TEST_CHILD_DATA"

// TestChild is the process started by [TestStrangersLeaveTheStoreItsFiles]. It runs until its standard input ends.
func TestChild(t *testing.T) {
	data := os.Getenv(childData)
	if data == "" {
		return
	}
	s, err := plumb.New(config(t, data),
		plumb.Deps{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if i, err := s.Await(ctx); err == nil {
			_ = json.NewEncoder(os.Stdout).Encode(i)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// lockedText is the log of a process.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startChild runs an installation in a process with a low limit of open files.
func startChild(t *testing.T, files int) (i plumb.Installation, logged *lockedText, stop func() error) {
	t.Helper()
	child := exec.CommandContext(t.Context(), "sh", "-c",
		fmt.Sprintf(`ulimit -n %d; exec "$0" -test.run='^TestChild$'`, files), os.Args[0])
	child.Env = append(os.Environ(), childData+"="+t.TempDir()+"/data")
	logged = new(lockedText)
	child.Stderr = logged
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(func() error { stdin.Close(); return child.Wait() })
	t.Cleanup(func() { _ = stop() })
	out := bufio.NewReader(stdout)
	line, err := out.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &i) != nil {
		t.Fatalf("%q, %v\n%s", line, err, logged)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return i, logged, stop
}

// As many idle connections as strangers can make, to every listener, do not keep the store from writing.
func TestStrangersLeaveTheStoreItsFiles(t *testing.T) {
	i, logged, stop := startChild(t, 256)
	if !strings.Contains(logged.String(), "limit of open files is low") {
		t.Error("there is no warning about the limit of open files")
	}
	hold, ended := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	for _, addr := range []string{i.NATSAddr, strings.TrimPrefix(i.APIURL, "http://"),
		strings.TrimPrefix(i.AccessURL, "http://"), strings.TrimPrefix(i.AdminURL, "http://")} {
		for range 100 {
			strangers.Go(func() { stranger(hold, addr) })
		}
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	made := 0
	bustest.Eventually(t, "the store is written", func() bool {
		body := fmt.Sprintf(`{"name":"token %d"}`, made)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			i.APIURL+"/client/v4/accounts/"+i.Account.String()+"/access/service_tokens", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+i.Token)
		answer, err := client.Do(r)
		if err != nil {
			return false // a new connection may be closed for newer ones
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusCreated {
			made++
		}
		return made == 50
	})
	bustest.Eventually(t, "the installation is ready", func() bool {
		answer, err := client.Get(i.AdminURL + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	ended()
	strangers.Wait()
	if text := logged.String(); strings.Contains(text, "too many open files") {
		t.Errorf("files ran out:\n%s", text)
	}
	if err := stop(); err != nil {
		t.Errorf("the process ended with %v\n%s", err, logged)
	}
}

// stranger holds a connection open, and makes another one whenever it is closed.
func stranger(ctx context.Context, addr string) {
	for ctx.Err() == nil {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			<-time.After(10 * time.Millisecond)
			continue
		}
		closed := context.AfterFunc(ctx, func() { c.Close() })
		_, _ = io.Copy(io.Discard, c)
		closed()
		c.Close()
		<-time.After(100 * time.Millisecond)
	}
}
