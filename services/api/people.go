package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A user of the v4 API is somebody who has logged in within the last month. The gateways write of her; nothing
// is written here.

func (s *Service) peopleRoutes() []route {
	const all, one = accountPath + "/access/users", accountPath + "/access/users/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaOrganization, handle: s.listPeople},
		{method: http.MethodGet, path: one, of: areaOrganization, handle: s.getPerson},
		{method: http.MethodGet, path: one + "/last_seen_identity", of: areaOrganization, handle: s.lastIdentity},
		{method: http.MethodGet, path: one + "/active_sessions", of: areaOrganization, handle: s.sessionsOf},
		{method: http.MethodGet, path: one + "/active_sessions/{nonce}", of: areaOrganization, handle: s.sessionIdentity},
		{method: http.MethodGet, path: one + "/failed_logins", of: areaOrganization, handle: s.failedLogins},
	}
}

type personView struct {
	ID          proto.ID `json:"id"`
	AccessSeat  bool     `json:"access_seat"`
	Devices     int      `json:"active_device_count"`
	CreatedAt   stamp    `json:"created_at"`
	Email       string   `json:"email"`
	GatewaySeat bool     `json:"gateway_seat"`
	LastLogin   stamp    `json:"last_successful_login"`
	Name        string   `json:"name"`
	SeatUID     *string  `json:"seat_uid,omitempty"` // there are no seats here
	UID         proto.ID `json:"uid"`
	UpdatedAt   stamp    `json:"updated_at"`
}

func viewPerson(u *proto.User) personView {
	return personView{ID: u.ID, AccessSeat: true, CreatedAt: stamp(u.CreatedAt), Email: u.Email, LastLogin: stamp(u.LastSeenAt), Name: u.Name,
		UID: u.ID, UpdatedAt: stamp(u.LastSeenAt)}
}

// listPeople reads the people from their bucket, in the order in which they first came. Each request reads all
// of them, a piece at a time, and keeps what a list shows.
func (s *Service) listPeople(ctx context.Context, c *call) (answer, error) {
	done, err := s.scanning(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	q := c.URL.Query()
	email, name, search := strings.ToLower(q.Get("email")), strings.ToLower(q.Get("name")), strings.ToLower(q.Get("search"))
	var all []personView
	err = s.records(ctx, topology.UserKeysOf(c.account), func(m *bus.Msg) error {
		var u proto.User
		if err := m.Decode(&u); err != nil {
			s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			return nil
		}
		e, n := strings.ToLower(u.Email), strings.ToLower(u.Name)
		if (email == "" || e == email) && (name == "" || n == name) && (search == "" || strings.Contains(e+" "+n+" "+u.ID.String(), search)) {
			all = append(all, viewPerson(&u))
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	slices.SortFunc(all, func(a, b personView) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), compareIDs(a.ID, b.ID))
	})
	part, info, err := paged(q, all)
	if err == nil {
		err = s.countDevices(ctx, c.account, part)
	}
	return answer{result: append([]personView{}, part...), info: info}, err
}

// records reads the newest record of each key of SESSIONS that matches.
func (s *Service) records(ctx context.Context, keys string, visit func(*bus.Msg) error) error {
	stream := topology.BucketStream(topology.Sessions)
	at, err := s.conn.Position(ctx, stream)
	if err != nil {
		return err
	}
	r := stretch{stream: stream, subject: topology.BucketSubject(topology.Sessions, keys), first: 1, last: at.Last}
	return s.forwards(ctx, r, func(m *bus.Msg) error {
		if m.Deleted() {
			return nil
		}
		return visit(m)
	})
}

// countDevices says how many devices are enrolled for each of some people.
func (s *Service) countDevices(ctx context.Context, a proto.Account, people []personView) error {
	if err := s.freshInventory(ctx); err != nil {
		return err
	}
	counts := map[uint32]int{}
	for n := range people {
		if people[n].Email != "" {
			counts[emailHash(people[n].Email)] = 0
		}
	}
	s.inventory.enrolledFor(a, counts)
	for n := range people {
		people[n].Devices = counts[emailHash(people[n].Email)]
	}
	return nil
}

func (s *Service) getPerson(ctx context.Context, c *call) (answer, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return answer{}, err
	}
	views := []personView{viewPerson(u)}
	err = s.countDevices(ctx, c.account, views)
	return ok(views[0]), err
}

// person finds the one that the path names.
func (s *Service) person(ctx context.Context, c *call) (*proto.User, error) {
	id, err := c.id("id", errNoPerson)
	if err != nil {
		return nil, err
	}
	u := new(proto.User)
	_, err = s.conn.Get(ctx, topology.Sessions, topology.UserKey(c.account, id), u)
	return u, absentAs(err, errNoPerson)
}
