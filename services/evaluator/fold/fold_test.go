package fold_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/foldtest"
)

const epoch proto.Millis = 1_700_000_000_000

func dev(b byte) proto.ID { return proto.ID{0xd0, b} }
func chk(b byte) proto.ID { return proto.ID{0xc0, b} }

func check(b byte, revision uint64, op proto.Operator, score float64, expiration time.Duration) fold.Check {
	return fold.Check{Revision: revision,
		Check: &proto.Check{ID: chk(b), Type: proto.TypeCustomS2S, Operator: op, Score: score, Expiration: expiration}}
}

func devices(bs ...byte) (ids []proto.ID) {
	for _, b := range bs {
		ids = append(ids, dev(b))
	}
	return ids
}

// page is the state of a test: the newest entry and the base of the next input.
type page struct {
	t     *testing.T
	entry *proto.Entry
	on    fold.Basis
	tick  uint64
	last  fold.Step
}

func newPage(t *testing.T, ids []proto.ID, checks ...fold.Check) *page {
	return &page{t: t, on: fold.Basis{Page: fold.Page{Revision: 1, Devices: ids},
		Config: fold.Config{Revision: 1, Exists: true, Checks: checks}, StoredAt: epoch, Now: epoch}}
}

func (p *page) wait(d time.Duration) { p.on.StoredAt, p.on.Now = p.on.StoredAt.Add(d), p.on.Now.Add(d) }

func (p *page) fold(in *proto.Input, want fold.Reason) {
	p.t.Helper()
	follower := foldtest.StateOf(p.entry)
	p.last = fold.Next(p.entry, in, p.on)
	if p.last.Reason != want {
		p.t.Fatalf("%s: %s, want %s", in.Cause, p.last.Reason, want)
	}
	if (p.last.Entry != nil) != (want == fold.Written) {
		p.t.Fatalf("%s with entry %v", want, p.last.Entry)
	}
	if p.last.Entry == nil {
		return
	}
	p.entry = p.last.Entry
	if err := follower.Follow(p.last.Changes); err != nil {
		p.t.Error(err)
	}
	if want := foldtest.StateOf(p.entry); !maps.Equal(follower, want) {
		p.t.Errorf("the changes lead to %v, the entry says %v", follower, want)
	}
}

// poll folds an answer: pairs of device and score, or of device and reason without a score.
func (p *page) poll(answers map[byte]any) {
	p.t.Helper()
	p.tick++
	in := &proto.Input{Cause: proto.CausePoll, Tick: p.tick, Poll: proto.Poll{Attempts: 1, Status: 200}}
	for b, a := range answers {
		o := proto.Observation{Device: dev(b), Score: proto.NoScore}
		switch a := a.(type) {
		case int:
			o.Score, o.S2SID = a, "s2s"
		case proto.Reason:
			o.Problem = a
		}
		in.Observations = append(in.Observations, o)
	}
	p.fold(in, fold.Written)
}

func (p *page) pollFails(why proto.Reason) {
	p.t.Helper()
	p.tick++
	p.fold(&proto.Input{Cause: proto.CausePoll, Tick: p.tick, Poll: proto.Poll{Attempts: 3, Error: why, Detail: "no"}},
		fold.Written)
}

func (p *page) other(c proto.Cause, want fold.Reason) {
	p.t.Helper()
	p.fold(&proto.Input{Cause: c}, want)
}

// is checks a device's verdict of the n-th check: "pass score", "unknown expired", "" for no result.
func (p *page) is(b byte, n int, want string) {
	p.t.Helper()
	for _, r := range p.entry.Results {
		if r.Device != dev(b) {
			continue
		}
		v := r.Verdicts[n]
		if got := v.Outcome.String() + " " + v.Reason.String(); got != want || v.Observed != v.Outcome {
			p.t.Errorf("device %d, check %d: %s (observed %s), want %s", b, n, got, v.Observed, want)
		}
		return
	}
	if want != "" {
		p.t.Errorf("device %d has no result, want %s", b, want)
	}
}

// changed checks the changes of the last step: check, outcome, device, previous outcome and reason of each.
func (p *page) changed(want ...string) {
	p.t.Helper()
	got := []string{}
	for _, c := range p.last.Changes {
		for _, d := range c.Devices {
			got = append(got, string('0'+rune(c.Check[1]))+" "+string('0'+rune(d.Device[1]))+" "+d.From.String()+">"+
				c.Outcome.String()+" "+d.Reason.String())
		}
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		p.t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestAPageFromItsFirstDeviceOn(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, 0))
	p.other(proto.CausePage, fold.Written)
	p.changed("1 1 none>unknown never_polled", "1 2 none>unknown never_polled")
	if p.entry.Cause != proto.CausePage || p.entry.Tick != 0 || p.entry.Poll.At != 0 || p.entry.PageRevision != 1 ||
		!p.last.Members {
		t.Errorf("%+v", p.entry)
	}
	p.other(proto.CausePage, fold.Unchanged)
	p.wait(time.Second)
	p.poll(map[byte]any{1: 50, 2: 49})
	p.is(1, 0, "pass score")
	p.is(2, 0, "fail score")
	p.changed("1 1 unknown>pass score", "1 2 unknown>fail score")
	if e := p.entry; e.Cause != proto.CausePoll || e.Tick != 1 || e.Poll.At != epoch+1000 || e.Poll.Attempts != 1 ||
		e.Results[0].ObservedAt != epoch+1000 || e.Results[0].S2SID != "s2s" || e.NextExpiry != 0 || p.last.Members {
		t.Errorf("%+v", e)
	}
	p.poll(map[byte]any{1: 51, 2: 49}) // an entry for every poll, changes or not
	p.changed()
}

func TestLatePollsAreDropped(t *testing.T) {
	p := newPage(t, devices(1), check(1, 1, ">=", 50, 0))
	p.tick = 6
	p.poll(map[byte]any{1: 80})
	for _, tick := range []uint64{7, 6, 0} {
		p.fold(&proto.Input{Cause: proto.CausePoll, Tick: tick,
			Observations: []proto.Observation{{Device: dev(1), Score: 0}}}, fold.Late)
	}
	p.fold(&proto.Input{Cause: proto.CausePoll, Tick: 5, Poll: proto.Poll{Error: proto.ReasonTimeout}}, fold.Late)
	// Its revision of the page still counts.
	p.on.Page = fold.Page{Revision: 3, Devices: devices(1, 2)}
	p.fold(&proto.Input{Cause: proto.CausePoll, Tick: 5, PageRevision: 3,
		Observations: []proto.Observation{{Device: dev(1), Score: 0}}}, fold.Written)
	p.is(1, 0, "pass score")
	p.changed("1 2 none>unknown never_polled")
	if p.entry.Cause != proto.CausePage || p.entry.Tick != 7 || p.entry.Poll.Attempts != 1 {
		t.Errorf("%+v", p.entry)
	}
}

func TestFailuresKeepTheLastResultUntilItExpires(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, time.Minute), check(2, 1, "<", 90, 0))
	p.poll(map[byte]any{1: 80, 2: proto.ReasonMissing})
	if p.entry.NextExpiry != epoch+60_000 {
		t.Errorf("next expiry %d", p.entry.NextExpiry-epoch)
	}
	p.is(2, 0, "unknown missing")
	for _, why := range []proto.Reason{proto.ReasonTimeout, proto.ReasonAPIError, proto.ReasonAuthFailed,
		proto.ReasonBadResponse} {
		p.wait(10 * time.Second)
		p.pollFails(why)
		p.is(1, 0, "pass score")
		p.is(2, 0, "unknown "+why.String())
		p.changed()
		if p.entry.Poll.Error != why || p.entry.Results[0].Problem != why || p.entry.Results[0].Score != 80 ||
			p.entry.Results[0].ObservedAt != epoch {
			t.Errorf("%+v", p.entry)
		}
	}
	p.wait(19_999 * time.Millisecond)
	p.other(proto.CauseExpired, fold.Unchanged)
	p.wait(time.Millisecond)
	p.other(proto.CauseExpired, fold.Written)
	p.is(1, 0, "unknown bad_response")
	p.is(1, 1, "pass score")
	p.changed("1 1 pass>unknown bad_response")
	if p.entry.NextExpiry != 0 || p.entry.Cause != proto.CauseExpired || p.entry.Tick != p.tick {
		t.Errorf("%+v", p.entry)
	}
	p.poll(map[byte]any{1: proto.ReasonInvalidScore, 2: 10})
	p.is(1, 0, "unknown invalid_score")
	p.is(1, 1, "pass score")
	p.poll(map[byte]any{1: 60, 2: 10})
	p.is(1, 0, "pass score")
}

func TestAScoreThatNobodyRefreshedExpires(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, time.Minute))
	p.poll(map[byte]any{1: 80, 2: 10})
	p.wait(30 * time.Second)
	p.poll(map[byte]any{1: 80}) // the second one was not asked about: enrolled after the call
	if p.entry.NextExpiry != epoch+60_000 {
		t.Errorf("next expiry %d", p.entry.NextExpiry-epoch)
	}
	p.wait(30 * time.Second)
	p.other(proto.CauseExpired, fold.Written)
	p.is(1, 0, "pass score")
	p.is(2, 0, "unknown expired")
	if p.entry.NextExpiry != epoch+90_000 {
		t.Errorf("next expiry %d", p.entry.NextExpiry-epoch)
	}
}

func TestAClockSetBackGivesNoPassBack(t *testing.T) {
	p := newPage(t, devices(1), check(1, 1, ">=", 50, time.Minute))
	p.poll(map[byte]any{1: 80})
	p.wait(time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.wait(-30 * time.Second)
	p.other(proto.CauseExpired, fold.Unchanged)
	p.other(proto.CausePage, fold.Unchanged)
	p.pollFails(proto.ReasonTimeout)
	p.is(1, 0, "unknown timeout")
	p.on.Config = fold.Config{Revision: 2, Exists: true, Checks: []fold.Check{check(1, 2, ">=", 50, time.Hour)}}
	p.other(proto.CauseConfig, fold.Written) // an editor of the check decides anew
	p.is(1, 0, "pass score")
	p.poll(map[byte]any{1: 90})
	p.is(1, 0, "pass score")
}

func TestAnEditedCheckIsEvaluatedFromTheScores(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, 0))
	p.poll(map[byte]any{1: 60, 2: 40})
	p.on.Config = fold.Config{Revision: 7, Exists: true,
		Checks: []fold.Check{check(2, 7, "<", 50, 0), check(1, 6, ">", 60, 0)}}
	p.fold(&proto.Input{Cause: proto.CauseConfig, ConfigRevision: 7}, fold.Written)
	p.changed("1 1 pass>fail score", "2 2 none>pass score", "2 1 none>fail score")
	if want := []proto.CheckRef{{ID: chk(1), Revision: 6}, {ID: chk(2), Revision: 7}}; cmp.Diff(want,
		p.entry.Checks) != "" {
		t.Errorf("checks %v", p.entry.Checks)
	}
	// An edit without a changed outcome is written too: otherwise a later evaluation could use an older revision.
	p.on.Config = fold.Config{Revision: 8, Exists: true,
		Checks: []fold.Check{check(1, 8, ">", 61, 0), check(2, 7, "<", 50, 0)}}
	p.other(proto.CauseConfig, fold.Written)
	p.changed()
	p.on.Config.Revision = 9 // of something else
	p.other(proto.CauseConfig, fold.Unchanged)
	p.on.Config.Checks = p.on.Config.Checks[1:]
	p.on.Config.Revision = 10
	p.other(proto.CauseConfig, fold.Written)
	p.changed("1 1 fail>unknown check_removed", "1 2 fail>unknown check_removed")
}

func TestWhatCannotBeEvaluatedIsUnknown(t *testing.T) {
	kept, odd := check(2, 1, ">", 1, 0), check(3, 1, "~", 1, 0)
	kept.Check.Type = "intune"
	p := newPage(t, devices(1), check(1, 1, "==", 50.5, 0), kept, odd)
	p.poll(map[byte]any{1: 50})
	p.is(1, 0, "fail score")
	p.is(1, 1, "unknown unsupported")
	p.is(1, 2, "unknown unsupported")
}

func TestDevicesComeAndGo(t *testing.T) {
	p := newPage(t, devices(1, 2, 3), check(1, 1, ">=", 50, 0))
	p.poll(map[byte]any{1: 60, 2: 40, 3: 90})
	p.on.Page = fold.Page{Revision: 5, Devices: devices(3, 4, 1)} // 2 left, 4 has its slot
	p.poll(map[byte]any{1: 61, 2: 99, 3: 91})                     // the call was made before
	p.changed("1 4 none>unknown never_polled", "1 2 fail>unknown removed")
	p.is(1, 0, "pass score")
	p.is(2, 0, "")
	p.is(4, 0, "unknown never_polled")
	for i, want := range devices(3, 4, 1) {
		if p.entry.Results[i].Device != want {
			t.Errorf("result %d is of %s", i, p.entry.Results[i].Device)
		}
	}
	p.pollFails(proto.ReasonTimeout)
	p.is(4, 0, "unknown timeout")
	p.on.Page = fold.Page{Revision: 6, Devices: devices(1, 4, 3)}
	p.other(proto.CausePage, fold.Unchanged) // the order is no news
	p.on.Page = fold.Page{Revision: 7}
	p.other(proto.CausePage, fold.Written)
	p.changed("1 3 pass>unknown removed", "1 4 unknown>unknown removed", "1 1 pass>unknown removed")
	p.poll(nil) // an empty page is polled without a call
	p.on.Page = fold.Page{Revision: 8, Devices: devices(2)}
	p.other(proto.CausePage, fold.Written)
	p.is(2, 0, "unknown never_polled")
}

func TestDeviceAndCheckGoTogether(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, 0), check(2, 1, ">=", 50, 0))
	p.poll(map[byte]any{1: 60, 2: 40})
	p.on.Page = fold.Page{Revision: 2, Devices: devices(1, 3)}
	p.on.Config = fold.Config{Revision: 2, Exists: true, Checks: []fold.Check{check(2, 1, ">=", 50, 0)}}
	p.other(proto.CausePage, fold.Written)
	p.changed("2 3 none>unknown never_polled", "2 2 fail>unknown removed", "1 1 pass>unknown check_removed",
		"1 2 fail>unknown removed")
}

func TestARemovedIntegrationCloses(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, time.Minute))
	p.poll(map[byte]any{1: 60, 2: 40})
	live := p.on.Config
	p.on.Config = fold.Config{Revision: 2}
	p.fold(&proto.Input{Cause: proto.CausePoll, Tick: 9, Observations: []proto.Observation{{Device: dev(1), Score: 1}}},
		fold.Written)
	p.changed("1 1 pass>unknown check_removed", "1 2 fail>unknown check_removed")
	if e := p.entry; !e.Closed || e.Tick != 1 || e.Cause != proto.CauseConfig || len(e.Checks)+len(e.Results) != 0 ||
		e.NextExpiry != 0 || e.ConfigRevision != 2 {
		t.Errorf("%+v", e)
	}
	p.other(proto.CauseConfig, fold.Unchanged)
	live.Revision = 3
	p.on.Config = live
	p.other(proto.CauseConfig, fold.Written)
	p.is(1, 0, "unknown never_polled")

	if s := fold.Next(nil, &proto.Input{Cause: proto.CausePoll, Tick: 1},
		fold.Basis{Page: fold.Page{Revision: 1}}); s.Reason != fold.Unchanged {
		t.Errorf("a poll of an integration that is gone, without a state: %s", s.Reason)
	}
}

func TestNothingIsSaidOfNothing(t *testing.T) {
	p := newPage(t, nil)
	p.other(proto.CausePage, fold.Unchanged)
	p.other(proto.CauseConfig, fold.Unchanged)
	p.on.Page.Revision, p.on.Page.Missing = 0, true
	p.fold(&proto.Input{Cause: proto.CausePoll, Tick: 1}, fold.Unchanged) // there is no such page
	p.on.Page.Revision = 2
	p.fold(&proto.Input{Cause: proto.CausePoll, Tick: 1}, fold.Unchanged) // it was deleted
	p.on.Page.Revision, p.on.Page.Missing = 3, false
	p.poll(nil) // there is, and it is empty
	if p.entry.Poll.At == 0 {
		t.Errorf("%+v", p.entry)
	}

	p = newPage(t, nil, check(1, 1, ">=", 50, 0))
	p.other(proto.CauseConfig, fold.Written) // otherwise an older revision of the check could be used
	if len(p.entry.Checks) != 1 {
		t.Errorf("%+v", p.entry)
	}
}

func TestRevisionsNeverGoBack(t *testing.T) {
	p := newPage(t, devices(1), check(1, 1, ">=", 50, 0))
	p.on.Page.Revision, p.on.Config.Revision = 5, 8
	p.poll(map[byte]any{1: 60})
	poll := proto.Input{Cause: proto.CausePoll, Tick: 9}
	p.on.Page.Revision = 4
	p.fold(&poll, fold.StalePage)
	p.on.Page.Revision, p.on.Config.Revision = 5, 7
	p.fold(&poll, fold.StaleConfig)
	p.on.Config.Revision = 8
	p.fold(&proto.Input{Cause: proto.CausePage, PageRevision: 6}, fold.StalePage)
	p.fold(&proto.Input{Cause: proto.CauseConfig, ConfigRevision: 9}, fold.StaleConfig)
	p.on.Config = fold.Config{Revision: 7} // nor does an old view without the integration close it
	p.fold(&poll, fold.StaleConfig)
}

func TestScoresOutOfRangeAreNoScores(t *testing.T) {
	p := newPage(t, devices(1, 2, 3), check(1, 1, ">=", 0, 0))
	p.poll(map[byte]any{1: 101, 2: -2, 3: nil})
	p.is(1, 0, "unknown invalid_score")
	p.is(2, 0, "unknown invalid_score")
	p.is(3, 0, "unknown missing")
}

func TestTheFirstHundredChecksCount(t *testing.T) {
	var checks []fold.Check
	for i := range 120 {
		checks = append(checks, check(byte(119-i), 1, ">=", 50, 0))
	}
	p := newPage(t, devices(1), checks...)
	p.poll(map[byte]any{1: 60})
	if n := len(p.entry.Checks); n != proto.MaxChecks || p.entry.Checks[0].ID != chk(0) ||
		p.entry.Checks[n-1].ID != chk(99) {
		t.Errorf("%d checks", n)
	}
	if checks[0].ID != chk(119) {
		t.Error("the caller's checks were moved")
	}
}

// An atomic batch holds 1,000 messages: the largest step, in which every check is replaced by another and
// the devices fall on every outcome, fits.
func TestTheLargestStepFitsABatch(t *testing.T) {
	var ids []proto.ID
	var old, fresh []fold.Check
	for i := range proto.PageSize {
		ids = append(ids, proto.ID{1, byte(i >> 8), byte(i)})
	}
	for i := range proto.MaxChecks {
		c := check(byte(i), 2, ">=", 50, 0)
		old = append(old, c)
		c.Check = &proto.Check{ID: proto.ID{0xc1, byte(i)}, Type: c.Type, Operator: c.Operator, Score: c.Score}
		fresh = append(fresh, c)
	}
	p := newPage(t, ids, old...)
	p.other(proto.CausePage, fold.Written)
	p.on.Config = fold.Config{Revision: 3, Exists: true, Checks: fresh}
	for i := range 500 {
		p.on.Page.Devices[i][0] = 2
	}
	p.tick++
	in := &proto.Input{Cause: proto.CausePoll, Tick: p.tick}
	for i := range 990 {
		in.Observations = append(in.Observations, proto.Observation{Device: p.on.Page.Devices[i], Score: i % 101})
	}
	p.fold(in, fold.Written)
	if n := 1 + len(p.last.Changes); n > 1000 || n != 1+proto.MaxChecks*3+proto.MaxChecks {
		t.Errorf("%d messages", n)
	}
	for _, c := range p.last.Changes {
		if len(c.Devices) > 2*proto.PageSize {
			t.Errorf("%d devices in a change", len(c.Devices))
		}
	}
}
