package ledger_test

import (
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
)

var (
	account     = proto.NewAccount()
	integration = proto.NewID()
	check       = proto.NewID()
	device      = proto.NewID()
	page        = topology.PageRef{Account: account, Integration: integration}
)

// entry returns the entry of a page with one device.
func entry(tick uint64, outcome proto.Outcome, changed int) bus.Outgoing {
	e := &proto.Entry{Tick: tick, Checks: []proto.CheckRef{{ID: check, Revision: 1}}, Results: []proto.Result{
		{Device: device, Score: 1, Verdicts: []proto.Verdict{{Outcome: outcome, Reason: proto.ReasonScore, Observed: outcome}}}}}
	return bus.Outgoing{Subject: topology.Log(page), Body: e,
		Header: map[string][]string{proto.HeaderSummary: {e.Summarize(changed).String()}}}
}

func change(index int, tick uint64, from, to proto.Outcome) bus.Outgoing {
	return bus.ChangeMsg(&proto.Change{Account: account, Check: check, Outcome: to, Index: index, Integration: integration,
		Tick: tick, Devices: []proto.ChangedDevice{{Device: device, From: from, Reason: proto.ReasonScore, Score: 1}}})
}

// The ledger detects every kind of fault in a log, so tests with it can fail.
func TestTheLedgerNoticesWhatIsWrong(t *testing.T) {
	pass, fail, none := proto.OutcomePass, proto.OutcomeFail, proto.OutcomeNone
	for name, c := range map[string]struct {
		log   []bus.Outgoing
		wrong string
	}{
		"nothing":                {nil, ""},
		"all is well":            {[]bus.Outgoing{entry(1, pass, 1), change(1, 1, none, pass), entry(2, pass, 0), entry(3, fail, 1), change(1, 3, pass, fail)}, ""},
		"a change is missing":    {[]bus.Outgoing{entry(1, pass, 1)}, "name 0"},
		"an entry claims none":   {[]bus.Outgoing{entry(1, pass, 0)}, "fold to"},
		"an entry is missing":    {[]bus.Outgoing{change(1, 1, none, pass)}, "does not follow its entry"},
		"from elsewhere":         {[]bus.Outgoing{entry(1, pass, 1), change(1, 1, fail, pass)}, "but was none"},
		"to elsewhere":           {[]bus.Outgoing{entry(1, pass, 1), change(1, 1, none, fail)}, "fold to"},
		"changes out of order":   {[]bus.Outgoing{entry(1, pass, 1), change(2, 1, none, pass)}, "does not follow its entry"},
		"a tick that decreases":  {[]bus.Outgoing{entry(2, pass, 1), change(1, 2, none, pass), entry(1, pass, 0)}, "tick 1 follows tick 2"},
		"a tick that comes back": {[]bus.Outgoing{entry(2, pass, 1), change(1, 2, none, pass), entry(2, pass, 0)}, "second entry"},
	} {
		t.Run(name, func(t *testing.T) {
			b := bustest.Start(t)
			operator := b.Conn(topology.Operator)
			for _, o := range c.log {
				if _, err := operator.Publish(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			follower := b.Conn(topology.Follower)
			bustest.Eventually(t, "the followers' copy is complete", func() bool {
				end, _, err1 := operator.End(t.Context())
				copied, _, err2 := follower.End(t.Context())
				return err1 == nil && err2 == nil && end == copied
			})
			err := (&ledger.Ledger{Storing: time.Second}).CatchUp(t.Context(), follower)
			if (c.wrong == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("the ledger says %v; expected was %q", err, c.wrong)
			}
		})
	}
}
