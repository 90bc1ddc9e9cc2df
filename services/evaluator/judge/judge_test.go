package judge_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/judge"
)

var check, other = proto.ID{0xc0}, proto.ID{0xc1}

const epoch proto.Millis = 1_700_000_000_000

// page has 1,000 devices with a pass; a held page holds out of them.
func page(n uint32, tick uint64, out int, held bool) judge.Page {
	x := proto.CheckFlips{Check: check, Flips: proto.Flips{Out: out, Passing: 1000, Known: 1000}}
	if held {
		x.Held, x.Since, x.Tick, x.Out, x.Devices = true, epoch, tick, true, out
	}
	return judge.Page{Number: n, Tick: tick, PolledAt: epoch, Checks: []proto.CheckFlips{{Check: other}, x}}
}

func of(last *proto.Hold, pages ...judge.Page) *judge.Case {
	return &judge.Case{Check: check, Pages: pages, Breaker: proto.DefaultBreaker(), Last: last, Now: epoch + 100}
}

func state(h *proto.Hold) proto.HoldState {
	if h == nil {
		return "no record"
	}
	return h.State
}

func TestVerdicts(t *testing.T) {
	standing := of(nil, page(1, 7, 900, true)).Next()
	if standing == nil || standing.Pages != 1 || standing.Devices != 900 || !standing.Out || standing.Tick != 7 ||
		standing.Since != epoch {
		t.Fatalf("%+v", standing)
	}
	with := func(s proto.HoldState, at proto.Millis) *proto.Hold {
		h := *standing
		h.State, h.DecidedAt = s, at
		return &h
	}
	safe := page(1, 7, 900, true)
	safe.Checks[1].Safe = true
	opened := page(1, 7, 0, true)
	opened.Checks[1].Flips = proto.Flips{In: 300, Passing: 100, Known: 1000}
	lost := page(1, 7, 1, true) // the window tripped, on a fleet with the same loss on every page
	lost.Checks[1].Flips.Net = -260
	named := with(proto.HoldReleased, epoch)
	named.Release = []proto.PageTick{{Page: 1, Tick: 7}}
	unheard := of(with(proto.HoldReleased, epoch), page(1, 7, 900, true))
	unheard.Now = epoch + judge.Patience
	off := of(nil, page(1, 7, 300, true), page(2, 7, 0, false))
	off.Breaker.Off = true
	rejected, _ := standing.Decide(proto.HoldRejected, "a", "r", epoch)
	again := of(rejected, page(1, 8, 900, true), page(2, 8, 901, true)).Next()
	other := page(2, 7, 300, true)
	other.Checks[1].Flips, other.Checks[1].Out, other.Checks[1].In = opened.Checks[1].Flips, false, true
	for name, c := range map[string]struct {
		of   *judge.Case
		want proto.HoldState
	}{
		"nothing is held":                          {of(nil, page(1, 7, 0, false)), "no record"},
		"no pages":                                 {of(nil), "no record"},
		"one site":                                 {of(nil, page(1, 7, 900, true), page(2, 7, 0, false), page(3, 7, 0, false), page(4, 7, 0, false), page(5, 7, 0, false)), proto.HoldReleased},
		"the limit of the fleet":                   {of(nil, page(1, 7, 600, true), page(2, 7, 0, false), page(3, 7, 0, false)), proto.HoldReleased},
		"beyond the limit":                         {of(nil, page(1, 7, 601, true), page(2, 7, 0, false), page(3, 7, 0, false)), proto.HoldStanding},
		"opened":                                   {of(nil, opened, page(2, 7, 0, false)), proto.HoldReleased},
		"opened beyond the limit":                  {of(nil, opened), proto.HoldStanding},
		"a slow loss of the fleet":                 {of(nil, lost), proto.HoldStanding},
		"a page is missing":                        {of(nil, page(1, 7, 100, true), page(2, 6, 0, false)), "no record"},
		"a page is ahead":                          {of(nil, page(1, 7, 300, true), page(2, 8, 0, false)), "no record"},
		"the last page of a malfunction":           {of(standing, page(1, 7, 900, true), page(2, 8, 0, false), page(3, 8, 0, false), page(4, 8, 0, false), page(5, 8, 0, false)), "no record"},
		"it stands":                                {of(standing, page(1, 7, 900, true)), "no record"},
		"it stands at the next tick":               {of(standing, page(1, 8, 900, true)), "no record"},
		"another page joins":                       {of(standing, page(1, 8, 900, true), page(2, 8, 900, true)), proto.HoldStanding},
		"later polls are well":                     {of(standing, page(1, 8, 0, false)), proto.HoldEnded},
		"its end is known":                         {of(with(proto.HoldEnded, 0), page(1, 8, 0, false)), "no record"},
		"a rejected one is not released":           {of(with(proto.HoldRejected, epoch), page(1, 7, 300, true), page(2, 7, 0, false)), proto.HoldRejected},
		"a rejected one grows a little":            {of(rejected, page(1, 7, 900, true), page(2, 7, 900, true)), proto.HoldRejected},
		"a rejected one doubles":                   {of(rejected, page(1, 7, 900, true), page(2, 7, 901, true)), proto.HoldStanding},
		"a rejected one opens":                     {of(rejected, page(1, 7, 900, true), other), proto.HoldStanding},
		"rejected, and the safe side on one page":  {of(rejected, safe, page(2, 7, 900, true)), proto.HoldExpired},
		"it stands again within the limits":        {of(again, page(1, 9, 300, true), page(2, 9, 0, false)), proto.HoldStanding},
		"a rejected one ends":                      {of(with(proto.HoldRejected, epoch), page(1, 8, 0, false)), proto.HoldEnded},
		"the safe side":                            {of(standing, safe), proto.HoldExpired},
		"the safe side on one of two":              {of(standing, safe, page(2, 7, 900, true)), proto.HoldStanding},
		"a release is on its way":                  {of(with(proto.HoldReleased, epoch), page(1, 7, 900, true)), "no record"},
		"a poll came between verdict and release":  {of(named, page(1, 8, 900, true)), proto.HoldStanding},
		"a release of this tick is on its way":     {of(named, page(1, 7, 900, true)), "no record"},
		"a release did not arrive":                 {unheard, proto.HoldStanding},
		"the breaker was turned off":               {off, "no record"},
		"a release was before the poll":            {of(with(proto.HoldReleased, epoch-1), page(1, 8, 900, true)), proto.HoldStanding},
		"an expired one ends with its safe side":   {of(with(proto.HoldExpired, 0), page(1, 8, 0, false)), proto.HoldEnded},
		"a page without the check does not matter": {of(nil, page(1, 7, 900, true), judge.Page{Number: 2, Tick: 7}), proto.HoldStanding},
	} {
		if got := state(c.of.Next()); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestARecordBeginsAnew(t *testing.T) {
	first := of(nil, page(1, 7, 900, true)).Next()
	if again := of(nil, page(1, 7, 900, true)).Next(); again.ID != first.ID {
		t.Errorf("two evaluators give ids %s and %s", first.ID, again.ID)
	}
	ended := of(first, page(1, 8, 0, false)).Next()
	next := of(ended, page(1, 9, 900, true)).Next()
	if next == nil || next.ID == first.ID || next.State != proto.HoldStanding {
		t.Errorf("%+v after %+v", next, ended)
	}
}

func TestAReleaseNamesItsPages(t *testing.T) {
	h := of(nil, page(4, 7, 250, true), page(5, 7, 0, false), page(6, 7, 0, false)).Next()
	if diff := cmp.Diff([]proto.PageTick{{Page: 4, Tick: 7}}, h.Release); diff != "" || h.By != "" ||
		h.Reason != judge.WithinLimits || h.DecidedAt < epoch {
		t.Errorf("%+v %s", h, diff)
	}
}

// Missing pages do not hide a hold for good.
func TestLatePagesDoNotHideAHold(t *testing.T) {
	c := of(nil, page(1, 7, 900, true), page(2, 6, 0, false))
	c.Now = epoch + judge.Patience
	if got := state(c.Next()); got != proto.HoldStanding {
		t.Errorf("%s", got)
	}
	c.Pages[0].Checks[1].Flips.Out = 100 // within the limits, and yet not judged
	if got := state(c.Next()); got != proto.HoldStanding {
		t.Errorf("%s", got)
	}
}

// A hold standing again is not decided.
func TestARejectedHoldStandsAgain(t *testing.T) {
	first := of(nil, page(1, 7, 900, true)).Next()
	rejected, _ := first.Decide(proto.HoldRejected, "a", "r", epoch)
	if rejected.Rejected != 900 {
		t.Errorf("%+v", rejected)
	}
	h := of(rejected, page(1, 8, 1000, true), page(2, 8, 900, true)).Next()
	if h.ID != first.ID || h.By != "" || h.Reason != judge.Grown || h.DecidedAt != 0 || h.Rejected != 900 {
		t.Errorf("%+v", h)
	}
	h, _ = h.Decide(proto.HoldRejected, "b", "r", epoch)
	if next := of(h, page(1, 9, 1000, true), page(2, 9, 900, true)).Next(); next != nil || h.Rejected != 1900 {
		t.Errorf("%+v after %+v", next, h)
	}
	rejected.Rejected = 0 // of an earlier version: measured from now on
	h = of(rejected, page(1, 8, 1000, true), page(2, 8, 700, true)).Next()
	if h.State != proto.HoldRejected || h.Rejected != 900 || h.By != "a" {
		t.Errorf("%+v", h)
	}
}

// The flips released for the fleet add up within the window.
func TestReleasesAddUp(t *testing.T) {
	first := of(nil, page(1, 7, 400, true), page(2, 7, 0, false), page(3, 7, 0, false)).Next()
	if first.State != proto.HoldReleased || first.Window != (proto.FlipWindow{Start: epoch, Net: -400}) {
		t.Fatalf("%+v", first)
	}
	second := func(last *proto.Hold, out int, at proto.Millis) *proto.Hold {
		c := of(last, page(1, 8, 0, false), page(2, 8, out, true), page(3, 8, 0, false))
		for i := range c.Pages {
			c.Pages[i].PolledAt = at
		}
		c.Now = at
		return c.Next()
	}
	hour := epoch.Add(time.Hour)
	h, want := second(first, 280, hour-1), proto.FlipWindow{Start: epoch, Net: -680}
	if h.State != proto.HoldReleased || h.Window != want {
		t.Errorf("the limit: %+v", h)
	}
	over := second(first, 281, hour-2)
	if over.State != proto.HoldStanding || over.Window != first.Window {
		t.Errorf("beyond the limit: %+v", over)
	}
	h, want = second(first, 281, hour), proto.FlipWindow{Start: hour, Net: -281}
	if h.State != proto.HoldReleased || h.Window != want {
		t.Errorf("in another window: %+v", h)
	}
	ended := of(over, page(1, 9, 0, false)).Next()
	if h := second(ended, 281, hour-1); h.State != proto.HoldStanding {
		t.Errorf("after a hold that ended: %+v", h)
	}
	person, _ := over.Decide(proto.HoldReleased, "a", "r", epoch)
	if h := second(person, 281, hour-1); h.State != proto.HoldReleased || h.Window.Net != -281 {
		t.Errorf("after a person's release: %+v", h)
	}
}

// A release decided again counts once.
func TestAReleaseCountsOnce(t *testing.T) {
	first := of(nil, page(1, 7, 400, true), page(2, 7, 100, true), page(3, 7, 0, false)).Next()
	if first.Window.Net != -500 {
		t.Fatalf("%+v", first)
	}
	lost := of(first, page(1, 7, 400, true), page(2, 7, 100, false), page(3, 7, 0, false))
	lost.Now = first.DecidedAt + judge.Patience
	if h := lost.Next(); h == nil || h.State != proto.HoldReleased || h.Window.Net != -500 {
		t.Errorf("%+v", h)
	}
	late := of(first, page(1, 8, 410, true), page(2, 8, 0, false), page(3, 8, 0, false)) // polled before the release came
	late.Pages[0].Checks[1].Tick = 7
	if h := late.Next(); h == nil || h.State != proto.HoldReleased || h.Window.Net != -500 {
		t.Errorf("%+v", h)
	}
}

// A person's release is repeated after its record was replaced, until no page holds outcomes of its poll.
func TestALostReleaseIsAskedForAgain(t *testing.T) {
	standing := of(nil, page(1, 7, 900, true)).Next()
	person, _ := standing.Decide(proto.HoldReleased, "a", "r", epoch+10)
	polled := page(1, 8, 900, true) // after the decision: another record
	polled.PolledAt = epoch + 50
	next := func(last *proto.Hold, at proto.Millis, pages ...judge.Page) *proto.Hold {
		c := of(last, pages...)
		c.LastAt, c.Now = epoch+20, at
		return c.Next()
	}
	h := next(person, epoch+100, polled)
	if h == nil || h.ID == person.ID || h.State != proto.HoldStanding || h.Freed != epoch+20 || h.Unfreed != 1 {
		t.Fatalf("%+v", h)
	}
	if again := next(h, epoch+100+judge.Patience-1, polled); again != nil {
		t.Errorf("%+v", again)
	}
	if again := next(h, epoch+100+judge.Patience, polled); again == nil || again.Unfreed != 1 || again.Freed != h.Freed {
		t.Errorf("%+v", again)
	}
	anew := polled
	anew.Checks = slices.Clone(polled.Checks)
	anew.Number, anew.Checks[1].Since = 2, epoch+21 // the decision is not about this one
	joined := next(h, epoch+200, anew, page(3, 8, 900, true), polled)
	if joined == nil || joined.Unfreed != 2 {
		t.Errorf("%+v", joined)
	}
	if h := next(joined, epoch+300, anew); h == nil || h.Unfreed != 0 || h.Freed != epoch+20 {
		t.Errorf("%+v", h)
	}
	if h := next(joined, epoch+300, page(1, 9, 0, false)); h == nil || h.State != proto.HoldEnded || h.Unfreed != 0 {
		t.Errorf("%+v", h)
	}
	rejected, _ := joined.Decide(proto.HoldRejected, "b", "r", epoch+300)
	if h := next(rejected, epoch+400, polled); h == nil || h.Unfreed != 0 || h.Freed != 0 {
		t.Errorf("%+v", h)
	}
}
