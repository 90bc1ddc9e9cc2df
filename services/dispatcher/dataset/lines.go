package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Lines renders the lines of a destination. It is safe for concurrent use.
type Lines struct {
	Dataset string
	fields  []Field
	heads   [][]byte // of the fields: {"Name": or ,"Name":
	time    func(proto.Millis) any
	sample  uint64 // a line is sent if its hash is at most this
}

// New returns the renderer for settings. It returns an error if they are not supported.
func New(u *proto.Upload) (*Lines, error) {
	fields, err := selected(u.Dataset, u.Fields)
	if err != nil {
		return nil, err
	}
	l := &Lines{Dataset: u.Dataset, fields: fields, sample: math.MaxUint64}
	if l.time, err = timeFormat(u.TimeFormat); err != nil {
		return nil, err
	}
	switch {
	case math.IsNaN(u.SampleRate) || u.SampleRate < 0 || u.SampleRate > 1:
		return nil, fmt.Errorf("sample_rate must be over 0 and at most 1")
	case u.SampleRate > 0 && u.SampleRate < 1:
		l.sample = uint64(u.SampleRate * math.MaxUint64)
	}
	for n, f := range fields {
		l.heads = append(l.heads, fmt.Appendf(nil, "%c%q:", "{,"[min(n, 1)], f.Name))
	}
	return l, nil
}

// Change is a message of [PostureResults].
type Change struct {
	Ref    topology.ChangeRef
	Change *proto.Change
	Seq    uint64       // in POSTURE_LOG
	Check  *proto.Check // nil if it was deleted
	// Devices has the facts that are known about devices.
	Devices map[proto.ID]*proto.Device
}

// UseDevices reports whether the lines of a change have facts about devices.
func (l *Lines) UseDevices() bool {
	return slices.ContainsFunc(l.fields, func(f Field) bool { return f.device })
}

// OfChange renders the lines of a change. A device that was removed has none: it has no result any more.
func (l *Lines) OfChange(m Change) (text []byte, lines int, err error) {
	var b bytes.Buffer
	for n, d := range m.Change.Devices {
		if d.Gone() || !l.sampled(m.Seq, n) {
			continue
		}
		err := l.append(&b, &row{time: l.time, at: m.Change.At, change: changed{check: m.Ref.Check, config: m.Check,
			outcome: m.Ref.Outcome, ChangedDevice: d, facts: m.Devices[d.Device]}})
		if err != nil {
			return nil, 0, fmt.Errorf("lines of a change: %w", err)
		}
		lines++
	}
	return b.Bytes(), lines, nil
}

// OfAccess renders the line of a recorded request. seq is the position of the message in ACCESS_LOG. A message that
// stands for several equal requests has one line.
func (l *Lines) OfAccess(m *proto.Authentication, seq uint64) (text []byte, lines int, err error) {
	if !l.sampled(seq, 0) {
		return nil, 0, nil
	}
	var b bytes.Buffer
	if err := l.append(&b, &row{time: l.time, at: m.At, access: m}); err != nil {
		return nil, 0, fmt.Errorf("line of a request: %w", err)
	}
	return b.Bytes(), 1, nil
}

// append writes one line, with its end.
func (l *Lines) append(b *bytes.Buffer, r *row) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	for n, f := range l.fields {
		b.Write(l.heads[n])
		if f.value == nil {
			b.WriteString("null")
			continue
		}
		if err := e.Encode(f.value(r)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		b.Truncate(b.Len() - 1) // the line feed of the encoder
	}
	b.WriteString("}\n")
	return nil
}

// sampled reports whether a line is sent. The decision is the same each time that a message is read.
func (l *Lines) sampled(seq uint64, n int) bool {
	if l.sample == math.MaxUint64 {
		return true
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d", seq, n)
	// FNV changes the high bits little for short texts; this mixes them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x <= l.sample
}
