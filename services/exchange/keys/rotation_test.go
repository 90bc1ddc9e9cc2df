package keys

import (
	"errors"
	"slices"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
)

func TestKeysRotateEverySixWeeks(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	began := w.clock.Now()
	kid := func() string {
		t.Helper()
		token, err := r.sign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return kidOf(token)
	}
	old, err := r.sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a := w.command(r, &proto.KeysCommand{}); a.IntervalDays != 42 || a.LastRotation != proto.At(began) ||
		a.NextRotation != proto.At(began.Add(42*day)) {
		t.Errorf("%+v", a)
	}
	w.clock.Set(began.Add(42*day - time.Second))
	w.settled(r)
	if kid() != kidOf(old) {
		t.Error("rotated before its time")
	}
	w.clock.Set(began.Add(42 * day))
	w.settled(r)
	if kid() == kidOf(old) {
		t.Fatal("not rotated in time")
	}
	if a := w.command(r, &proto.KeysCommand{}); a.LastRotation != proto.At(began.Add(42*day)) ||
		a.NextRotation != proto.At(began.Add(84*day)) {
		t.Errorf("%+v", a)
	}
	w.clock.Set(began.Add(49*day - time.Second))
	w.settled(r)
	if err := verify(t.Context(), r, old); err != nil {
		t.Errorf("the previous key is not accepted for seven days: %v", err)
	}
	w.clock.Set(began.Add(49 * day))
	w.settled(r)
	if err := verify(t.Context(), r, old); err == nil {
		t.Error("the previous key is still published")
	}
	var record proto.SigningKey
	if _, err := r.conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(1), &record); !errors.Is(err,
		bus.ErrNotFound) {
		t.Errorf("the previous key is still there: %v", err)
	}
	// A shorter interval counts from the last rotation.
	if a := w.command(r, &proto.KeysCommand{IntervalDays: 21}); a.IntervalDays != 21 ||
		a.NextRotation != proto.At(began.Add(63*day)) {
		t.Errorf("%+v", a)
	}
	before := kid()
	w.clock.Set(began.Add(63 * day))
	w.settled(r)
	if kid() == before {
		t.Error("the new interval does not count")
	}
}

// On a new installation the next key is as young as the first: the rotation is remembered.
func TestARotationThatIsWantedTooEarlyHappensWithinAMinute(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	began := w.clock.Now()
	for range 2 {
		if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil || a.LastRotation != proto.At(began) ||
			a.NextRotation != proto.At(began.Add(Lead)) {
			t.Fatalf("%+v", a)
		}
	}
	r.stop()
	// Any replica running at this time performs it.
	w.clock.Advance(Lead - time.Second)
	r = w.start()
	w.settled(r)
	if got := w.rotation(); got.Current != 1 || !got.Wanted {
		t.Fatalf("%+v", got)
	}
	w.clock.Advance(Lead)
	bustest.Eventually(t, "the key is replaced", func() bool { return w.rotation().Current == 2 })
	if got := w.rotation(); got.Wanted {
		t.Errorf("%+v", got)
	}
	// The rotation happens at once if the next key has been published long enough.
	bustest.Eventually(t, "the key after it is made", func() bool {
		return w.bus.Newest(topology.Keys, topology.SigningKeyKey(3), new(proto.SigningKey)) != 0
	})
	w.settled(r)
	w.clock.Advance(time.Hour)
	w.settled(r)
	if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.LastRotation != proto.At(w.clock.Now()) {
		t.Errorf("%+v", a)
	}
	w.settled(r)
}

// An installation of the build before had one key and no record of a rotation.
func TestAnInstallationFromBeforeIsTakenOver(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	conn := w.bus.Conn(topology.Exchange)
	to, err := seal.RecipientsOf(w.ids)
	if err != nil {
		t.Fatal(err)
	}
	made := w.clock.Now().Add(-100 * day)
	record, err := generate(made, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Put(t.Context(), topology.Keys, topology.SigningKeyKey(1), record, 0); err != nil {
		t.Fatal(err)
	}
	replicas := []*delayedSet{w.start(), w.start()}
	w.settled(replicas...)
	token, err := replicas[0].sign(t.Context())
	if err != nil || kidOf(token) != record.KID {
		t.Fatalf("signed with %s, not %s: %v", kidOf(token), record.KID, err)
	}
	if got := w.rotation(); got.Current != 1 || got.Since != proto.At(made) || got.IntervalDays != 42 {
		t.Errorf("%+v", got)
	}
	// It is overdue; verifiers get a day to know the next key.
	w.clock.Advance(23 * time.Hour)
	w.settled(replicas...)
	if got := w.rotation(); got.Current != 1 {
		t.Errorf("%+v", got)
	}
	w.clock.Advance(time.Hour)
	w.settled(replicas...)
	if got := w.rotation(); got.Current != 2 || len(got.Previous) != 1 {
		t.Errorf("%+v", got)
	}
	if err := verify(t.Context(), replicas[1], token); err != nil {
		t.Error(err)
	}
}

// The next replica repairs the state left by a crash.
func TestWhatACrashLeftIsPutRight(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	w.clock.Advance(time.Hour)
	w.settled(r)
	if a := w.command(r, &proto.KeysCommand{Rotate: true}); a.Error != nil {
		t.Fatal(a.Error)
	}
	w.settled(r)
	r.stop()
	conn := w.bus.Conn(topology.Exchange)
	// The record no longer lists key 1, which was not deleted yet, and key 3 was not made yet.
	got := w.rotation()
	got.Previous = nil
	var record proto.SigningKey
	revision, err := conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(3), &record)
	if err == nil {
		err = conn.Delete(t.Context(), topology.Keys, topology.SigningKeyKey(3), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	if revision, err = conn.Get(t.Context(), topology.Keys, topology.RotationKey, &proto.KeyRotation{}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Put(t.Context(), topology.Keys, topology.RotationKey, got, revision); err != nil {
		t.Fatal(err)
	}
	r = w.start()
	if _, err := r.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settled(r)
	if all := r.state.Load().published(); !slices.Equal(all, []uint64{2, 3}) {
		t.Errorf("published: %v", all)
	}
	if len(r.state.Load().members) != 2 {
		t.Error("what nothing names is still there")
	}
	// If even the signing key is lost, the next key replaces it.
	if revision, err = conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(2), &record); err == nil {
		err = conn.Delete(t.Context(), topology.Keys, topology.SigningKeyKey(2), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "nothing is signed", func() bool {
		_, err := r.sign(t.Context())
		return errors.Is(err, ErrNoKey)
	})
	w.clock.Advance(Lead)
	bustest.Eventually(t, "the next key signs", func() bool { _, err := r.sign(t.Context()); return err == nil })
	w.settled(r)
}
