package dispatcher

import (
	"context"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/event"
	"plumbline.dev/services/internal/catalog"
)

const (
	testsAtOnce = 4
	// configWait bounds the wait for a destination that the sender of a test has already seen.
	configWait = 5 * time.Second
)

// answerTests sends test messages on request until ctx ends.
func (s *Service) answerTests(ctx context.Context) error {
	return s.bus.Answer(ctx, bus.Endpoint{
		Subject: topology.AllDestinationTests, Role: topology.Dispatcher, Workers: testsAtOnce,
		Handle: func(ctx context.Context, m *bus.Msg) proto.Message { return s.test(ctx, m) },
		Refuse: func(error) proto.Message {
			return &proto.DestinationTestResult{Error: "The dispatchers are busy; try again in a moment."}
		},
	})
}

// test sends a test.ping, once. It does not wait for the messages before it, and works while the destination is paused
// or disabled.
func (s *Service) test(ctx context.Context, m *bus.Msg) *proto.DestinationTestResult {
	failed := func(problem string) *proto.DestinationTestResult { return &proto.DestinationTestResult{Error: problem} }
	var q proto.DestinationTest
	if err := m.Decode(&q); err != nil {
		s.log.Error("a test of a destination cannot be read", "subject", m.Subject, "err", err)
		return failed("The dispatcher does not understand the request; api and dispatchers should be of the same version.")
	}
	wait, cancel := context.WithTimeout(ctx, configWait)
	defer cancel()
	account, d := topology.AccountOf(m.Subject), q.Unsaved
	if d == nil {
		var rec catalog.Record[proto.Destination]
		found := false
		if err := s.catalog.AwaitUntil(wait, "new enough", func() bool {
			rec, found = s.catalog.Destination(account, q.Destination)
			return found && rec.Revision >= q.Revision
		}); err != nil {
			return failed("The dispatcher has not seen the newest configuration yet; try again in a moment.")
		}
		d = rec.Value
	}
	t, problem := openTarget(d, s.identities)
	if problem != "" {
		return failed(problem)
	}
	e, err := event.OfPing(event.Ping{Account: account, Destination: q.Destination, Name: d.Name, By: q.By},
		proto.NewID(), s.clock.Now())
	if t.lines != nil {
		e.Body, err = testUpload()
	}
	if err != nil {
		return failed("The message could not be made: " + err.Error() + ".")
	}
	a := s.sender.send(ctx, t, e)
	s.metrics.tested(a)
	s.log.Info("tested a destination", "account", account, "destination", q.Destination, "event", e.ID, "status",
		a.response.Status, "took", a.took, "problem", a.problem)
	return &proto.DestinationTestResult{Event: e.ID, Status: a.response.Status, Took: a.took, Error: a.problem}
}
