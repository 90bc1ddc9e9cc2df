package identity

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// absentAs returns missing if err is [bus.ErrNotFound]; otherwise err.
func absentAs(err error, missing *v4.Error) error {
	if errors.Is(err, bus.ErrNotFound) {
		return missing
	}
	return err
}

// sessionView is an active session (api/README.md 7.4). Times are in seconds since 1970.
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

// sessionsOf lists the active sessions of a person, newest first. It reads the sessions of all people.
func (s *API) sessionsOf(ctx context.Context, c *v4.Call) (v4.Response, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	done, err := s.store.AcquireScan(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	now, views, left := s.store.Clock.Now(), []sessionView{}, v4.LeftOut{}
	err = s.records(ctx, topology.SessionKeysOf(c.Account), func(m *bus.Msg) error {
		var login proto.Session
		if err := m.Decode(&login); err != nil {
			s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			left.Add("session", m.Seq) // its key is the session's secret
			return nil
		}
		if login.User != u.ID || !s.active(c.Account, &login, now) {
			return nil
		}
		began, ends := login.StartedAt.Time().Unix(), login.ExpiresAt.Time().Unix()
		views = append(views, sessionView{login.Nonce, ends,
			sessionMetadata{Expires: ends, Iat: began, Nonce: login.Nonce, TTL: ends - now.Unix()}})
		return nil
	})
	slices.SortFunc(views, func(a, b sessionView) int { return cmp.Compare(b.Metadata.Iat, a.Metadata.Iat) })
	return v4.Response{Result: views, Info: v4.SinglePage(len(views)), Messages: left.Notices()}, err
}

// active reports whether a session has neither expired nor been revoked.
func (s *API) active(a proto.Account, login *proto.Session, now time.Time) bool {
	return login.ExpiresAt.Time().After(now) && !s.store.Catalog.Revoked(a, login)
}

// failedLogin is a denied login.
type failedLogin struct {
	Expiration int64      `json:"expiration"` // when the log expires it, in seconds since 1970
	Metadata   accessView `json:"metadata"`
}

const (
	maxFailedLogins = 100
)

// failedLogins lists the newest denied logins of a person.
func (s *API) failedLogins(ctx context.Context, c *v4.Call) (v4.Response, error) {
	u, err := s.person(ctx, c)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.store.AcquireScan(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	r, err := s.store.LogPeriod(ctx,
		store.LogRange{Stream: topology.AccessLogs, Subject: topology.AccessLogsOf(c.Account)}, time.Time{}, time.Time{})
	if err != nil {
		return v4.Response{}, err
	}
	views, looked, left := []failedLogin{}, 0, v4.LeftOut{}
	err = s.store.ReadBackwards(ctx, r, func(m *bus.Msg) error {
		if looked++; looked > maxAccessRead || len(views) == maxFailedLogins {
			return bus.ErrStop
		}
		var e proto.Authentication
		if err := m.Decode(&e); err != nil {
			s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			left.Add(m.Subject, m.Seq)
			return nil
		}
		if e.User == u.ID && e.Action == proto.ActionLogin && !e.Allowed {
			views = append(views, failedLogin{e.At.Add(store.LogRetention).Time().Unix(), s.viewAccess(c.Account, &e)})
		}
		return nil
	})
	return v4.Response{Result: views, Info: v4.SinglePage(len(views)), Messages: left.Notices()}, err
}

// nonceForm matches nonces; other text must not get into subjects.
var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// sessionIdentity returns the identity of a session.
func (s *API) sessionIdentity(ctx context.Context, c *v4.Call) (v4.Response, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	nonce := c.PathValue("nonce")
	if !nonceForm.MatchString(nonce) {
		return v4.Response{}, errNoSession
	}
	var login proto.Session
	_, err = s.store.Conn.Get(ctx, topology.Sessions, topology.SessionKey(c.Account, nonce), &login)
	if err != nil {
		return v4.Response{}, absentAs(err, errNoSession)
	}
	if login.User != u.ID {
		return v4.Response{}, errNoSession
	}
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	identity, err := s.identify(ctx, c.Account, &login)
	return v4.OK(struct {
		*identityView
		Active bool `json:"isActive"`
	}{identity, s.active(c.Account, &login, s.store.Clock.Now())}), err
}

var errNoSession = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
