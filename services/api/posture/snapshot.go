package posture

import (
	"context"
	"errors"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// resultLine is a line of the snapshot: the newest result of one check for one device.
type resultLine struct {
	Device      proto.ID            `json:"device_id"`
	Check       proto.ID            `json:"check_id"`
	Outcome     proto.Outcome       `json:"outcome"`
	Reason      proto.Reason        `json:"reason"`
	Observed    proto.Outcome       `json:"observed"`
	Score       *int                `json:"score"`
	Integration proto.ID            `json:"integration_id"`
	Page        topology.PageNumber `json:"page"`
	Tick        uint64              `json:"tick"`
	At          v4.Timestamp        `json:"at"`
}

// positionLine is the last line of the snapshot. A response without it was cut off.
type positionLine struct {
	// Position is a sequence of POSTURE_LOG: the changes after it follow. Cursor is the same for the HTTP stream.
	Position uint64 `json:"position"`
	Cursor   string `json:"cursor"`
}

var (
	errSnapshotRead  = errors.New("the snapshot is complete")
	errSnapshotMoved = errors.New("the log was replaced, or the state could not be read, while the snapshot was sent")
)

// snapshot writes the newest result of every check for every device, one JSON object per line, and the position in the
// log that the results are of. Folding the changes after the position onto them keeps them current.
func (s *API) snapshot(w http.ResponseWriter, c *v4.Call) error {
	q, err := readStreamQuery(c)
	if err != nil {
		return err
	}
	ctx, out, done, err := s.streams.Begin(w, c)
	if err != nil {
		return err
	}
	defer done()
	if _, _, err := s.store.Conn.End(ctx); err != nil {
		return err // without a bus, Follow would wait for one
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	n := &snapshotWriter{query: q, out: out}
	switch err = s.store.Conn.Follow(ctx, bus.Following{Account: c.Account}, n.handle); {
	case errors.Is(err, errSnapshotRead):
		return nil
	case err == nil:
		err = context.Cause(ctx) // the client left, or the service ends
	}
	return out.Cut(err)
}

// snapshotWriter writes the lines of a snapshot.
type snapshotWriter struct {
	query streamQuery
	out   *v4.LineWriter
	begun bool // a page was written
}

// handle writes the lines of an event. It returns errSnapshotRead after the last line.
func (n *snapshotWriter) handle(_ context.Context, e bus.Event) error {
	switch e.Kind {
	case bus.EventReset:
		if n.begun {
			return errSnapshotMoved
		}
	case bus.EventState:
		n.begun = true
		if !e.Entry.Closed {
			n.page(e)
		}
		return n.out.Flush()
	case bus.EventReady:
		n.out.Line(positionLine{e.Seq, e.Cursor})
		if err := n.out.Flush(); err != nil {
			return err
		}
		return errSnapshotRead
	}
	return nil
}

// page writes the lines of a page.
func (n *snapshotWriter) page(e bus.Event) {
	for row := range e.Entry.Results {
		r := &e.Entry.Results[row]
		for i, v := range r.Verdicts {
			check := e.Entry.Checks[i].ID
			if len(n.query.checks) > 0 && !n.query.checks[check] ||
				len(n.query.outcomes) > 0 && !n.query.outcomes[v.Outcome] {
				continue
			}
			n.out.Line(&resultLine{Device: r.Device, Check: check, Outcome: v.Outcome, Reason: v.Reason,
				Observed: v.Observed, Score: score(r.Score), Integration: e.Page.Integration, Page: e.Page.Page,
				Tick: e.Entry.Tick, At: v4.Timestamp(e.Entry.EvaluatedAt)})
		}
	}
}
