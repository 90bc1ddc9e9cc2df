package proto

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// Fields have the form that an encoder gives them: the shortest one.
func TestFieldsAreThoseOfAnEncoder(t *testing.T) {
	var numbers []int64
	for bits := range 63 {
		for _, n := range []int64{-2, -1, 0, 1} {
			numbers = append(numbers, 1<<bits+n, -(1<<bits)+n)
		}
	}
	numbers = append(numbers, math.MaxInt64, math.MinInt64)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.SampledFrom(numbers), rapid.Int64()).Draw(t, "number")
		n := rapid.SampledFrom([]int{0, 1, 15, 16, 31, 32, 255, 256, 1000, 65535, 65536}).Draw(t, "length")
		id, text := ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), strings.Repeat("x", n)
		var w writer
		w.int(v)
		w.uint(uint64(v))
		w.array(n)
		w.str(text)
		w.id(&id)
		w.bool(v > 0)
		w.none()
		var want bytes.Buffer
		enc := msgpack.NewEncoder(&want)
		for _, err := range []error{enc.EncodeInt(v), enc.EncodeUint(uint64(v)), enc.EncodeArrayLen(n),
			enc.EncodeString(text), enc.EncodeBytes(id[:]), enc.EncodeBool(v > 0), enc.EncodeNil()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(w.b, want.Bytes()) {
			t.Fatalf("%x, an encoder writes %x", w.b, want.Bytes())
		}
	})
}

// The buffer of a message does not grow while it is written, and is not much too large for a full page.
func TestSizes(t *testing.T) {
	e := Entry{Cause: CausePoll, Poll: Poll{Detail: strings.Repeat("x", MaxPollDetail)}, Checks: make([]CheckRef, 2)}
	in := Input{Cause: CausePoll, Poll: e.Poll}
	var p Page
	for range PageSize {
		e.Results = append(e.Results, Result{Device: NewID(), Score: 100, S2SID: strings.Repeat("s", 40),
			ObservedAt: 1, Verdicts: slices.Repeat([]Verdict{{Outcome: OutcomeUnknown, Reason: ReasonHeld}}, 2)})
		in.Observations = append(in.Observations, Observation{Device: NewID(), Score: NoScore, S2SID: "agent"})
		p.Devices = append(p.Devices, Device{ID: NewID(), Hostname: "host", EnrolledAt: math.MaxInt64,
			UpdatedAt: math.MaxInt64, RevokedAt: math.MaxInt64})
	}
	for _, m := range []interface {
		Message
		fielded
	}{&e, &in, &p} {
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if size := m.size(); len(data) > size || size > 2*len(data) {
			t.Errorf("%s: %d bytes in a buffer of %d", m.Schema(), len(data), size)
		}
	}
}
