package apitest

import (
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Fetcher stands in for the fetcher: it answers test calls of integrations. It is safe for concurrent use.
type Fetcher struct {
	mu     sync.Mutex
	probes []proto.Probe
	poll   proto.Poll
	report *proto.ProbeReport
	hook   func()
	sub    *nats.Subscription
}

func newFetcher(t testing.TB, b *bustest.Bus) *Fetcher {
	f := &Fetcher{report: &proto.ProbeReport{}}
	conn := b.Conn(topology.Fetcher).NATS()
	var err error
	f.sub, err = conn.Subscribe(topology.AskedByAll(topology.AllProbes), func(m *nats.Msg) {
		if err := f.answer(m); err != nil {
			t.Error(err)
		}
	})
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *Fetcher) answer(m *nats.Msg) error {
	var p proto.Probe
	if err := proto.Unmarshal(m.Data, &p); err != nil {
		return err
	}
	f.mu.Lock()
	f.probes = append(f.probes, p)
	answer := proto.ProbeAnswer{Poll: f.poll}
	if p.Report {
		answer.Report = f.report
	}
	hook := f.hook
	f.hook = nil
	f.mu.Unlock()
	if hook != nil {
		hook()
	}
	data, err := proto.Marshal(&answer)
	if err != nil {
		return err
	}
	return m.Respond(data)
}

// Answer sets the result of later test calls.
func (f *Fetcher) Answer(p proto.Poll) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poll = p
}

// Report sets the report of later test calls that ask for one; nil: none, as by a fetcher of an earlier version.
func (f *Fetcher) Report(r *proto.ProbeReport) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report = r
}

// Before has hook called once, before the next test call is answered.
func (f *Fetcher) Before(hook func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// Probes returns the test calls so far.
func (f *Fetcher) Probes() []proto.Probe {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.probes)
}

// Stop ends the fetcher: later test calls find none.
func (f *Fetcher) Stop() error { return f.sub.Unsubscribe() }
