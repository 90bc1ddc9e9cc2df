//go:build linux || darwin

package embed_test

import (
	"context"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
)

// A limit on the size of files stands for a full disk. The limit exceeds the log of opened files kept by go test, and
// is below the size of the store's blocks.
func TestWatchTellsOfAStoreThatCannotBeWritten(t *testing.T) {
	s, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	watched := make(chan error, 1)
	go func() { watched <- s.Watch(t.Context()) }()

	c, err := s.Connect(t.Context(), topology.Operator, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stream := topology.Streams(topology.Options{})[0]
	stream.MaxMsgsPerSubject, stream.MaxBytes = -1, -1
	if _, err := c.JetStream().CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4 << 20, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)
	subject, body := "posture.tick.a.b", make([]byte, 512<<10)
	bustest.Eventually(t, "Watch tells of a store that cannot be written", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, _ = c.JetStream().Publish(ctx, subject, body) // the server does not answer when it fails
		select {
		case err := <-watched:
			if err == nil {
				t.Error("Watch ended without an error")
			}
			return true
		default:
			return false
		}
	})
}

// The free space of the disk is no bound, because other programs use it too: a server that started with more free space
// could no longer change its streams, for example for another version.
func TestStreamsMayBeBoundedByTheWholeDisk(t *testing.T) {
	dir := t.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	s, err := embed.Start(t.Context(), embed.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := s.Connect(t.Context(), topology.Operator, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := topology.Options{LogMaxBytes: int64(disk.Blocks) * int64(disk.Bsize) / 10 * 9}
	if err := provision.Topology(t.Context(), conn, o); err != nil {
		t.Fatal(err)
	}
	log, err := conn.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	if got := log.CachedInfo().Config.MaxBytes; got != o.LogMaxBytes {
		t.Errorf("the log is bounded by %d bytes, not by %d", got, o.LogMaxBytes)
	}
}
