package trial

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Bounds of a request.
const (
	defaultLimit = 100
	maxLimit     = 1000
	defaultStep  = 6 * time.Hour
	minStep      = time.Minute
	maxSteps     = 2000
)

// request is the body of a trial.
type request struct {
	rule  *proto.ID // the rule that is edited; nil: a new one
	body  v4.Object // the members that change, or a whole rule; nil: none
	limit int
	since func(now time.Time) time.Time // nil: the newest entries
	step  time.Duration
}

func readRequest(payload []byte) (q request, err error) {
	body, err := v4.ParseObject(payload)
	if err != nil {
		return q, err
	}
	if text, err := body.Text("rule_id"); err != nil {
		return q, err
	} else if text != "" {
		id, err := proto.ParseID(text)
		if err != nil {
			return q, v4.Invalid("rule_id must be the id of a posture rule")
		}
		q.rule = &id
	}
	if q.body, err = body.Member("rule"); err != nil {
		return q, err
	}
	if q.rule == nil && q.body == nil {
		return q, v4.Invalid("rule_id or rule is required")
	}
	limit, given, err := body.Int("limit", 0, maxLimit)
	if err != nil {
		return q, err
	}
	if q.limit = limit; !given {
		q.limit = defaultLimit
	}
	return q, q.readPeriod(body)
}

func (q *request) readPeriod(body v4.Object) error {
	since, err := body.Text("since")
	if err != nil {
		return err
	}
	step, err := body.Text("step")
	if err != nil {
		return err
	}
	if q.step = defaultStep; step != "" {
		if q.step, err = v4.ParseDuration(step); err != nil || q.step < minStep || q.step > store.LogRetention {
			return v4.Invalid(`step must be a duration such as "6h" or "1d", from 1m to 30d`)
		}
	}
	if since == "" {
		if step != "" {
			return v4.Invalid("step requires since")
		}
		return nil
	}
	age, err := v4.ParseDuration(since)
	if err == nil && age > 0 && age <= store.LogRetention {
		q.since = func(now time.Time) time.Time { return now.Add(-age) }
	} else if at, err := time.Parse(time.RFC3339Nano, since); err == nil {
		q.since = func(time.Time) time.Time { return at }
	} else {
		return v4.Invalid(`since must be an age such as "36h" or "30d", at most 30d, or a time such as 2026-01-02T15:04:05Z`)
	}
	return nil
}

// times returns the times of the steps of a trial of the log, up to now.
func (q *request) times(now time.Time) ([]time.Time, error) {
	from := q.since(now)
	steps := int64((now.Sub(from)-1)/q.step) + 1 // none begins now
	switch {
	case !from.Before(now):
		return nil, v4.Invalid("since must be in the past")
	case now.Sub(from) > store.LogRetention:
		return nil, v4.Invalid("since must be at most 30 days ago: the log has no older entries")
	case steps > maxSteps:
		return nil, v4.Invalid("since and step make %d steps, at most %d are allowed: use a longer step", steps, maxSteps)
	}
	times := make([]time.Time, steps)
	for i := range times {
		times[i] = from.Add(time.Duration(i) * q.step)
	}
	return times, nil
}

// edit is a change of a check: check with the change, and old as it is stored.
type edit struct {
	account proto.Account
	check   *proto.Check
	old     *proto.Check // nil: a new check
}

// edit returns the change of a check that a request describes.
func (s *API) edit(a proto.Account, q *request) (edit, error) {
	e := edit{account: a}
	if q.rule != nil {
		old, found := s.Store.Catalog.Check(a, *q.rule)
		if !found {
			return e, posture.ErrNoRule
		}
		if e.old = old.Value; q.body == nil {
			e.check = old.Value
			return e, nil
		}
	}
	check, err := s.Drafts.Draft(a, q.body, e.old)
	e.check = &check
	return e, err
}

// integration returns the integration of the changed check, or false if the check's type is not evaluated.
func (e *edit) integration() (proto.ID, bool) { return integrationOf(e.check) }

// today returns the integration that the stored check is evaluated over, or false if the check is not evaluated today.
func (e *edit) today() (proto.ID, bool) { return integrationOf(e.old) }

func integrationOf(c *proto.Check) (proto.ID, bool) {
	if c == nil || c.Type != proto.TypeCustomS2S {
		return proto.ID{}, false
	}
	return c.Integration, true
}
