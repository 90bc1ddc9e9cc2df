package dispatcher

import (
	"context"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/dataset"
	"plumbline.dev/services/dispatcher/event"
)

// source is a part of a stream from which the events of a destination are made.
type source struct {
	name   string // in the stored positions
	stream string
	filter func(proto.Account) string
	// events returns the events of a message, in order.
	events func(s *Service, a proto.Account, m *bus.Msg) ([]event.Event, error)
	// lines renders the lines of a message, for a destination that receives batches; nil for the others.
	lines func(ctx context.Context, u *uploader, m *bus.Msg) (text []byte, lines int, err error)
	// results is set if a gap means that changes of results were missed.
	results bool
}

// sourcesOf returns the sources of a destination. The names are stored.
func sourcesOf(d *proto.Destination) []source {
	if d.Upload != nil {
		if d.Upload.Dataset == dataset.AccessRequests {
			return []source{{name: "requests", stream: topology.AccessLogs, filter: topology.AccessLogsOf,
				lines: ofRequest}}
		}
		return []source{{name: "results", stream: topology.PostureLog, filter: topology.ChangesOf, lines: ofResults}}
	}
	return []source{
		{name: "changes", stream: topology.PostureLog, filter: topology.ChangesOf, events: (*Service).ofChange,
			results: true},
		{name: "holds", stream: topology.PostureLog, filter: topology.HoldsOf, events: (*Service).ofHold},
		{name: "tokens", stream: topology.AccessLogs, filter: topology.TokenNoticesOf, events: (*Service).ofToken},
	}
}

func (s *Service) ofChange(a proto.Account, m *bus.Msg) ([]event.Event, error) {
	ref, err := topology.ParseChange(m.Subject)
	if err != nil {
		return nil, bus.Permanent(err)
	}
	var c proto.Change
	if err := m.Decode(&c); err != nil {
		return nil, err
	}
	return event.OfChange(event.Message{Ref: ref, Change: &c, Seq: m.Seq}, s.link)
}

func (s *Service) ofHold(a proto.Account, m *bus.Msg) ([]event.Event, error) {
	var n proto.HoldNotice
	if err := m.Decode(&n); err != nil {
		return nil, err
	}
	e, err := event.OfHold(a, &n, m.Seq, m.Time)
	return []event.Event{e}, err
}

func (s *Service) ofToken(a proto.Account, m *bus.Msg) ([]event.Event, error) {
	var n proto.TokenNotice
	if err := m.Decode(&n); err != nil {
		return nil, err
	}
	e, err := event.OfToken(a, &n, m.Seq)
	return []event.Event{e}, err
}

// link returns the address of a check in the console, or "" without a console.
func (s *Service) link(_ proto.Account, check proto.ID) string {
	if s.cfg.ConsoleURL == "" {
		return ""
	}
	return s.cfg.ConsoleURL + "/checks/" + check.String()
}
