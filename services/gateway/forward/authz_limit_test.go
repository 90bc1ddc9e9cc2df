package forward

import (
	"io"
	"net"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"plumbline.dev/bus/bustest"
)

// Silent connections beyond the limit are closed, and an Envoy gets its answers.
func TestSilentConnectionsLeaveRoomForEnvoys(t *testing.T) {
	const most = 4
	e := newEnvoy(t, func(c *AuthzConfig) { c.MaxConns = most })
	silent := make([]net.Conn, 5*most)
	for n := range silent {
		var err error
		if silent[n], err = net.Dial("tcp", e.conn.Target()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { silent[n].Close() })
		if n%most == 0 {
			// Its own idle connection may be closed as well; it connects again.
			bustest.Eventually(t, "an Envoy gets an answer", func() bool {
				_, err := e.client.Check(t.Context(), &authv3.CheckRequest{Attributes: attributes("GET", "/public")},
					grpc.WaitForReady(true))
				return err == nil
			})
		}
	}
	for _, c := range silent[:len(silent)-most] {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		// The server sends its settings first.
		if _, err := io.Copy(io.Discard, c); err != nil {
			if wait, ok := err.(net.Error); ok && wait.Timeout() {
				t.Error("a silent connection stays open")
			}
		}
	}
}
