// Package verify verifies the signatures of the posture log: every entry in a range, its place in the chain of its
// page, and that the state holds the newest entry of each page.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
)

// ErrMissing means that the log lacks an entry that the state holds.
var ErrMissing = errors.New("the log lacks this entry of the state")

// ErrOlderState means that the state holds an older entry than the log.
var ErrOlderState = errors.New("the state holds an older entry than the log")

// Keys returns the public keys. refresh is set if an entry names a key that was not among them.
type Keys func(ctx context.Context, refresh bool) (entrysign.Keys, error)

// Problem is an entry that is not verified.
type Problem struct {
	Seq     uint64 // in POSTURE_LOG
	At      time.Time
	Subject string
	Err     error // of package entrysign or this one
}

// Report counts entries.
type Report struct {
	First, Last uint64 // the verified range of POSTURE_LOG
	Verified    int    // entries that are genuine and in their place
	Unsigned    int    // entries of versions without signatures
	Failed      int    // entries that are not genuine, or not in their place
	Gaps        int    // places where entries are missing
	Pages       int    // pages with entries in the range
	Quiet       int    // pages without entries in the range, whose newest entry in the state is verified
}

// OK reports whether everything was verified, and something was. With unsigned, entries without signatures count as
// verified.
func (r *Report) OK(unsigned bool) bool {
	return r.Failed == 0 && r.Gaps == 0 && (unsigned || r.Unsigned == 0) && r.Verified+r.Unsigned+r.Quiet > 0
}

// Log verifies the entries stored at or after a time, and calls each with every problem. conn needs the permissions of
// the operator. Entries stored after the start of Log are left out.
func Log(ctx context.Context, conn *bus.Conn, keys Keys, from time.Time, each func(Problem)) (Report, error) {
	v := verifier{conn: conn, keys: keys, each: each, newest: map[string]uint64{}, failed: map[uint64]bool{},
		unknown: map[string]bool{}}
	var err error
	if v.chain.Keys, err = keys(ctx, false); err != nil {
		return v.Report, err
	}
	p, err := conn.Position(ctx, topology.PostureLog)
	if err != nil {
		return v.Report, err
	}
	v.Last = p.Last
	if v.First, err = conn.FirstSince(ctx, topology.PostureLog, topology.AllLogs, from); err != nil {
		if !errors.Is(err, bus.ErrNotFound) {
			return v.Report, err
		}
		v.First = 0
	}
	if v.First == 0 { // none since
		v.First = v.Last + 1
	}
	if err := v.log(ctx); err != nil {
		return v.Report, err
	}
	v.Pages = len(v.newest)
	if err := v.state(ctx); err != nil {
		return v.Report, err
	}
	return v.Report, nil
}

type verifier struct {
	Report
	conn    *bus.Conn
	keys    Keys
	each    func(Problem)
	chain   entrysign.Chain
	newest  map[string]uint64 // sequence of each page's last entry in the range
	failed  map[uint64]bool   // sequences of entries with problems
	unknown map[string]bool   // ids of keys that are not among the public ones
}

// log verifies the range. A lagging replica may end it early, so the leader is asked for the next entry.
func (v *verifier) log(ctx context.Context) error {
	read := v.First - 1
	for {
		err := v.conn.Range(ctx, topology.PostureLog, topology.AllLogs, read+1, v.Last, func(m *bus.Msg) error {
			read = m.Seq
			v.newest[m.Subject] = m.Seq
			if err := v.known(ctx, m); err != nil {
				return err
			}
			v.count(m, m.Seq, v.chain.Add(entrysign.Message{Subject: m.Subject, Headers: m.Header, Payload: m.Data}))
			return nil
		})
		if err != nil {
			return err
		}
		next, err := v.conn.NextAfter(ctx, topology.PostureLog, topology.AllLogs, read)
		switch {
		case err != nil:
			return err
		case next == 0 || next > v.Last:
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// known fetches the public keys again if an entry names another one: evaluators may have created it meanwhile.
func (v *verifier) known(ctx context.Context, m *bus.Msg) error {
	kid := entrysign.KeyOf(m.Header)
	if kid == "" || v.chain.Keys[kid] != nil || v.unknown[kid] {
		return nil
	}
	keys, err := v.keys(ctx, true)
	if err != nil {
		return err
	}
	v.chain.Keys, v.unknown[kid] = keys, keys[kid] == nil
	return nil
}

func (v *verifier) count(m *bus.Msg, seq uint64, err error) {
	switch {
	case err == nil:
		v.Verified++
		return
	case errors.Is(err, entrysign.ErrUnsigned):
		v.Unsigned++
		return
	case errors.Is(err, entrysign.ErrGap), errors.Is(err, ErrMissing):
		v.Gaps++
	default:
		v.Failed++
	}
	v.failed[seq] = true
	v.each(Problem{Seq: seq, At: m.Time, Subject: m.Subject, Err: err})
}

// state compares the newest entry of each page with the log. For a page without entries in the range, it verifies the
// newest entry by itself.
func (v *verifier) state(ctx context.Context) error {
	p, err := v.conn.Position(ctx, topology.PostureState)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	err = v.conn.Range(ctx, topology.PostureState, topology.AllLogs, 1, p.Last, func(m *bus.Msg) error {
		seen[m.Subject] = true
		return v.page(ctx, m)
	})
	if err != nil {
		return err
	}
	for subject, seq := range v.newest {
		if seen[subject] {
			continue
		}
		// The state had another entry of the page while it was read, or has none.
		m, err := v.conn.Last(ctx, topology.PostureState, subject)
		switch {
		case errors.Is(err, bus.ErrNotFound):
			m, err = &bus.Msg{Subject: subject}, nil
			v.count(m, seq, ErrOlderState)
		case err == nil:
			err = v.page(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lag is how long the state may lack an entry of the log.
const lag = 20 * time.Second

// page verifies the newest entry of a page in the state.
func (v *verifier) page(ctx context.Context, m *bus.Msg) error {
	if err := v.known(ctx, m); err != nil {
		return err
	}
	seq, err := bus.LogSequence(m)
	if err != nil {
		v.count(m, m.Seq, entrysign.ErrMalformed)
		return nil
	}
	last, inRange := v.newest[m.Subject]
	_, same := v.chain.Newest(m.Subject, m.Data)
	switch {
	case inRange && same && seq == last:
		v.copied(m, seq)
		return nil
	case inRange && seq < last:
		return v.older(ctx, m.Subject, last)
	case seq > v.Last:
		return v.stored(ctx, m, seq) // stored after the range
	case inRange && seq == last:
		v.count(m, seq, entrysign.ErrForged)
		return nil
	case inRange || seq >= v.First:
		v.count(m, seq, ErrMissing)
		return nil
	}
	if _, err := entrysign.Verify(v.chain.Keys, m.Subject, m.Header, m.Data); err == nil {
		v.Quiet++
	} else {
		v.count(m, seq, err)
	}
	return nil
}

// copied verifies the headers of an entry that the state and the log hold. A problem of the log's is counted once.
func (v *verifier) copied(m *bus.Msg, seq uint64) {
	_, err := entrysign.Verify(v.chain.Keys, m.Subject, m.Header, m.Data)
	if errors.Is(err, entrysign.ErrUnsigned) {
		err = nil
		if v.chain.Signed(m.Subject) {
			err = entrysign.ErrStripped
		}
	}
	if err != nil && !v.failed[seq] {
		v.count(m, seq, err)
	}
}

// older waits for the state of a page to show an entry of the log.
func (v *verifier) older(ctx context.Context, subject string, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, lag)
	defer cancel()
	for {
		m, err := v.conn.Last(ctx, topology.PostureState, subject)
		if err == nil {
			if seq, err := bus.LogSequence(m); err == nil && seq >= last {
				return v.page(context.WithoutCancel(ctx), m)
			}
		}
		if pause(ctx) != nil {
			v.count(&bus.Msg{Subject: subject}, last, ErrOlderState)
			return nil
		}
	}
}

// stored verifies an entry stored after the range: the log must hold the same.
func (v *verifier) stored(ctx context.Context, m *bus.Msg, seq uint64) error {
	inLog, err := v.conn.At(ctx, topology.PostureLog, seq)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return fmt.Errorf("entry %d: %w", seq, err)
	}
	if err != nil || inLog.Subject != m.Subject || string(inLog.Data) != string(m.Data) ||
		inLog.Header.Get(proto.HeaderSignature) != m.Header.Get(proto.HeaderSignature) {
		v.count(m, seq, ErrMissing)
		return nil
	}
	if _, err := entrysign.Verify(v.chain.Keys, m.Subject, m.Header, m.Data); err != nil {
		v.count(m, seq, err)
	} else if _, inRange := v.newest[m.Subject]; !inRange {
		v.Quiet++
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
