package identity

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// The api does not write sessions. A revocation is a record of the configuration with a time: whoever accepts a session
// compares the session's beginning with it, so that a login under way during the revocation does not survive either.

const revokePath = v4.AccountPath + "/access/organizations/revoke_user"

func (s *API) revocationRoutes() []v4.Route {
	return []v4.Route{{Method: http.MethodPost, Path: revokePath, Scope: permission.Organization, Handle: s.revokeUser,
		Zones: true}}
}

// sessionKind is the kind of a person's sessions in the audit log.
const sessionKind = "session"

// revokedUser is the body of a request to end a person's sessions.
type revokedUser struct {
	email   string // lower-case
	user    proto.ID
	devices bool
	warp    bool
}

// maxEmail is the most characters of an e-mail address.
const maxEmail = 254

func readRevokedUser(c *v4.Call) (*revokedUser, error) {
	body, err := c.Object()
	if err != nil {
		return nil, err
	}
	u := &revokedUser{}
	if u.email, err = body.Line("email"); err != nil {
		return nil, err
	}
	if u.email = strings.ToLower(u.email); len(u.email) > maxEmail || strings.TrimSpace(u.email) != u.email {
		return nil, v4.Invalid("email must be an e-mail address")
	}
	uid, err := body.Text("user_uid")
	if err != nil {
		return nil, err
	}
	if uid != "" {
		if u.user, err = proto.ParseID(uid); err != nil || u.user.IsZero() {
			return nil, v4.Invalid("user_uid must be the id of a user")
		}
	}
	if u.devices, _, err = body.Bool("devices"); err != nil {
		return nil, err
	}
	if u.warp, _, err = body.Bool("warp_session_reauth"); err != nil {
		return nil, err
	}
	switch c.URL.Query().Get("devices") {
	case "true":
		u.devices = true
	case "", "false":
	default:
		return nil, v4.Invalid("query parameter \"devices\" must be true or false")
	}
	switch {
	case u.email == "" && u.user.IsZero():
		return nil, v4.Invalid("email or user_uid is required")
	case u.devices && u.email == "":
		return nil, v4.Invalid("devices are enrolled for e-mail addresses: email is required to revoke them")
	}
	return u, nil
}

// revokeUser ends every session of a person that has begun, at every application, and revokes their devices if the
// request asks for it.
func (s *API) revokeUser(ctx context.Context, c *v4.Call) (v4.Response, error) {
	u, err := readRevokedUser(c)
	if err != nil {
		return v4.Response{}, err
	}
	// Sessions belong to the account, so permission for one zone is not enough.
	needed := []v4.Permission{{Scope: permission.Organization, Edit: true}}
	if u.devices {
		needed = append(needed, v4.Permission{Scope: permission.Devices, Edit: true})
	}
	for _, p := range needed {
		if !permission.Permits(c.Token, p, proto.Account{}) {
			return v4.Response{}, permission.Denied(p)
		}
	}
	if err := s.endSessions(ctx, c.Account, u); err != nil {
		return v4.Response{}, err
	}
	if u.devices {
		if err := s.device.RevokeOf(ctx, c.Account, u.email); err != nil {
			return v4.Response{}, err
		}
	}
	r := v4.OK(true)
	if u.warp {
		r.Messages = []v4.Notice{{Code: v4.CodeNoEffect,
			Message: "warp_session_reauth has no effect: there are no WARP sessions"}}
	}
	return r, nil
}

// endSessions stores the revocations of a person. It tries again after a lost race.
func (s *API) endSessions(ctx context.Context, a proto.Account, u *revokedUser) error {
	for range store.MaxAttempts {
		if err := s.store.Fresh(ctx); err != nil {
			return err
		}
		now := proto.At(s.store.Clock.Now())
		var writes []store.Write
		if u.email != "" {
			writes = append(writes, s.revocationOf(a, &proto.Revocation{ID: topology.EmailRevocationID(a, u.email),
				Email: u.email, Before: now}))
		}
		if !u.user.IsZero() {
			writes = append(writes, s.revocationOf(a, &proto.Revocation{ID: topology.UserRevocationID(a, u.user),
				User: u.user, Before: now}))
		}
		if _, err := s.store.Commit(ctx, a, topology.Config, writes...); !errors.Is(err, bus.ErrConflict) {
			return err
		}
	}
	return v4.ErrConflict
}

// revocationView is a revocation in the audit log.
type revocationView struct {
	Email     string       `json:"email,omitempty"`
	User      *proto.ID    `json:"user_uid,omitempty"`
	RevokedAt v4.Timestamp `json:"revoked_at"`
}

// revocationOf returns the write of a revocation. The time of an earlier one never decreases.
func (s *API) revocationOf(a proto.Account, r *proto.Revocation) store.Write {
	old, found := s.store.Catalog.Revocation(a, r.ID)
	if !found {
		old = catalog.Record[proto.Revocation]{}
	} else if !old.Unreadable {
		r.Before = max(r.Before, old.Value.Before)
	}
	w := store.ConfigWrite(a, topology.KindRevocation, r.ID, r, store.PriorOf(old))
	view := revocationView{Email: r.Email, RevokedAt: v4.Timestamp(r.Before)}
	if !r.User.IsZero() {
		view.User = &r.User
	}
	w.Told = &store.Change{Action: "revoke", Kind: sessionKind, ID: r.ID.String(), Name: r.Email, After: view}
	return w
}
