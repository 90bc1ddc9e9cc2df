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

// life is a period that a device spent in one page of the inventory. Until is 0 if it is still there.
type life struct {
	Page  topology.PageNumber `json:"p"`
	From  instant             `json:"f"`
	Until instant             `json:"u,omitempty"`
}

// odd reports whether a life has times that the api never writes.
func (l life) odd() bool { return max(l.From, l.Until) > maxInstant || min(l.From, l.Until) < 0 }

// maxInstant is a time in the year 2200.
const maxInstant instant = 7_258_118_400_000

// instant is a time in milliseconds since the epoch; 0 means none.
type instant proto.Millis

// around returns the time shifted by d; the zero time if there is none.
func (m instant) around(d time.Duration) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return proto.Millis(m).Time().Add(d)
}

// later and sooner return the tighter bound; a zero time is no bound.
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

// Bounds of the search for a device's lives.
const (
	maxLives      = 16
	maxLifeEvents = 100_000          // audit log events read
	livesSlack    = 10 * time.Minute // for clock differences, and because entries follow their causes
)

// lives returns a device's lives, newest first: the current one, and earlier ones according to the removals in the
// audit log, as far back as the posture log goes.
func (s *API) lives(ctx context.Context, a proto.Account, id proto.ID) ([]life, error) {
	var all []life
	page, d, err := s.device.Find(ctx, a, id)
	if err == nil {
		all = append(all, life{Page: page, From: instant(d.EnrolledAt)})
	} else if !errors.Is(err, device.ErrNotFound) {
		return nil, err
	}
	s.store.AwaitRelayed(ctx, a) // a removal that is not in the log yet shows later
	r, err := s.store.LogPeriod(ctx, store.LogRange{Stream: topology.AuditLog, Subject: topology.Audit(a)},
		s.store.Clock.Now().Add(-store.LogRetention), time.Time{})
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
