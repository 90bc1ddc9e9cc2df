package identity

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// peopleRoutes returns the routes of people. A user of the v4 API is a person who logged in within the last month. The
// gateways write the records; the api only reads them.

func (s *API) peopleRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/users", v4.AccountPath + "/access/users/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: v4.AccountPath + "/access/apps/{id}/user_policy_checks", Scope: permission.Apps,
			Handle: s.userChecks, Zones: true},
		{Method: http.MethodGet, Path: all, Scope: permission.Organization, Handle: s.listPeople},
		{Method: http.MethodGet, Path: one, Scope: permission.Organization, Handle: s.getPerson},
		{Method: http.MethodGet, Path: one + "/last_seen_identity", Scope: permission.Organization, Handle: s.lastIdentity},
		{Method: http.MethodGet, Path: one + "/active_sessions", Scope: permission.Organization, Handle: s.sessionsOf},
		{Method: http.MethodGet, Path: one + "/active_sessions/{nonce}", Scope: permission.Organization,
			Handle: s.sessionIdentity},
		{Method: http.MethodGet, Path: one + "/failed_logins", Scope: permission.Organization, Handle: s.failedLogins},
	}
}

type personView struct {
	ID          proto.ID     `json:"id"`
	AccessSeat  bool         `json:"access_seat"`
	Devices     int          `json:"active_device_count"`
	CreatedAt   v4.Timestamp `json:"created_at"`
	Email       string       `json:"email"`
	GatewaySeat bool         `json:"gateway_seat"`
	LastLogin   v4.Timestamp `json:"last_successful_login"`
	Name        string       `json:"name"`
	SeatUID     *string      `json:"seat_uid,omitempty"` // there are no seats
	UID         proto.ID     `json:"uid"`
	UpdatedAt   v4.Timestamp `json:"updated_at"`
}

func viewPerson(u *proto.User) personView {
	return personView{ID: u.ID, AccessSeat: true, CreatedAt: v4.Timestamp(u.CreatedAt), Email: u.Email,
		LastLogin: v4.Timestamp(u.LastSeenAt), Name: u.Name,
		UID: u.ID, UpdatedAt: v4.Timestamp(u.LastSeenAt)}
}

// listPeople lists people in the order of their first login. Each request reads all of them from their bucket, in
// pieces, and keeps only what the list shows.
func (s *API) listPeople(ctx context.Context, c *v4.Call) (v4.Response, error) {
	done, err := s.store.AcquireScan(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	q := c.URL.Query()
	email, name, search := strings.ToLower(q.Get("email")), strings.ToLower(q.Get("name")),
		strings.ToLower(q.Get("search"))
	var all []personView
	var left v4.LeftOut
	err = s.records(ctx, topology.UserKeysOf(c.Account), func(m *bus.Msg) error {
		var u proto.User
		if err := m.Decode(&u); err != nil {
			s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			left.Add(m.Subject, m.Seq)
			return nil
		}
		e, n := strings.ToLower(u.Email), strings.ToLower(u.Name)
		if (email == "" || e == email) && (name == "" || n == name) &&
			(search == "" || strings.Contains(e+" "+n+" "+u.ID.String(), search)) {
			all = append(all, viewPerson(&u))
		}
		return nil
	})
	if err != nil {
		return v4.Response{}, err
	}
	slices.SortFunc(all, func(a, b personView) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), device.CompareIDs(a.ID, b.ID))
	})
	part, info, err := v4.Page(q, all)
	if err == nil {
		err = s.countDevices(ctx, c.Account, part)
	}
	return v4.Response{Result: append([]personView{}, part...), Info: info, Messages: left.Notices()}, err
}

// records reads the newest record of each key of SESSIONS that matches. It reads the whole bucket: with a narrower
// subject, the server would count all matching keys for each part that it sends.
func (s *API) records(ctx context.Context, keys string, visit func(*bus.Msg) error) error {
	stream := topology.BucketStream(topology.Sessions)
	at, err := s.store.Conn.Position(ctx, stream)
	if err != nil {
		return err
	}
	wanted := topology.BucketSubject(topology.Sessions, keys)
	r := store.LogRange{Stream: stream, Subject: ">", First: 1, Last: at.Last}
	return s.store.ReadForwards(ctx, r, func(m *bus.Msg) error {
		if m.Deleted() || !topology.Includes(wanted, m.Subject) {
			return nil
		}
		return visit(m)
	})
}

// countDevices sets the number of enrolled devices of some people.
func (s *API) countDevices(ctx context.Context, a proto.Account, people []personView) error {
	if err := s.device.Fresh(ctx); err != nil {
		return err
	}
	counts := map[uint32]int{}
	for n := range people {
		if people[n].Email != "" {
			counts[device.EmailHash(people[n].Email)] = 0
		}
	}
	s.device.Inventory.EnrolledFor(a, counts)
	for n := range people {
		people[n].Devices = counts[device.EmailHash(people[n].Email)]
	}
	return nil
}

func (s *API) getPerson(ctx context.Context, c *v4.Call) (v4.Response, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	views := []personView{viewPerson(u)}
	err = s.countDevices(ctx, c.Account, views)
	return v4.OK(views[0]), err
}

// person returns the person that the path names.
func (s *API) person(ctx context.Context, c *v4.Call) (*proto.User, error) {
	id, err := c.ID("id", errNoPerson)
	if err != nil {
		return nil, err
	}
	u := new(proto.User)
	_, err = s.store.Conn.Get(ctx, topology.Sessions, topology.UserKey(c.Account, id), u)
	return u, absentAs(err, errNoPerson)
}

var errNoPerson = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
