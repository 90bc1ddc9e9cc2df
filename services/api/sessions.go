package api

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// absentAs is an error, or, of what the bus does not have, what a client is told.
func absentAs(err error, missing *problem) error {
	if errors.Is(err, bus.ErrNotFound) {
		return missing
	}
	return err
}

// sessionView is a login that lasts (api/README.md 7.4). Times are seconds since 1970.
type sessionView struct {
	Name       string          `json:"name"`
	Expiration int64           `json:"expiration"`
	Metadata   sessionMetadata `json:"metadata"`
}

type sessionMetadata struct {
	Apps    struct{} `json:"apps"`
	Expires int64    `json:"expires"`
	Iat     int64    `json:"iat"`
	Nonce   string   `json:"nonce"`
	TTL     int64    `json:"ttl"`
}

// sessionsOf gives the logins of a person that have not ended, the newest first. It reads those of everybody.
func (s *Service) sessionsOf(ctx context.Context, c *call) (answer, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return answer{}, err
	}
	done, err := s.scanning(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	now, views := s.clock.Now(), []sessionView{}
	err = s.records(ctx, topology.SessionKeysOf(c.account), func(m *bus.Msg) error {
		var login proto.Session
		if err := m.Decode(&login); err != nil {
			s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			return nil
		}
		if login.User != u.ID || !login.ExpiresAt.Time().After(now) {
			return nil
		}
		began, ends := login.StartedAt.Time().Unix(), login.ExpiresAt.Time().Unix()
		views = append(views, sessionView{login.Nonce, ends, sessionMetadata{Expires: ends, Iat: began, Nonce: login.Nonce, TTL: ends - now.Unix()}})
		return nil
	})
	slices.SortFunc(views, func(a, b sessionView) int { return cmp.Compare(b.Metadata.Iat, a.Metadata.Iat) })
	return answer{result: views, info: whole(len(views))}, err
}

// failedLogin is a login that was refused, as long as the log has it.
type failedLogin struct {
	Expiration int64      `json:"expiration"` // when the log forgets it, seconds since 1970
	Metadata   accessView `json:"metadata"`
}

const (
	maxFailedLogins = 100
	logKeeps        = 30 * 24 * time.Hour
)

// failedLogins gives the newest logins of a person that were refused.
func (s *Service) failedLogins(ctx context.Context, c *call) (answer, error) {
	u, err := s.person(ctx, c)
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	done, err := s.scanning(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	r, err := s.period(ctx, stretch{stream: topology.AccessLogs, subject: topology.AccessLogsOf(c.account)}, time.Time{}, time.Time{})
	if err != nil {
		return answer{}, err
	}
	views, looked := []failedLogin{}, 0
	err = s.backwards(ctx, r, func(m *bus.Msg) error {
		if looked++; looked > maxAccessRead || len(views) == maxFailedLogins {
			return bus.ErrStop
		}
		var e proto.Authentication
		if err := m.Decode(&e); err != nil {
			s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			return nil
		}
		if e.User == u.ID && e.Action == proto.ActionLogin && !e.Allowed {
			views = append(views, failedLogin{e.At.Add(logKeeps).Time().Unix(), s.viewAccess(c.account, &e)})
		}
		return nil
	})
	return answer{result: views, info: whole(len(views))}, err
}

// nonceForm keeps what is no nonce out of subjects.
var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// sessionIdentity tells who a login is.
func (s *Service) sessionIdentity(ctx context.Context, c *call) (answer, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return answer{}, err
	}
	nonce := c.PathValue("nonce")
	if !nonceForm.MatchString(nonce) {
		return answer{}, errNoSession
	}
	var login proto.Session
	_, err = s.conn.Get(ctx, topology.Sessions, topology.SessionKey(c.account, nonce), &login)
	if err != nil {
		return answer{}, absentAs(err, errNoSession)
	}
	if login.User != u.ID {
		return answer{}, errNoSession
	}
	identity, err := s.identify(ctx, c.account, &login)
	return ok(struct {
		*identityView
		Active bool `json:"isActive"`
	}{identity, login.ExpiresAt.Time().After(s.clock.Now())}), err
}
