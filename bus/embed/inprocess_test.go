package embed

import (
	"net"
	"testing"
)

// A server that reads the first of a client's two writes, answers and closes: the client reads the answer.
func TestARejectionIsReadWhileTheServerDoesNotRead(t *testing.T) {
	server, client := net.Pipe()
	c := &loginConn{Conn: client}
	ended := make(chan error, 1)
	go func() {
		defer server.Close()
		if _, err := server.Read(make([]byte, 100)); err != nil {
			ended <- err
			return
		}
		_, err := server.Write([]byte("-ERR"))
		ended <- err
	}()
	for _, text := range []string{"CONNECT", "PING"} {
		if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("%s: wrote %d bytes, %v", text, n, err)
		}
	}
	answer := make([]byte, 100)
	if n, err := c.Read(answer); err != nil || string(answer[:n]) != "-ERR" {
		t.Errorf("read %q, %v", answer[:n], err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := c.Write([]byte("PUB")); err == nil {
		t.Error("a write after the end of the connection succeeded")
	}
}

// Writes of a client arrive in order.
func TestWritesArriveInOrder(t *testing.T) {
	server, client := net.Pipe()
	c := &loginConn{Conn: client}
	go func() {
		defer client.Close()
		for _, text := range []string{"a", "b", "c", "d"} {
			if _, err := c.Write([]byte(text)); err != nil {
				t.Error(err)
			}
		}
	}()
	var got string
	for buf := make([]byte, 100); ; {
		n, err := server.Read(buf)
		got += string(buf[:n])
		if err != nil {
			break
		}
	}
	if got != "abcd" {
		t.Errorf("the server read %q", got)
	}
}
