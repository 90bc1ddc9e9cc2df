//go:build compose

package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine and how to talk to it.
type engine struct {
	env []string
}

// startEngine finds the machine's engine, or starts one until the test ends.
func startEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{env: os.Environ()}
	if _, err := e.output(t.Context(), "docker", "version"); err == nil {
		return e
	}
	if os.Getuid() != 0 {
		t.Fatal("no Docker engine answers; start one, or run the test as root so that it can start its own")
	}
	dir, err := os.MkdirTemp("", "plumbline-docker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	removeBridge(t)
	logPath := filepath.Join(dir, "log")
	log, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	socket := "unix://" + filepath.Join(dir, "sock")
	cmd := exec.Command("dockerd", "--host", socket, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	// A process group of its own: an interrupt of the test reaches the engine only after the stack is down.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("no Docker engine answers and none can be started: %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Error("the Docker engine did not stop in time")
			_ = cmd.Process.Kill()
		}
	})

	e.env = append(e.env, "DOCKER_HOST="+socket)
	eventually(t, time.Minute, "a Docker engine that answers", func(ctx context.Context) error {
		select {
		case <-ended:
			text, _ := os.ReadFile(logPath)
			t.Fatalf("the Docker engine ended:\n%s", tail(string(text), 40))
		default:
		}
		_, err := e.output(ctx, "docker", "version")
		return err
	})
	t.Logf("started a Docker engine in %s", dir)
	return e
}

// removeBridge has docker0 gone after the test where it was not there before: an engine leaves it.
func removeBridge(t *testing.T) {
	const name = "docker0"
	if _, err := net.InterfaceByName(name); err == nil {
		return
	}
	t.Cleanup(func() {
		if err := exec.Command("ip", "link", "delete", name).Run(); err != nil {
			t.Logf("bridge %s is left behind: %v", name, err)
		}
	})
}

// output runs a program against the engine and returns its output.
func (e *engine) output(ctx context.Context, name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	err := e.run(ctx, nil, &out, &errs, name, args...)
	if err != nil {
		return "", fmt.Errorf("%w\n%s\n%s", err, tail(out.String(), 30), tail(errs.String(), 30))
	}
	return strings.TrimSpace(out.String()), nil
}

// run runs a program against the engine.
func (e *engine) run(ctx context.Context, in io.Reader, out, errs io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = e.env, in, out, errs
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// must is output, and fails the test on an error.
func (e *engine) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := e.output(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually asks once in a while until check has no complaint, and fails the test with the last one.
func eventually(t *testing.T, limit time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v for %s: %v", limit, what, errors.Join(err, context.Cause(ctx)))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
