package identity

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

func (s *API) accessLogRoutes() []v4.Route {
	return []v4.Route{
		{Method: http.MethodGet, Path: v4.AccountPath + "/access/logs/access_requests", Scope: permission.AccessLogs,
			Handle: s.accessRequests},
		{Method: http.MethodGet, Path: v4.AccountPath + "/access/logs/access-requests", Scope: permission.AccessLogs,
			Handle: s.accessRequests}, // spelling of the legacy SDK
	}
}

// Bounds of reading ACCESS_LOG, which is read at each request and not cached.
const (
	accessPerPage = 25
	maxAccessRead = 200_000 // events read for one response
	maxCursorRead = 20_000  // events read for one response of a list by cursor, which goes on after them
	writtenWithin = time.Minute
)

// accessInfo is the page information of the authentication log. The members from Cursor on are ours.
type accessInfo struct {
	Count   int `json:"count"`
	Page    int `json:"page"`
	PerPage int `json:"per_page"`
	// Cursor continues a list by cursor; empty at its end. Newest is the position of the newest event of the log.
	Cursor string `json:"cursor,omitempty"`
	Newest string `json:"x_newest,omitempty"`
}

// accessView is an authentication in a response (api/README.md 9.2), of a person or a service. The x_ members are ours.
type accessView struct {
	Action     string       `json:"action"` // login, logout, or request: decided by a session or without an identity
	Allowed    bool         `json:"allowed"`
	AppDomain  string       `json:"app_domain"`
	AppUID     proto.ID     `json:"app_uid"`
	Connection string       `json:"connection"` // type of the identity provider, or nonidentity
	CreatedAt  v4.Timestamp `json:"created_at"`
	IP         string       `json:"ip_address"`
	Ray        string       `json:"ray_id"`
	Email      string       `json:"user_email"`

	Reason   string `json:"x_reason"`
	Sort     string `json:"x_action"` // service, login, logout or request
	Policy   string `json:"x_policy_id"`
	Token    string `json:"x_service_token_id"`
	ClientID string `json:"x_client_id"`
	User     string `json:"x_user_id"`
	IDP      string `json:"x_idp_id"`
	Device   string `json:"x_device_id"`
	Check    string `json:"x_check_id"` // posture check that denied, or passed for another reason than its score
	Posture  string `json:"x_posture"`  // reason of the outcome of the posture check
	Country  string `json:"x_country"`
	Count    int    `json:"x_count"` // equal events within a second are counted as one
}

// nonIdentity is the connection of an authentication without an identity provider (api/README.md 9.2).
const nonIdentity = "nonidentity"

func (s *API) viewAccess(a proto.Account, m *proto.Authentication) accessView {
	v := accessView{
		Action: string(m.Action), Allowed: m.Allowed, AppDomain: m.Host, AppUID: m.Application, Connection: nonIdentity,
		CreatedAt: v4.Timestamp(m.At),
		IP:        m.IP, Ray: m.Ray, Email: m.Email, Reason: m.Reason, Sort: string(m.Action), Policy: idText(m.Policy),
		Token:    idText(m.TokenID),
		ClientID: m.ClientID, User: idText(m.User), IDP: idText(m.IDP), Device: idText(m.Device), Check: idText(m.Check),
		Posture: m.Posture,
		Country: m.Country,
		Count:   max(m.Count, 1),
	}
	if m.Action == proto.ActionService || m.Action == "" {
		v.Action, v.Sort = string(proto.ActionLogin), string(proto.ActionService)
	}
	if app, found := s.store.Catalog.Application(a, m.Application); found && v.AppDomain == "" &&
		len(app.Value.Domains) > 0 {
		v.AppDomain = app.Value.Domains[0]
	}
	if !m.IDP.IsZero() {
		v.Connection = proto.TypeOIDC
		if idp, found := s.store.Catalog.IdentityProvider(a, m.IDP); found {
			v.Connection = idp.Value.Type
		}
	}
	return v
}

// idText returns an id as text; empty for the zero id.
func idText(id proto.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// accessRequests lists the authentications of an account, newest first unless direction is asc.
func (s *API) accessRequests(ctx context.Context, c *v4.Call) (v4.Response, error) {
	q, err := readAccessQuery(c.URL.Query())
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
	until := q.until
	if !until.IsZero() {
		until = until.Add(writtenWithin) // events are stored after they occur
	}
	since := q.since
	if !since.IsZero() {
		since = since.Add(-store.ClockSkew) // the clocks differ
	}
	subject := topology.AccessLogsOf(c.Account)
	if !q.app.IsZero() {
		subject = topology.AccessLog(c.Account, q.app)
	}
	r, err := s.store.LogPeriod(ctx, store.LogRange{Stream: topology.AccessLogs, Subject: subject}, since, until)
	if err != nil {
		return v4.Response{}, err
	}
	info, most := accessInfo{Page: q.page, PerPage: q.size}, maxAccessRead
	if q.byCursor {
		most, info.Newest = maxCursorRead, strconv.FormatUint(max(r.Last, q.after), 10)
	}
	read := s.store.ReadBackwards
	switch {
	case q.ascending:
		read, r.First = s.store.ReadForwards, max(r.First, q.after+1)
	case q.after > 0:
		r.Last = min(r.Last, q.after-1)
	}
	views, looked, skip, left, last := []any{}, 0, (q.page-1)*q.size, v4.LeftOut{}, uint64(0)
	err = read(ctx, r, func(m *bus.Msg) error {
		if looked++; looked > most || q.byCursor && len(views) == q.size {
			info.Cursor = strconv.FormatUint(last, 10)
			return bus.ErrStop
		}
		last = m.Seq
		var e proto.Authentication
		if err := m.Decode(&e); err != nil {
			s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			left.Add(m.Subject, m.Seq)
			return nil
		}
		v := s.viewAccess(c.Account, &e)
		if !q.matches(&v, s.appType(c.Account, e.Application)) {
			return nil
		}
		if skip--; skip >= 0 {
			return nil
		}
		views = append(views, v.only(q.fields))
		if len(views) == q.size && !q.byCursor {
			return bus.ErrStop
		}
		return nil
	})
	if info.Count = len(views); !q.byCursor {
		info.Cursor = ""
	}
	a := v4.Response{Result: views, Info: info, Messages: left.Notices()}
	if looked > most && !q.byCursor {
		a.Messages = append(a.Messages, v4.Notice{Code: v4.CodePartOfPeriod,
			Message: "the result may be incomplete because the read limit was reached: use a shorter period (since, until)"})
	}
	return a, err
}

// appType returns the type of an application, or "" if it was deleted.
func (s *API) appType(a proto.Account, id proto.ID) string {
	if app, found := s.store.Catalog.Application(a, id); found {
		return app.Value.Type
	}
	return ""
}

// only returns the view with only the requested members; with all of them if fields is empty.
func (v *accessView) only(fields []string) any {
	if len(fields) == 0 {
		return v
	}
	b, err := v4.Encode(v)
	if err != nil {
		return v
	}
	all, some := v4.Decode(bytes.TrimSpace(b)), v4.Object{}
	for _, name := range fields {
		if member, there := all[strings.TrimSpace(name)]; there {
			some[strings.TrimSpace(name)] = member
		}
	}
	return some
}
