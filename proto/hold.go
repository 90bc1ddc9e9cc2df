package proto

import "time"

// HoldState is the state of a [Hold].
type HoldState string

// The states. Standing, rejected and expired holds have pages that hold outcomes; the others are over.
const (
	HoldStanding HoldState = "standing" // the fleet's flips are beyond the limits
	HoldRejected HoldState = "rejected" // a person confirmed the held outcomes
	HoldExpired  HoldState = "expired"  // the safe side applies on every held page
	HoldReleased HoldState = "released" // a person, or the fleet's flips, had the observed outcomes applied
	HoldEnded    HoldState = "ended"    // later polls were within the limits, or an edit ended it
)

// Over reports whether no page is to hold outcomes any more.
func (s HoldState) Over() bool { return s == HoldReleased || s == HoldEnded }

// Hold is the hold of one check over one integration, over all its pages: a record of the HOLDS bucket.
type Hold struct {
	ID          ID        `msgpack:"id"`
	Integration ID        `msgpack:"integration"`
	Check       ID        `msgpack:"check"`
	State       HoldState `msgpack:"state"`
	// Tick is the newest tick that was judged, Since when the first page began to hold.
	Tick  uint64 `msgpack:"tick"`
	Since Millis `msgpack:"since"`
	// Out and In are the directions held: lost passes, gained passes.
	Out bool `msgpack:"out"`
	In  bool `msgpack:"in"`
	// Pages is how many pages hold outcomes, Devices how many results they hold.
	Pages   int `msgpack:"pages"`
	Devices int `msgpack:"devices"`
	// Fleet has the flips of all pages of the integration, PolledAt is when the newest poll among them was stored.
	Fleet     Flips  `msgpack:"fleet"`
	PolledAt  Millis `msgpack:"polled_at"`
	UpdatedAt Millis `msgpack:"updated_at"`
	// By, Reason and DecidedAt are of a release or a rejection. By is empty if no person decided.
	By        string `msgpack:"by"`
	Reason    string `msgpack:"reason"`
	DecidedAt Millis `msgpack:"decided_at"`
	// Release lists the pages, each with the tick of its entry, that a decision by the fleet's flips releases. A
	// person's release is of every page that held outcomes at DecidedAt.
	Release []PageTick `msgpack:"release"`
	// Rejected is the number of results that were held when a person last rejected them, at least 1, or 0 if they were
	// never rejected. The fleet's flips do not release a rejected hold.
	Rejected int `msgpack:"rejected"`
	// Window adds up the flips that decisions by the fleet's flips released, over the holds of the check: no page counts
	// them in a window of its own. A person's release begins it anew.
	Window FlipWindow `msgpack:"window"`
	// Freed is when a person's release of an earlier hold of the check was stored, and Unfreed how many pages hold
	// outcomes since then or longer: the release did not reach them, and this record requests it again.
	Freed   Millis `msgpack:"freed"`
	Unfreed int    `msgpack:"unfreed"`
}

// PageTick is a page and the tick of its newest entry.
type PageTick struct {
	Page uint32 `msgpack:"page"`
	Tick uint64 `msgpack:"tick"`
}

// Schema implements Message.
func (*Hold) Schema() Schema { return Schema{"hold", 1} }

// Decide returns the hold after a person's decision: [HoldReleased] or [HoldRejected]. It returns false if the hold is
// over, if the decision was made already, or if the held outcomes, which a rejection confirms, no longer apply.
func (h *Hold) Decide(to HoldState, by, reason string, now Millis) (*Hold, bool) {
	if h.State.Over() || h.State == to || h.State == HoldExpired && to == HoldRejected {
		return nil, false
	}
	next := *h
	next.State, next.By, next.Reason, next.UpdatedAt, next.Release = to, by, reason, now, nil
	next.DecidedAt = max(now, h.PolledAt) // a slow clock does not leave out the polls that were seen
	next.Freed, next.Unfreed = 0, 0
	if to == HoldRejected {
		next.Rejected = max(1, h.Devices)
	} else {
		next.Window = FlipWindow{}
	}
	return &next, true
}

// ValidateReason returns an error if a person's reason for a decision is blank, longer than [MaxNote] characters, or
// has control characters other than line ends and tabs.
func ValidateReason(reason string) error { return validNote(reason) }

// HoldTime is how long outcomes of a check are held before the safe side applies: the breaker's MaxHold, or the check's
// expiration if it is shorter. Both arguments may be nil.
func HoldTime(c *Check, o *Organization) time.Duration {
	b := BreakerOf(c, o)
	if c != nil && c.Expiration > 0 {
		return min(b.MaxHold, max(c.Expiration, time.Millisecond))
	}
	return b.MaxHold
}

// Directions returns the directions held, as words.
func (h *Hold) Directions() (all []string) {
	if h.Out {
		all = append(all, "lock_out")
	}
	if h.In {
		all = append(all, "open_up")
	}
	return all
}
