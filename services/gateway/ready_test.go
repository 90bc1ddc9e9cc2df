package gateway

import (
	"errors"
	"testing"

	"plumbline.dev/bus"
)

type fakeLink struct {
	connected           bool
	stalled, unwritable error
}

func (l fakeLink) Connected() bool   { return l.connected }
func (l fakeLink) Stalled() error    { return l.stalled }
func (l fakeLink) Unwritable() error { return l.unwritable }

// A gateway with a stalled reader is not ready, unless it is without a connection: then it goes on with what it knows.
func TestReadyWithAStalledReader(t *testing.T) {
	w := newFixture(t, Config{})
	if w.gateway.link != link(w.gateway.conn) {
		t.Fatal("the gateway's readiness does not look at its connection")
	}
	stalled := errors.New("read KV_CONFIG is stalled")
	for _, c := range []struct {
		name string
		link fakeLink
		want error
	}{
		{"all readers hear from NATS", fakeLink{connected: true}, nil},
		{"a reader is stalled", fakeLink{connected: true, stalled: stalled}, stalled},
		{"NATS stores nothing", fakeLink{connected: true, unwritable: bus.ErrFull}, bus.ErrFull},
		{"there is no connection", fakeLink{stalled: stalled, unwritable: bus.ErrFull}, nil},
	} {
		w.gateway.link = c.link
		if err := w.gateway.Ready(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%s: ready is %v, want %v", c.name, err, c.want)
		}
	}
}
