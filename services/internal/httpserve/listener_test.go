package httpserve_test

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"plumbline.dev/services/internal/httpserve"
)

// Above its limit, a listener closes the connection that has been silent for the longest time, and no other.
func TestALimitedListenerClosesSilentConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := httpserve.Limit(inner, 2, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	echoes := func(c net.Conn) bool {
		t.Helper()
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Write([]byte("x"))
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
		return err == nil
	}
	addr := inner.Addr().String()
	first := dial(t, addr, "")
	if !echoes(first) {
		t.Fatal("the first connection gets no answer")
	}
	second := dial(t, addr, "")
	if !echoes(second) || !echoes(first) { // the second is now the silent one
		t.Fatal("two connections are over the limit of two")
	}
	third := dial(t, addr, "")
	if !echoes(third) || !echoes(first) {
		t.Error("a connection in use was closed")
	}
	if echoes(second) {
		t.Error("the silent connection stays open")
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
}
