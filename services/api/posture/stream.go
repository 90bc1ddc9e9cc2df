package posture

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Events of the live stream. The id of an event is a position in the posture log ([bus.Event.Cursor]), from which a
// client continues after a lost connection (Last-Event-ID). Without one the stream starts now, or, with ?state=true,
// with the current state.
//
//	ready   {"seq"}: changes after this position follow
//	change  devices with a new outcome for a check
//	reset   the client's position is too old, or of another log, such as before a restore: it
//	        must read the results again. With ?state=true the state follows
//	state   the newest outcomes of one page for one integration
//	end     {"reason"}: the API token may no longer read results; the last event
const (
	eventReady  = "ready"
	eventChange = "change"
	eventReset  = "reset"
	eventState  = "state"
	eventEnd    = "end"
)

type changeEvent struct {
	Check       proto.ID            `json:"check_id"`
	Outcome     proto.Outcome       `json:"outcome"`
	Integration proto.ID            `json:"integration_id"`
	Page        topology.PageNumber `json:"page"`
	Tick        uint64              `json:"tick"`
	At          v4.Timestamp        `json:"at"`
	Devices     []changedDevice     `json:"devices"`
}

type changedDevice struct {
	Device proto.ID     `json:"device_id"`
	From   string       `json:"from"` // "none" if it had no result
	Reason proto.Reason `json:"reason"`
	// Observed is the outcome by the score alone.
	Observed proto.Outcome `json:"observed"`
	Score    *int          `json:"score"`
}

type stateEvent struct {
	entryView
	Page    topology.PageNumber `json:"page"`
	Devices []stateDevice       `json:"devices"`
}

type stateDevice struct {
	Device proto.ID `json:"device_id"`
	resultView
}

// streamQuery selects the events for a client.
type streamQuery struct {
	checks   map[proto.ID]bool // empty: all
	outcomes map[proto.Outcome]bool
	state    bool
	after    string // cursor; empty: from now on
}

func readStreamQuery(c *v4.Call) (streamQuery, error) {
	q := streamQuery{checks: map[proto.ID]bool{}, outcomes: map[proto.Outcome]bool{}}
	values := c.URL.Query()
	for _, v := range values["check"] {
		id, err := proto.ParseID(v)
		if err != nil {
			return q, v4.Invalid("check must be the id of a check")
		}
		q.checks[id] = true
	}
	for _, v := range values["outcome"] {
		o, err := proto.ParseOutcome(v)
		if err != nil {
			return q, v4.Invalid("outcome must be one of pass, fail, unknown")
		}
		q.outcomes[o] = true
	}
	switch values.Get("state") {
	case "", "false":
	case "true":
		q.state = true
	default:
		return q, v4.Invalid("state must be true or false")
	}
	return q, q.readPosition(c.Header.Get("Last-Event-ID"), values)
}

func (q *streamQuery) readPosition(header string, values url.Values) error {
	if header == "" {
		header = values.Get("after") // for clients that cannot set a header
	}
	if header == "" {
		return nil
	}
	if bus.ValidCursor(header) != nil {
		return v4.Invalid("Last-Event-ID must be the id of an event of this stream")
	}
	q.after = header
	return nil
}

// streamResults follows the posture log for one client until it leaves or the service ends.
func (s *API) streamResults(w http.ResponseWriter, c *v4.Call) error {
	q, err := readStreamQuery(c)
	if err != nil {
		return err
	}
	release, free := s.streams.Acquire()
	if !free {
		return v4.Unavailable(nil, "the limit of %d clients following results is reached: try again later, or follow over "+
			"NATS", s.streams.Limit())
	}
	defer release()
	s.following.Inc()
	defer s.following.Dec()
	ctx, leave := context.WithCancel(c.Context())
	f := &feed{s: s, account: c.Account, query: q, events: v4.NewEventWriter(w)}
	begin, err := f.begin(ctx)
	if err != nil {
		leave()
		return err
	}
	var helpers sync.WaitGroup // helpers must not write once the request has ended
	defer helpers.Wait()
	defer leave()
	helpers.Go(func() { f.events.Beat(ctx, leave) })
	helpers.Go(func() { s.streams.Watch(ctx, leave) })
	err = s.store.Conn.Follow(ctx, bus.Following{Account: c.Account, Cursor: begin}, f.handle)
	if why := v4.TokenEnded(c.Context()); why != nil {
		_ = f.send(eventEnd, "", map[string]string{"reason": v4.AsError(why).Message}) // the client may be gone
		return nil
	}
	if err != nil && !errors.Is(err, v4.ErrClientGone) {
		s.store.Log.Warn("live stream failed", "err", err)
	}
	return nil
}

// feed turns events of the log into events for a client.
type feed struct {
	s       *API
	account proto.Account
	query   streamQuery
	events  *v4.EventWriter
	begun   bool // an event was sent
}

// begin returns the cursor to follow from; empty for the state. It sends the ready event unless the follower will.
func (f *feed) begin(ctx context.Context) (string, error) {
	if f.query.after != "" && f.query.after != "0" {
		return f.query.after, nil
	}
	newest, cursor, err := f.s.store.Conn.End(ctx)
	if err != nil {
		return "", err
	}
	if f.query.state || newest == 0 {
		return "", nil
	}
	return cursor, f.ready(newest, cursor)
}

func (f *feed) send(kind, id string, data any) error {
	f.begun = true
	return f.events.Send(kind, id, data)
}

func (f *feed) ready(seq uint64, cursor string) error {
	return f.send(eventReady, cursor, map[string]uint64{"seq": seq})
}

func (f *feed) handle(_ context.Context, e bus.Event) error {
	switch e.Kind {
	case bus.EventReset:
		if !f.begun && !f.query.state && f.query.after == "" {
			return nil // the client has not seen any results that could be outdated
		}
		return f.send(eventReset, "", struct{}{})
	case bus.EventReady:
		return f.ready(e.Seq, e.Cursor)
	case bus.EventState:
		if !f.query.state || e.Entry.Closed {
			return nil
		}
		return f.send(eventState, "", f.viewState(e))
	case bus.EventChange:
		if len(f.query.checks) > 0 && !f.query.checks[e.Ref.Check] || len(f.query.outcomes) > 0 &&
			!f.query.outcomes[e.Ref.Outcome] {
			return nil
		}
		return f.send(eventChange, e.Cursor, viewChange(e))
	}
	return nil
}

func (f *feed) viewState(e bus.Event) stateEvent {
	i := &proto.Integration{ID: e.Page.Integration}
	if known, found := f.s.store.Catalog.Integration(f.account, i.ID); found {
		i = known.Value
	}
	v := stateEvent{entryView: viewEntry(i, e.Entry), Page: e.Page.Page,
		Devices: make([]stateDevice, len(e.Entry.Results))}
	for n := range e.Entry.Results {
		v.Devices[n] = stateDevice{e.Entry.Results[n].Device, f.s.viewResult(f.account, e.Entry, n)}
	}
	return v
}

func viewChange(e bus.Event) changeEvent {
	v := changeEvent{Check: e.Ref.Check, Outcome: e.Ref.Outcome, Integration: e.Change.Integration, Page: e.Ref.Page,
		Tick: e.Change.Tick, At: v4.Timestamp(e.Change.At), Devices: make([]changedDevice, len(e.Change.Devices))}
	for n, d := range e.Change.Devices {
		v.Devices[n] = changedDevice{Device: d.Device, From: d.From.String(), Reason: d.Reason,
			Observed: d.ObservedOutcome(e.Ref.Outcome)}
		if d.Score != proto.NoScore {
			v.Devices[n].Score = &d.Score
		}
	}
	return v
}
