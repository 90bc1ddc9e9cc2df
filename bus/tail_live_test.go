package bus_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// taken is the list of messages applied by a tail.
type taken struct {
	mu  sync.Mutex
	all []*bus.Msg
}

func (x *taken) apply(m *bus.Msg) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, m)
	return nil
}

func (x *taken) seqs() (all []uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.all {
		all = append(all, m.Seq)
	}
	return all
}

func (x *taken) last() uint64 {
	if all := x.seqs(); len(all) > 0 {
		return all[len(all)-1]
	}
	return 0
}

// run runs a tail until the test ends, and fails the test if the tail ends earlier.
func run(t *testing.T, tail *bus.Tail) {
	t.Helper()
	bustest.Run(t, tail.Run)
}

// A tail receives all matching messages in order, existing and later ones, regardless of other messages, their headers,
// and spurious notifications.
func TestATailReadsWhatMatchesAndIsNotMisled(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	operator, broken := b.Conn(topology.Operator), b.BrokenConn()
	a := proto.NewAccount()
	var want []uint64
	put := func(c *bus.Conn, kind topology.Kind, id proto.ID, header nats.Header) {
		t.Helper()
		m := &nats.Msg{Subject: topology.BucketSubject(topology.Config, topology.ConfigKey(a, kind, id)), Data: []byte("x"),
			Header: header}
		ack, err := c.JetStream().PublishMsg(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if kind == topology.KindApplication || kind == topology.KindPolicy {
			want = append(want, ack.Sequence)
		}
	}
	for range 600 {
		put(operator, topology.KindApplication, proto.NewID(), nil)
		put(operator, topology.KindTag, proto.NewID(), nil)
	}
	// Messages with the headers of server replies, and unreadable headers.
	misleading := []nats.Header{
		{"Nats-Sequence": {"1"}, "Nats-Subject": {"else"}, "Nats-Last-Sequence": {"7"}, "Nats-Num-Pending": {"0"}, "Nats-Time-Stamp": {"now"}},
		{"Status": {"204"}, "Description": {"EOB"}}, {"Status": {"404"}}, {"Status": {"503"}}, {bustest.BrokenHeader: {"x"}},
		{"Nats-Stream": {"KV_KEYS"}}, {bustest.BrokenHeader: {"x"}}, {bustest.BrokenHeader: {"x"}},
	}
	for _, h := range misleading {
		put(broken, topology.KindPolicy, proto.NewID(), h)
	}
	put(operator, topology.KindPolicy, proto.NewID(), nil)
	var got taken
	current := make(chan struct{})
	tail := &bus.Tail{Conn: b.Conn(topology.Gateway), Stream: topology.BucketStream(topology.Config), Apply: got.apply,
		Filters: []string{topology.BucketSubject(topology.Config, topology.ConfigKeys(topology.KindApplication)),
			topology.BucketSubject(topology.Config, topology.ConfigKeys(topology.KindPolicy))},
		Current: func() { close(current) }}
	run(t, tail)
	<-current
	if !slices.Equal(got.seqs(), want) {
		t.Fatalf("at first %d messages, %d were written", len(got.seqs()), len(want))
	}
	for n := range 50 {
		// A notification about a missing message.
		if err := operator.NATS().PublishMsg(
			&nats.Msg{Subject: strings.ReplaceAll(topology.Bell(tail.Stream, tail.Filters[0]), "*", "x"),
				Header: nats.Header{"Nats-Sequence": {fmt.Sprint(1_000_000 + n)}}}); err != nil {
			t.Fatal(err)
		}
		put(broken, topology.KindApplication, proto.NewID(), misleading[n%len(misleading)])
		put(operator, topology.KindTag, proto.NewID(), nil)
	}
	bustest.Eventually(t, "everything was read", func() bool { return got.last() == want[len(want)-1] })
	if !slices.Equal(got.seqs(), want) {
		t.Errorf("%d messages, %d were written", len(got.seqs()), len(want))
	}
	bustest.Eventually(t, "the tail is as far", func() bool { return tail.At() >= got.last() })
}

// Without a notification, messages are read a moment later.
func TestALostBellDelaysByAMoment(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	operator := b.Conn(topology.Operator)
	for _, cfg := range topology.Streams(topology.Options{LogMaxBytes: 1 << 30}) {
		if cfg.Name == topology.BucketStream(topology.Tokens) {
			cfg.RePublish = nil
			if _, err := operator.JetStream().UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got taken
	run(t, &bus.Tail{Conn: b.Conn(topology.Gateway), Stream: topology.BucketStream(topology.Tokens), Apply: got.apply,
		Filters: []string{topology.BucketSubject(topology.Tokens, topology.AllServiceTokenKeys)}})
	put := func(n uint64) {
		t.Helper()
		seq, err := b.Conn(topology.API).Put(t.Context(), topology.Tokens, fmt.Sprintf("a.service.%d", n),
			&proto.TokenSeen{At: 1}, 0)
		if err != nil || seq != n {
			t.Fatalf("%d, %v", seq, err)
		}
	}
	put(1)
	bustest.Eventually(t, "the first is read", func() bool { return got.last() == 1 })
	put(2)
	bustest.Eventually(t, "the second is read", func() bool { return got.last() == 2 })
	// A newer topology adds notifications to an existing stream, which keeps its messages.
	if err := provision.Topology(t.Context(), operator, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	bell, err := b.Conn(topology.Gateway).NATS().SubscribeSync(topology.Bell(topology.BucketStream(topology.Tokens),
		"$KV.TOKENS.*.service.*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Conn(topology.Gateway).Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(3)
	rung, err := bell.NextMsgWithContext(t.Context())
	if err != nil || len(rung.Data) != 0 || rung.Header.Get("Nats-Sequence") != "3" {
		t.Errorf("the bell: %+v, %v", rung, err)
	}
	bustest.Eventually(t, "the third is read", func() bool { return got.last() == 3 })
}

// A reader begins before its stream is there, and is told if the stream is made anew.
func TestATailOfAStreamThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	operator, js := b.Conn(topology.Operator), b.Conn(topology.Operator).JetStream()
	stream := topology.BucketStream(topology.Sessions)
	if err := js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	var got taken
	var mu sync.Mutex
	currents, resets := 0, 0
	reader := b.ConnWith(0, topology.Operator, bustest.TailsConfirm(200*time.Millisecond, 200*time.Millisecond))
	run(t, &bus.Tail{Conn: reader, Stream: stream, Filters: []string{topology.BucketSubject(topology.Sessions, ">")},
		Apply: got.apply, Current: func() { mu.Lock(); currents++; mu.Unlock() },
		Reset: func() error { mu.Lock(); resets++; mu.Unlock(); return nil }})
	know := func(what string, wantCurrents, wantResets int, want ...uint64) {
		t.Helper()
		bustest.Eventually(t, what, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return currents == wantCurrents && resets == wantResets && slices.Equal(got.seqs(), want)
		})
	}
	provision := func() {
		t.Helper()
		if err := provision.Topology(t.Context(), operator, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(key string) {
		t.Helper()
		if _, err := operator.Put(t.Context(), topology.Sessions, key, &proto.TokenSeen{At: 1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	provision()
	know("an empty stream is read", 1, 0)
	put("a")
	put("b")
	know("it is read", 1, 0, 1, 2)
	if err := js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	provision()
	put("c")
	know("it is read anew", 2, 1, 1, 2, 1)
	put("d")
	know("and then on", 2, 1, 1, 2, 1, 2)
}
