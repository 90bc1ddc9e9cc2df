package system

import (
	"errors"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// well returns an installation without problems.
func well() view {
	return view{
		Streams: []streamView{{Name: topology.PostureLog, Servers: 3, Current: 3, Messages: 10, Bytes: 50, Limit: 100},
			{Name: topology.PostureDead, Servers: 1, Current: 1}},
		Queues: []queueView{{Stream: topology.PostureScores, Service: "evaluator", Waiting: 3, AgeMS: 500}},
		Integrations: []polledView{{ID: proto.ID{1}, Name: "EDR", Interval: "5m", Standing: "on_time", At: at(now),
			Pages: 3}},
	}
}

func at(t time.Time) v4.Timestamp { return v4.Timestamp(proto.At(t)) }

func TestProblems(t *testing.T) {
	intervals := map[proto.ID]time.Duration{{1}: 5 * time.Minute}
	v := well()
	if all := problemsOf(&v, link{}, intervals, now.Add(5*time.Minute+tickLate)); len(all) != 0 || all == nil {
		t.Errorf("a healthy installation has problems: %v", all)
	}
	for want, change := range map[string]func(*view, *link){
		"not_stored":         func(_ *view, l *link) { l.unwritable = 1 },
		"nats_stalled":       func(_ *view, l *link) { l.stalled = 1 },
		"unreadable_records": func(_ *view, l *link) { l.unreadable = 2 },
		"stream_silent":      func(v *view, _ *link) { v.Streams[0].Error = "no answer" },
		"servers_behind":     func(v *view, _ *link) { v.Streams[0].Current = 2 },
		"data_lost":          func(v *view, _ *link) { v.Streams[0].Lost = 7 },
		"dead_letters":       func(v *view, _ *link) { v.Streams[1].Messages = 1 },
		"history_short":      func(v *view, _ *link) { v.Streams[0].Bytes = 98 },
		"evaluator_late":     func(v *view, _ *link) { v.Queues[0].Late = true },
		"scheduler_late":     func(v *view, _ *link) { v.Integrations[0].At = at(now.Add(-6*time.Minute - time.Second)) },
		"poll_overdue":       func(v *view, _ *link) { v.Integrations[0].Standing = "overdue" },
		"poll_failing":       func(v *view, _ *link) { v.Integrations[0].Failed = 1 },
	} {
		v, l := well(), link{}
		change(&v, &l)
		all := problemsOf(&v, l, intervals, now)
		if len(all) != 1 || all[0].Code != want || all[0].Subject == "" || all[0].Text == "" {
			t.Errorf("%s: %+v", want, all)
		}
	}
}

// Severe problems come first. A paused integration is not late, and a log that is full of old lines is not short.
func TestProblemsInOrder(t *testing.T) {
	v := well()
	v.Streams[0].Bytes, v.Streams[1].Messages, v.Integrations[0].Standing = 100, 2, "overdue"
	all := problemsOf(&v, link{}, nil, now.Add(time.Hour))
	var codes []string
	for _, p := range all {
		codes = append(codes, p.Severity+" "+p.Code)
	}
	if len(codes) != 3 || codes[0] != "fail poll_overdue" || codes[1] != "warn dead_letters" ||
		codes[2] != "info history_short" || all[0].ID != (proto.ID{1}).String() {
		t.Errorf("%q", codes)
	}
	v.Streams[0].MaxAgeMS, v.Streams[0].Oldest = time.Hour.Milliseconds(), at(now.Add(-time.Hour))
	v.Streams[0].Newest = at(now)
	if full(v.Streams[0]) {
		t.Error("a log is short although it has every line of its time")
	}
}

func TestViewQueue(t *testing.T) {
	u := bus.Usage{Messages: 4, Oldest: now, At: now.Add(3 * time.Minute), Queue: true}
	q, isQueue := viewQueue(asked{topology.PostureScores, u, nil})
	if !isQueue || !q.Late || q.Waiting != 4 || q.AgeMS != 180_000 || q.Service != "evaluator" {
		t.Errorf("%+v", q)
	}
	if q, _ = viewQueue(asked{topology.PostureBatches, u, nil}); q.Late || q.Service != "fetcher" {
		t.Errorf("a call may take longer: %+v", q)
	}
	if _, isQueue = viewQueue(asked{topology.PostureLog, u, nil}); isQueue {
		t.Error("the log is no queue")
	}
	if _, isQueue = viewQueue(asked{topology.PostureScores, u, errors.New("no answer")}); isQueue {
		t.Error("what NATS did not tell is no empty queue")
	}
}
