// Package judge decides about the holds of one check over all pages of an integration. It is pure: reading pages,
// storing records and the races of several evaluators are its caller's concern. Whichever evaluator judges, the same
// pages lead to the same verdict.
package judge

import (
	"cmp"
	"slices"

	"plumbline.dev/proto"
)

// Page is the newest entry of a polled page, as its headers show it.
type Page struct {
	Number   uint32
	Tick     uint64
	PolledAt proto.Millis
	Checks   []proto.CheckFlips
}

// Case is everything a verdict depends on.
type Case struct {
	Integration, Check proto.ID
	// Pages are those of the integration with a poll and with devices. A page without a poll has neither a pass nor a
	// fail that could flip.
	Pages   []Page
	Breaker proto.Breaker
	Last    *proto.Hold  // the newest record; nil if there is none
	LastAt  proto.Millis // when the server stored it
	Now     proto.Millis
}

// Patience is how long, in ms, a verdict waits for all pages of a tick, and for released pages to end their holds.
// After Patience a hold is published even if pages are missing.
const Patience proto.Millis = 60_000

// WithinLimits is the reason of a release without a person's decision.
const WithinLimits = "the flips of all pages together are within the limits"

// Grown is the reason that a rejected hold stands again.
const Grown = "it holds more than what was rejected"

// finding is the sum of the holds over all pages of a [Case].
type finding struct {
	held     []proto.PageTick
	hold     proto.Hold // the sums over the held pages
	safe     bool       // the safe side applies on every held page
	unsafe   bool       // the safe side applies on no held page
	complete bool       // every page's newest entry has the newest tick of the held pages
	newest   proto.Millis
	first    proto.Millis // when the first held page's newest poll was stored
	// net is the net number of flips of the held pages and of their windows. counted is the part of the flips that the
	// last release counted and pages still show. again is the part of counted on pages that still hold outcomes.
	net, counted, again int
	unfreed             int // held pages that a person's release did not reach
}

// Next returns the next hold record, or nil if the last one is current. A verdict needs every page at the newest tick
// of the held pages: then Next releases the holds if the flips of all pages together are within the limits, and lets
// them stand otherwise. A page at a newer tick no longer shows its flips of that tick. If Next judged then, most pages
// would show no flips when the API recovers, and the outcomes held on the last pages would be released. Flips that were
// released earlier count until their window ends. Otherwise each poll could change the outcomes of some more pages.
//
// A person rejects the outcomes they see: a rejected hold stands again if it holds another direction, or more than
// twice as many results. It expires as soon as the safe side applies on any page. Otherwise people would not be
// notified of these changes.
func (c *Case) Next() *proto.Hold {
	f := c.find()
	last := c.Last
	if len(f.held) == 0 {
		if last == nil || last.State.Over() {
			return nil
		}
		return c.to(last, proto.HoldEnded)
	}
	if c.Breaker.Off {
		return nil // a person turned the breaker off: the pages are about to end their holds
	}
	if last == nil || last.State.Over() {
		last = &proto.Hold{ID: c.id(f), Integration: c.Integration, Check: c.Check, State: proto.HoldStanding,
			Since: f.hold.Since}
	}
	next := *last
	next.Tick, next.Out, next.In = f.hold.Tick, last.Out || f.hold.Out, last.In || f.hold.In
	next.Pages, next.Devices, next.Fleet = len(f.held), f.hold.Devices, f.hold.Fleet
	next.PolledAt, next.UpdatedAt = f.newest, c.Now
	next.Freed, next.Unfreed = c.freed(), f.unfreed
	next.Window = c.window(&f)
	fleet := next.Fleet
	fleet.Net += next.Window.Net - f.counted
	out, in := c.Breaker.Beyond(fleet)
	rejected := last.State == proto.HoldRejected
	if rejected {
		next.Rejected = max(1, cmp.Or(last.Rejected, last.Devices)) // a record of an earlier version has no number
		if next.Devices > 2*next.Rejected || next.Out != last.Out || next.In != last.In {
			next.State, next.By, next.Reason, next.DecidedAt = proto.HoldStanding, "", Grown, 0
		}
	}
	switch {
	case f.safe || rejected && !f.unsafe:
		next.State = proto.HoldExpired
	case f.complete && !out && !in && next.State == proto.HoldStanding && next.Rejected == 0:
		next.State, next.Reason, next.Release = proto.HoldReleased, WithinLimits, f.held
		next.DecidedAt = max(c.Now, f.newest)
		next.Window = added(next.Window, f.net-f.again, f.newest)
	case !f.complete && c.Now < f.first+Patience:
		return nil
	}
	if c.Last != nil && c.Last.ID == next.ID && same(c.Last, &next) {
		return nil
	}
	return &next
}

func (c *Case) find() (f finding) {
	f.safe, f.unsafe, f.complete = true, true, true
	for i := range c.Pages {
		p := &c.Pages[i]
		n := slices.IndexFunc(p.Checks, func(x proto.CheckFlips) bool { return x.Check == c.Check })
		if n < 0 {
			continue
		}
		x := &p.Checks[n]
		f.hold.Fleet.Add(x.Flips)
		net, counted := x.Flips.Net+x.Flips.In-x.Flips.Out, c.counted(p, x)
		if counted {
			f.counted += net
		}
		f.newest = max(f.newest, p.PolledAt)
		if !x.Held || c.released(p) {
			continue
		}
		if len(f.held) == 0 || x.Since < f.hold.Since {
			f.hold.Since = x.Since
		}
		if len(f.held) == 0 || p.PolledAt < f.first {
			f.first = p.PolledAt
		}
		f.held = append(f.held, proto.PageTick{Page: p.Number, Tick: p.Tick})
		if x.Since <= c.freed() {
			f.unfreed++
		}
		f.net += net
		if counted {
			f.again += net
		}
		f.hold.Tick = max(f.hold.Tick, p.Tick)
		f.hold.Out, f.hold.In = f.hold.Out || x.Out, f.hold.In || x.In
		f.hold.Devices += x.Devices
		f.safe, f.unsafe = f.safe && x.Safe, f.unsafe && !x.Safe
	}
	for i := range c.Pages {
		f.complete = f.complete && c.Pages[i].Tick == f.hold.Tick
	}
	f.safe = f.safe && len(f.held) > 0
	return f
}

// released reports whether the page's hold was released and the input with the release is on the way. A release by the
// fleet's flips covers a page at a tick: a page at a newer tick holds outcomes that have not been judged. A person's
// release covers every page with a poll stored before the decision. After [Patience] the input was lost, or came
// early: a poll stored before the decision may be evaluated after it.
func (c *Case) released(p *Page) bool {
	switch {
	case c.Last == nil || c.Last.State != proto.HoldReleased || c.Now >= c.Last.DecidedAt+Patience:
		return false
	case len(c.Last.Release) > 0:
		return slices.Contains(c.Last.Release, proto.PageTick{Page: p.Number, Tick: p.Tick})
	}
	return p.PolledAt <= c.Last.DecidedAt
}

// freed returns the time at which a person's newest release was stored. It returns 0 if there is none, or if a person
// rejected a hold after it. The release's own record is gone if another record replaced it before it was handled.
func (c *Case) freed() proto.Millis {
	switch {
	case c.Last == nil:
		return 0
	case c.Last.State == proto.HoldReleased && len(c.Last.Release) == 0:
		return max(c.LastAt, c.Last.PolledAt)
	}
	return c.Last.Freed
}

// counted reports whether the last release counted the flips that a page shows: they are of the same tick, or the page
// was polled before the release arrived.
func (c *Case) counted(p *Page, x *proto.CheckFlips) bool {
	return c.Last != nil && c.Last.State == proto.HoldReleased &&
		slices.ContainsFunc(c.Last.Release, func(r proto.PageTick) bool {
			return r.Page == p.Number && (r.Tick == p.Tick || x.Held && x.Tick <= r.Tick)
		})
}

// window returns the window of released flips, or an empty one if the window is over.
func (c *Case) window(f *finding) proto.FlipWindow {
	if c.Last == nil || c.Last.Window.Net == 0 || f.newest >= c.Last.Window.Start.Add(c.Breaker.Window) {
		f.counted, f.again = 0, 0
		return proto.FlipWindow{}
	}
	return c.Last.Window
}

// added returns the window with further flips, which were polled at a time.
func added(w proto.FlipWindow, net int, at proto.Millis) proto.FlipWindow {
	if w.Net == 0 {
		w.Start = at
	}
	if w.Net += net; w.Net == 0 {
		return proto.FlipWindow{}
	}
	return w
}

// id derives the id of a new hold, so that two evaluators choose the same one.
func (c *Case) id(f finding) proto.ID {
	before := proto.ID{}
	if c.Last != nil {
		before = c.Last.ID
	}
	return proto.DeriveID(proto.Account(c.Check),
		"hold "+c.Integration.String()+" "+before.String()+" "+f.hold.Since.Time().String())
}

func (c *Case) to(last *proto.Hold, s proto.HoldState) *proto.Hold {
	next := *last
	next.State, next.UpdatedAt, next.Pages, next.Devices, next.Unfreed = s, c.Now, 0, 0, 0
	return &next
}

// same reports whether a and b are equal in state, directions, and numbers of pages and devices, and b does not request
// a lost release again. A lost release is requested again each [Patience].
func same(a, b *proto.Hold) bool {
	if b.Unfreed > a.Unfreed || b.Unfreed > 0 && b.UpdatedAt >= a.UpdatedAt+Patience {
		return false
	}
	return a.State == b.State && a.Out == b.Out && a.In == b.In && a.Pages == b.Pages && a.Devices == b.Devices
}
