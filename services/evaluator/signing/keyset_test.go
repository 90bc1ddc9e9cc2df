package signing

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
	"plumbline.dev/services/internal/seal/sealtest"
)

// fixture is a bus, a clock, and the identities of evaluators.
type fixture struct {
	*testing.T
	bus   *bustest.Bus
	clock *clock.Fake
	ids   []age.Identity
}

func newFixture(t *testing.T) *fixture {
	return &fixture{T: t, bus: bustest.Start(t), clock: clock.NewFake(time.UnixMilli(1_800_000_000_000)),
		ids: sealtest.Identities(t)}
}

// replica starts a key set, and waits until it can sign.
func (f *fixture) replica() *KeySet {
	f.Helper()
	k := NewKeySet(f.bus.Conn(topology.Evaluator), bustest.Log(f), f.clock, f.ids)
	bustest.Run(f, k.Run)
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	if err := k.Await(ctx); err != nil {
		f.Fatal(err)
	}
	return k
}

func (f *fixture) signer(k *KeySet) string {
	f.Helper()
	s, err := k.Signer()
	if err != nil {
		f.Fatal(err)
	}
	return s.KID()
}

// record reads a record of the bucket; nil if there is none.
func (f *fixture) record(number uint64) *proto.EntryKey {
	var r proto.EntryKey
	if f.bus.Newest(topology.EntryKeys, topology.EntryKeyKey(number), &r) == 0 {
		return nil
	}
	return &r
}

// ask requests the public keys as the api does.
func (f *fixture) ask() (entrysign.Keys, string) {
	f.Helper()
	var a proto.EntryKeysAnswer
	bustest.Eventually(f, "an evaluator answers", func() bool {
		ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
		defer cancel()
		return f.bus.Conn(topology.API).Request(ctx, topology.EntryKeysAsked, &proto.EntryKeysQuery{}, &a) == nil &&
			a.Error == nil
	})
	keys, err := entrysign.ParseKeys(a.Keys)
	if err != nil {
		f.Fatal(err)
	}
	return keys, string(a.Keys)
}

func TestReplicasAgreeOnAKey(t *testing.T) {
	f := newFixture(t)
	replicas := []*KeySet{f.replica(), f.replica(), f.replica()}
	for _, k := range replicas {
		bustest.Eventually(t, "one key", func() bool { return f.signer(k) == f.record(1).KID })
	}
	if f.record(2) != nil {
		t.Error("there are two keys")
	}
	bustest.Run(t, func(ctx context.Context) error { return replicas[0].conn.Answer(ctx, replicas[0].Endpoint()) })
	keys, document := f.ask()
	if len(keys) != 1 || keys[f.record(1).KID] == nil || strings.Contains(document, `"d"`) {
		t.Errorf("the public keys are %s", document)
	}
}

func TestRotation(t *testing.T) {
	f := newFixture(t)
	k, other := f.replica(), f.replica()
	bustest.Run(t, func(ctx context.Context) error { return k.conn.Answer(ctx, k.Endpoint()) })
	first := f.signer(k)
	old, err := k.Signer()
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(Interval)
	var second string
	bustest.Eventually(t, "every replica signs with a new key", func() bool {
		second = f.signer(k)
		return second != first && f.signer(other) == second
	})
	if f.record(3) != nil {
		t.Error("two keys were created")
	}
	if _, document := f.ask(); strings.Contains(document, "retired_at") {
		t.Errorf("retired at once: %s", document)
	}
	f.clock.Advance(Overlap)
	bustest.Eventually(t, "the first key is retired", func() bool { return f.record(1).RetiredAt != 0 })
	plain, err := seal.Open(f.ids, first, f.record(1).Sealed)
	if err != nil || plain[0] != publicKey || string(plain[1:]) != string(old.Public()) {
		t.Errorf("the record has %d bytes of kind %d, %v", len(plain), plain[0], err)
	}
	var keys entrysign.Keys
	var document string
	bustest.Eventually(t, "the public keys say so", func() bool {
		keys, document = f.ask()
		return strings.Contains(document, "retired_at")
	})
	if len(keys) != 2 || !keys[first].Equal(old.Public()) || keys[second] == nil {
		t.Errorf("the public keys are %s", document)
	}
	if again := f.signer(f.replica()); again != second {
		t.Errorf("after a restart %s signs, before %s", again, second)
	}
}

// What cannot be read, or is a stranger's, does not become a public key and replaces none.
func TestForeignRecords(t *testing.T) {
	f := newFixture(t)
	k := f.replica()
	bustest.Run(t, func(ctx context.Context) error { return k.conn.Answer(ctx, k.Endpoint()) })
	first := f.signer(k)
	operator := f.bus.Conn(topology.Operator)
	put := func(number uint64, data []byte) {
		t.Helper()
		if _, err := operator.JetStream().Publish(t.Context(),
			topology.BucketSubject(topology.EntryKeys, topology.EntryKeyKey(number)), data); err != nil {
			t.Fatal(err)
		}
	}
	put(1, []byte("not msgpack"))
	put(999, []byte("not msgpack"))
	// A record of another key, with the sealed part of the genuine one.
	to, err := seal.RecipientsOf(f.ids)
	if err != nil {
		t.Fatal(err)
	}
	record, err := generate(f.clock.Now(), to)
	if err != nil {
		t.Fatal(err)
	}
	record.KID = first
	data, err := proto.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	put(5, data)
	bustest.Eventually(t, "all are seen", func() bool {
		s := k.state.Load()
		return s.members[999] != nil && s.members[5] != nil && s.members[1].err != nil
	})
	if got := f.signer(k); got != first {
		t.Errorf("%s signs", got)
	}
	if keys, document := f.ask(); len(keys) != 1 || keys[first] == nil {
		t.Errorf("the public keys are %s", document)
	}
}

// An evaluator with another identity would replace the others' keys: it stops.
func TestAnotherIdentity(t *testing.T) {
	f := newFixture(t)
	f.replica()
	stranger := NewKeySet(f.bus.Conn(topology.Evaluator), bustest.Log(t), f.clock, sealtest.Identities(t))
	if err := stranger.Run(t.Context()); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("ended with %v", err)
	}
	if f.record(2) != nil {
		t.Error("it created a key")
	}
	both := NewKeySet(f.bus.Conn(topology.Evaluator), bustest.Log(t), f.clock, append(sealtest.Identities(t), f.ids...))
	bustest.Run(t, both.Run)
	if err := both.Await(t.Context()); err != nil || f.signer(both) != f.record(1).KID {
		t.Errorf("with both identities: %v", err)
	}
}

func TestPlan(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	signs := func(age time.Duration) *member {
		return &member{key: &key{createdAt: proto.At(now.Add(-age)), signer: new(entrysign.Signer)}}
	}
	retired := func(age time.Duration) *member { return &member{key: &key{createdAt: proto.At(now.Add(-age))}} }
	for name, c := range map[string]struct {
		members map[uint64]*member
		wanted  bool
		want    step
	}{
		"a new installation": {map[uint64]*member{}, false, step{create: 1}},
		"young":              {map[uint64]*member{1: signs(Interval - time.Second)}, false, step{}},
		"due":                {map[uint64]*member{1: signs(Interval)}, false, step{create: 2}},
		"wanted":             {map[uint64]*member{1: signs(0)}, true, step{create: 2}},
		"just rotated":       {map[uint64]*member{1: signs(Interval), 2: signs(Overlap - time.Second)}, false, step{}},
		"after the overlap":  {map[uint64]*member{1: signs(Interval), 2: signs(Overlap)}, false, step{retire: 1}},
		"the successor is retired": {map[uint64]*member{1: signs(9 * Interval), 2: retired(Interval), 3: signs(1)}, false,
			step{retire: 1}},
		"settled":                 {map[uint64]*member{1: retired(Interval), 2: signs(Overlap)}, false, step{}},
		"only retired":            {map[uint64]*member{1: retired(Interval)}, false, step{create: 2}},
		"deleted":                 {map[uint64]*member{1: {}}, false, step{create: 2}},
		"an unreadable newer one": {map[uint64]*member{1: signs(1), 999: {err: errors.New("x")}}, false, step{}},
		"due after unreadable ones": {map[uint64]*member{1: signs(Interval), 999: {err: errors.New("x")}}, false,
			step{create: 1000}},
	} {
		s := &state{members: c.members, complete: true}
		if got := plan(s, now, c.wanted); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
