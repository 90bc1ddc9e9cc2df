package embed_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/embed"
)

// A revoked follower is disconnected from every server of a cluster and cannot log in again, a new one can.
func TestARevokedFollowerIsCutOff(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *bustest.Bus{"one server": bustest.Start,
		"three servers": bustest.Cluster} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			authority := b.Server(0).Authority()
			soc, err := authority.Follower("soc")
			if err != nil {
				t.Fatal(err)
			}
			siem, err := authority.Follower("siem")
			if err != nil {
				t.Fatal(err)
			}
			var cut []chan struct{}
			for i := range b.Servers() {
				closed := make(chan struct{})
				cut = append(cut, closed)
				nc, err := nats.Connect("", b.Server(i).InProcess(), nats.UserCredentialBytes(soc), nats.NoReconnect(),
					nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(nc.Close)
			}
			if err := authority.Revoke("soc"); err != nil {
				t.Fatal(err)
			}
			n, err := authority.Push(t.Context(), "", b.Server(0).InProcess())
			if err != nil || n != b.Servers() {
				t.Fatalf("%d servers took it, %v", n, err)
			}
			for i, closed := range cut {
				bustest.Eventually(t, "the revoked follower is disconnected", func() bool {
					select {
					case <-closed:
						return true
					default:
						return false
					}
				})
				mayLogIn(t, b.Server(i), soc, false)
				mayLogIn(t, b.Server(i), siem, true)
			}
			again, err := authority.Follower("soc")
			if err != nil {
				t.Fatal(err)
			}
			mayLogIn(t, b.Server(0), again, true)
		})
	}
}

func mayLogIn(t *testing.T, s *embed.Server, file []byte, want bool) {
	t.Helper()
	nc, err := nats.Connect("", s.InProcess(), nats.UserCredentialBytes(file))
	if err == nil {
		nc.Close()
	}
	if (err == nil) != want {
		t.Errorf("a login ended with %v, want success %v", err, want)
	}
}

// A revocation while no server runs counts at the next start.
func TestARevocationIsKept(t *testing.T) {
	dir := t.TempDir()
	var file []byte
	for run := range 2 {
		s, err := embed.Start(t.Context(), embed.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			if file, err = s.Authority().Follower("soc"); err != nil {
				t.Fatal(err)
			}
		}
		mayLogIn(t, s, file, run == 0)
		s.Close()
		if run == 0 {
			a, err := creds.Open(dir + "/nats")
			if err == nil {
				err = a.Revoke("soc")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
