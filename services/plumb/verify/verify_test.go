package verify_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/plumb/verify"
)

// fixture is a log of two pages, written as honest evaluators do.
type fixture struct {
	*testing.T
	bus      *bustest.Bus
	operator *bus.Conn
	signer   *entrysign.Signer
	pages    []topology.PageRef
	prev     map[string]string
	n        int
}

func newFixture(t *testing.T) *fixture {
	b := bustest.Start(t)
	f := &fixture{T: t, bus: b, operator: b.Conn(topology.Operator),
		signer: entrysign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))), prev: map[string]string{}}
	p := topology.PageRef{Account: proto.NewAccount(), Integration: proto.NewID()}
	f.pages = []topology.PageRef{p, p}
	f.pages[1].Page = 1
	return f
}

// entry returns the next entry of a page as it is published.
func (f *fixture) entry(page int) *nats.Msg {
	f.Helper()
	f.n++
	subject := topology.Log(f.pages[page])
	data, err := proto.Marshal(&proto.Entry{Tick: uint64(f.n), EvaluatedAt: proto.Millis(f.n)})
	if err != nil {
		f.Fatal(err)
	}
	m := &nats.Msg{Subject: subject, Data: data,
		Header: nats.Header{proto.HeaderSchema: {"entry.1"}, proto.HeaderSummary: {"1 2 3"}}}
	signature, err := f.signer.Sign(entrysign.Header{Subject: subject, Tick: uint64(f.n), Prev: f.prev[subject],
		Schema: "entry.1"}, m.Header, data)
	if err != nil {
		f.Fatal(err)
	}
	m.Header.Set(proto.HeaderSignature, signature)
	f.prev[subject] = entrysign.Digest(data)
	return m
}

// write stores a message and waits until the state has it.
func (f *fixture) write(m *nats.Msg) uint64 {
	f.Helper()
	ack, err := f.operator.JetStream().PublishMsg(f.Context(), m)
	if err != nil {
		f.Fatal(err)
	}
	bustest.Eventually(f, "the state has the entry", func() bool {
		got, err := f.operator.Last(f.Context(), topology.PostureState, m.Subject)
		if err != nil {
			return false
		}
		seq, err := bus.LogSequence(got)
		return err == nil && seq == ack.Sequence
	})
	return ack.Sequence
}

// remove deletes a message of a stream as the operator of the bus can.
func (f *fixture) remove(stream string, seq uint64) {
	f.Helper()
	s, err := f.operator.JetStream().Stream(f.Context(), stream)
	if err == nil {
		err = s.DeleteMsg(f.Context(), seq)
	}
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) verify(from time.Time) (verify.Report, []error) {
	f.Helper()
	var problems []error
	keys := func(context.Context, bool) (entrysign.Keys, error) {
		return entrysign.Keys{f.signer.KID(): f.signer.Public()}, nil
	}
	r, err := verify.Log(f.Context(), f.operator, keys, from,
		func(p verify.Problem) { problems = append(problems, p.Err) })
	if err != nil {
		f.Fatal(err)
	}
	return r, problems
}

// expect checks the kinds of problems, in any order.
func (f *fixture) expect(from time.Time, want ...error) verify.Report {
	f.Helper()
	r, got := f.verify(from)
	left := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(left, func(err error) bool { return errors.Is(err, w) })
		if i < 0 {
			f.Fatalf("%v is missing among %v", w, got)
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		f.Fatalf("unexpected: %v", left)
	}
	if r.OK(false) != (len(want) == 0) {
		f.Fatalf("%+v with the problems %v", r, got)
	}
	return r
}

func TestAnHonestLog(t *testing.T) {
	f := newFixture(t)
	for range 4 {
		f.write(f.entry(0))
		f.write(f.entry(1))
	}
	if r := f.expect(time.Time{}); r.Verified != 8 || r.Pages != 2 || r.Quiet != 0 {
		t.Errorf("%+v", r)
	}
	// A range without entries: only the state is verified.
	if r := f.expect(time.Now().Add(time.Hour)); r.Verified != 0 || r.Quiet != 2 {
		t.Errorf("%+v", r)
	}
}

func TestAnEmptyLogIsNotVerified(t *testing.T) {
	f := newFixture(t)
	if r, _ := f.verify(time.Time{}); r.OK(true) {
		t.Errorf("%+v", r)
	}
}

func TestAttacksOnTheBus(t *testing.T) {
	for name, c := range map[string]struct {
		attack func(f *fixture)
		want   []error
	}{
		"an entry is deleted": {func(f *fixture) {
			seq := f.write(f.entry(0))
			f.write(f.entry(0))
			f.remove(topology.PostureLog, seq)
		}, []error{entrysign.ErrGap}},
		"the newest entry is deleted from the log": {func(f *fixture) {
			f.remove(topology.PostureLog, f.write(f.entry(0)))
		}, []error{verify.ErrMissing}},
		"a page is removed from the log": {func(f *fixture) {
			s, err := f.operator.JetStream().Stream(f.Context(), topology.PostureLog)
			if err != nil {
				f.Fatal(err)
			}
			err = s.Purge(f.Context(), jetstream.WithPurgeSubject(topology.Log(f.pages[0])))
			if err != nil {
				f.Fatal(err)
			}
		}, []error{verify.ErrMissing}},
		"an entry is moved": {func(f *fixture) {
			m := f.entry(0)
			m.Subject = topology.Log(f.pages[1])
			f.write(m)
		}, []error{entrysign.ErrMoved}},
		"two entries are exchanged": {func(f *fixture) {
			first, second := f.entry(0), f.entry(0)
			f.write(second)
			f.write(first)
		}, []error{entrysign.ErrGap, entrysign.ErrOrder}},
		"an entry is replayed": {func(f *fixture) {
			m := f.entry(0)
			f.write(m)
			f.write(f.entry(0))
			f.write(m)
		}, []error{entrysign.ErrReplayed}},
		"an entry is forged": {func(f *fixture) {
			genuine := f.signer
			f.signer = entrysign.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 1)))
			m := f.entry(0)
			f.signer = genuine
			f.write(m)
		}, []error{entrysign.ErrUnknownKey}},
		"a payload is changed": {func(f *fixture) {
			m := f.entry(0)
			m.Data[len(m.Data)-1] ^= 1
			f.write(m)
		}, []error{entrysign.ErrForged}},
		"a header is changed": {func(f *fixture) {
			m := f.entry(0)
			m.Header.Set(proto.HeaderSummary, "1 2 4")
			f.write(m)
		}, []error{entrysign.ErrHeaders}},
		"a signature is removed": {func(f *fixture) {
			m := f.entry(0)
			m.Header.Del(proto.HeaderSignature)
			f.write(m)
		}, []error{entrysign.ErrStripped}},
		"the state loses a page": {func(f *fixture) {
			m, err := f.operator.Last(f.Context(), topology.PostureState, topology.Log(f.pages[0]))
			if err != nil {
				f.Fatal(err)
			}
			f.remove(topology.PostureState, m.Seq)
		}, []error{verify.ErrOlderState}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			for range 2 {
				f.write(f.entry(0))
				f.write(f.entry(1))
			}
			c.attack(f)
			f.expect(time.Time{}, c.want...)
		})
	}
}

// Entries of the version before are counted, and are no failure if the operator says so.
func TestUnsignedEntries(t *testing.T) {
	f := newFixture(t)
	m := f.entry(0)
	m.Header.Del(proto.HeaderSignature)
	f.write(m)
	f.write(f.entry(0))
	r, problems := f.verify(time.Time{})
	if len(problems) > 0 || r.Unsigned != 1 || r.Verified != 1 || r.OK(false) || !r.OK(true) {
		t.Errorf("%+v, %v", r, problems)
	}
}

// A key created during the verification is asked for.
func TestANewKey(t *testing.T) {
	f := newFixture(t)
	f.write(f.entry(0))
	asked := 0
	keys := func(_ context.Context, refresh bool) (entrysign.Keys, error) {
		if asked++; !refresh {
			return entrysign.Keys{}, nil
		}
		return entrysign.Keys{f.signer.KID(): f.signer.Public()}, nil
	}
	r, err := verify.Log(t.Context(), f.operator, keys, time.Time{}, func(p verify.Problem) { t.Error(p) })
	if err != nil || r.Verified != 1 || asked != 2 {
		t.Errorf("%+v after asking %d times, %v", r, asked, err)
	}
}
