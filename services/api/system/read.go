package system

import (
	"context"
	"math"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/v4"
)

// askTime is how long NATS has to answer about the streams, which are all asked for at once.
const askTime = 3 * time.Second

// asked is what NATS told about a stream.
type asked struct {
	name  string
	usage bus.Usage
	err   error
}

func (s *API) get(ctx context.Context, c *v4.Call) (v4.Response, error) {
	standings, err := s.Standings(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	v := view{At: v4.Timestamp(proto.At(s.Store.Clock.Now())), Version: s.Version, Schemas: s.Schemas,
		NATS: s.nats(), Streams: []streamView{}, Queues: []queueView{}, Integrations: []polledView{}}
	streams := s.ask(ctx)
	for _, a := range streams {
		v.Streams = append(v.Streams, viewStream(a))
		if q, isQueue := viewQueue(a); isQueue {
			v.Queues = append(v.Queues, q)
		}
	}
	for _, standing := range standings {
		v.Integrations = append(v.Integrations, viewPolled(standing))
	}
	v.Limits = s.limits(standings)
	v.Problems = problemsOf(&v, s.link(), s.intervals(c.Account), s.Store.Clock.Now())
	return v4.OK(v), nil
}

// ask asks for the size of each stream that the api may ask for, all at once.
func (s *API) ask(ctx context.Context) []asked {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	names := topology.SizesOf(topology.API)
	all := make([]asked, len(names))
	var g sync.WaitGroup
	for n, name := range names {
		g.Go(func() {
			u, err := s.Store.Conn.Usage(ctx, name)
			all[n] = asked{name, u, err}
		})
	}
	g.Wait()
	return all
}

func (s *API) nats() natsView {
	v := natsView{}
	v.Server, v.Version = s.Store.Conn.Server()
	if took, err := s.Store.Conn.RoundTrip(); err == nil {
		v.TookMS = math.Round(float64(took.Microseconds())/10) / 100
	}
	return v
}

// link is what the api's own connection to NATS has met.
type link struct {
	stalled, unwritable, unreadable int
}

func (s *API) link() link {
	l := link{unwritable: s.Store.Conn.Writes().Unwritable}
	for _, m := range s.Store.Conn.Monitors() {
		l.stalled += m.Stalled
	}
	for _, r := range s.Store.Conn.UnreadableRecords() {
		l.unreadable += r.Now
	}
	return l
}

// intervals returns the interval of each integration that is polled.
func (s *API) intervals(a proto.Account) map[proto.ID]time.Duration {
	all := map[proto.ID]time.Duration{}
	for _, r := range s.Store.Catalog.IntegrationsOf(a) {
		if !r.Value.Paused && r.Value.Interval > 0 {
			all[r.Value.ID] = r.Value.Interval
		}
	}
	return all
}

func viewStream(a asked) streamView {
	v := streamView{Name: a.name, About: topology.About(a.name)}
	if a.err != nil {
		v.Error = a.err.Error()
		return v
	}
	u := a.usage
	v.Messages, v.Bytes, v.Limit, v.MaxAgeMS = u.Messages, u.Bytes, u.MaxBytes, u.MaxAge.Milliseconds()
	v.Servers, v.Current, v.Lost = u.Replicas, u.Current, u.Unreadable
	if u.Messages > 0 {
		v.Oldest, v.Newest = v4.Timestamp(proto.At(u.Oldest)), v4.Timestamp(proto.At(u.Newest))
	}
	return v
}

func viewPolled(s posture.Standing) polledView {
	v := polledView{ID: s.ID, Name: s.Name, Interval: s.Interval, Standing: s.Standing, AgeMS: s.AgeMS}
	if p := s.Poll; p != nil {
		v.At, v.Pages, v.Done, v.Pending, v.Failed = p.At, p.Pages, p.DonePages, p.Pending, p.Failed
	}
	return v
}

func (s *API) limits(standings []posture.Standing) []limitView {
	var checks int64
	for _, i := range standings {
		checks = max(checks, int64(i.Checks))
	}
	open := int64(s.Streams.Open())
	return []limitView{
		{"checks_per_integration", "Checks over one integration", proto.MaxChecks, &checks},
		{"live_streams", "Clients of this control plane that follow live results or logs", int64(s.Streams.Limit()), &open},
		{"devices_per_page", "Devices in one call of a scoring API", proto.PageSize, nil},
		{"devices_per_command", "Devices that one import or change carries", proto.MaxCommand, nil},
		{"s2s_id_bytes", "Length of a device's s2s_id, in bytes", proto.MaxS2SID, nil},
		{"device_bytes", "Length of all fields of a device, in bytes", proto.MaxDeviceField, nil},
		{"followers", "Consumers of followers on each stream", topology.MaxFollowers, nil},
	}
}
