package posture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
)

// life is a time that a device spent in a page of the inventory. Until is 0 while it is there.
type life struct {
	Page  topology.PageNumber `json:"p"`
	From  instant             `json:"f"`
	Until instant             `json:"u,omitempty"`
}

// odd tells a life that is none of ours.
func (l life) odd() bool { return max(l.From, l.Until) > maxInstant || min(l.From, l.Until) < 0 }

// maxInstant is in the year 2200.
const maxInstant instant = 7_258_118_400_000

// instant is a time in milliseconds; 0 is none.
type instant proto.Millis

// around is some time before or after; none of none.
func (m instant) around(d time.Duration) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return proto.Millis(m).Time().Add(d)
}

// later and sooner are the time that bounds more; a zero time bounds nothing.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Bounds of finding the lives of a device.
const (
	maxLives      = 16
	maxLifeEvents = 100_000          // of the audit log, that are looked at
	livesSlack    = 10 * time.Minute // clocks differ, and entries come after what made them
)

// lives are a device's, the newest first: where it is, and, as the audit log has it from its removals, where it
// was for as long as the posture log goes back.
func (s *API) lives(ctx context.Context, a proto.Account, id proto.ID) ([]life, error) {
	var all []life
	page, d, err := s.device.Find(ctx, a, id)
	if err == nil {
		all = append(all, life{Page: page, From: instant(d.EnrolledAt)})
	} else if !errors.Is(err, device.ErrNotFound) {
		return nil, err
	}
	r, err := s.store.LogPeriod(ctx, store.LogRange{Stream: topology.AuditLog, Subject: topology.Audit(a)}, s.store.Clock.Now().Add(-store.LogRetention), time.Time{})
	if err != nil {
		return nil, err
	}
	name, looked := []byte(id.String()), 0
	err = s.store.ReadBackwards(ctx, r, func(m *bus.Msg) error {
		if looked++; looked > maxLifeEvents || len(all) == maxLives {
			return bus.ErrStop
		}
		if !bytes.Contains(m.Data, name) {
			return nil
		}
		var e proto.AuditEvent
		if err := m.Decode(&e); err != nil {
			s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			return nil
		}
		if e.Kind != device.AuditKind || e.Action != store.ActionDelete || e.Resource != id.String() {
			return nil
		}
		var was struct {
			Page     *topology.PageNumber `json:"page"`
			Enrolled time.Time            `json:"enrolled_at"`
		}
		if json.Unmarshal(e.Before, &was) == nil && was.Page != nil {
			all = append(all, life{Page: *was.Page, From: instant(proto.At(was.Enrolled)), Until: instant(e.At)})
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = device.ErrNotFound
	}
	return all, err
}
