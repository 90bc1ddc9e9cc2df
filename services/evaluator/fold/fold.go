package fold

import (
	"plumbline.dev/proto"
)

// Page is the part of an inventory record used by the fold.
type Page struct {
	Revision uint64 // of the page's key in DEVICES; 0: the page never existed
	// Missing is set if the page does not exist, or no longer.
	Missing bool
	Devices []proto.ID
	// Enrolled are the times of the devices' enrolments, in the order of Devices. It is nil if they are unknown.
	Enrolled []proto.Millis
}

// enrolled returns the time of the i-th device's enrolment, or 0 if it is unknown.
func (p *Page) enrolled(i int) proto.Millis {
	if i >= len(p.Enrolled) {
		return 0
	}
	return p.Enrolled[i]
}

// Config is the part of an integration's configuration used by the fold.
type Config struct {
	Revision uint64 // of CONFIG: everything up to this revision was seen, and nothing newer was used
	// Exists is false once the integration was removed.
	Exists bool
	// Checks are the checks over the integration, in any order. Only the first [proto.MaxChecks] by id are evaluated.
	Checks []Check
	// Organization contains the account's settings for enforcement. The defaults apply if it is nil.
	Organization *proto.Organization
	// Exempt returns the exemptions of a device. It is nil if the account has no exemptions.
	Exempt func(device proto.ID) []Exemption
	// HasExemption reports whether the account has an exemption with this id, for any device. It is set if Exempt is.
	HasExemption func(id proto.ID) bool
}

// Exemption is an exemption and its revision in CONFIG.
type Exemption struct {
	Revision uint64
	*proto.Exemption
}

// Check is a check and its revision in CONFIG.
type Check struct {
	Revision uint64
	*proto.Check
}

// Basis holds everything an input is folded onto.
type Basis struct {
	Page   Page
	Config Config
	// StoredAt is when the server stored the input. It is the time of observation of the input's scores.
	StoredAt proto.Millis
	Now      proto.Millis
}

// Reason is why [Next] wrote an entry, or why it did not. The zero value is [Unchanged].
type Reason uint8

// The reasons.
const (
	Unchanged   Reason = iota // an input other than a poll, without a change
	Late                      // a poll of a tick not newer than the entry's; it changes nothing else
	StalePage                 // the page is older than the one seen by the input or the entry: read it again
	StaleConfig               // the configuration is older than the one seen by the input or the entry
	Written                   // there is an entry to write
)

// String returns the reason as written in metrics and logs.
func (r Reason) String() string {
	return [...]string{"unchanged", "late", "stale_page", "stale_config", "written"}[min(r, Written)]
}

// Step is the result of folding an input. Entry and Changes are set only if Reason is [Written].
type Step struct {
	Reason  Reason
	Entry   *proto.Entry
	Changes []Change
	// Members is set if devices came or left.
	Members bool
}

// Change lists the devices with a new outcome for a check.
type Change struct {
	Check   proto.ID
	Outcome proto.Outcome
	Devices []proto.ChangedDevice
}

// Changed returns the number of changed results.
func (s *Step) Changed() (n int) {
	for i := range s.Changes {
		n += len(s.Changes[i].Devices)
	}
	return n
}

// ChangedByCheck returns the number of changed results of each check that has any.
func (s *Step) ChangedByCheck() map[proto.ID]int {
	if len(s.Changes) == 0 {
		return nil
	}
	changed := map[proto.ID]int{}
	for i := range s.Changes {
		changed[s.Changes[i].Check] += len(s.Changes[i].Devices)
	}
	return changed
}

// Next returns the page's next entry after prev for an input; prev is nil before the first entry. It modifies none of
// its arguments; the new entry shares strings with them.
//
// Scores count for devices in the page, and only if their tick is newer than prev's. A late poll is folded like a
// change of the page, because its revisions of page and configuration may be news. An input other than a poll keeps
// prev's tick and poll.
func Next(prev *proto.Entry, in *proto.Input, on Basis) Step {
	before := prev
	if before == nil {
		before = new(proto.Entry)
	}
	switch {
	case on.Page.Revision < max(in.PageRevision, before.PageRevision):
		return Step{Reason: StalePage}
	case on.Config.Revision < max(in.ConfigRevision, before.ConfigRevision):
		return Step{Reason: StaleConfig}
	case !on.Config.Exists:
		return remove(prev, on, proto.CauseConfig, proto.ReasonCheckRemoved)
	case on.Page.Missing:
		// An entry without a page would show its last poll, such as a failed one, for ever.
		return remove(prev, on, proto.CausePage, proto.ReasonRemoved)
	}
	p := pass{before: before, in: in, on: on}
	p.poll = in.Cause == proto.CausePoll && in.Tick > before.Tick
	p.enforce()
	if !p.poll || prev == nil || !p.unsettled() {
		return p.run()
	}
	// Decisions by a person or the clock are applied first, to the old evidence: the remaining flips are the poll's.
	first := pass{before: before, in: &proto.Input{Cause: proto.CausePage}, on: on, settling: true}
	first.enforce()
	settled := first.run()
	if settled.Entry == nil {
		return p.run()
	}
	p.before = settled.Entry
	p.enforce()
	step := p.run()
	step.Members = step.Members || settled.Members
	step.Changes = Between(prev, step.Entry)
	return step
}

// remove closes the results of a removed integration or page.
func remove(prev *proto.Entry, on Basis, cause proto.Cause, why proto.Reason) Step {
	if prev == nil || prev.Closed {
		return Step{Reason: Unchanged}
	}
	next := &proto.Entry{
		Cause: cause, Tick: prev.Tick, Poll: prev.Poll, PageRevision: on.Page.Revision,
		ConfigRevision: on.Config.Revision, EvaluatedAt: on.Now, Closed: true,
	}
	var out changes
	out.open(columns(prev.Checks, nil))
	for i := range prev.Results {
		for c := range out.columns {
			out.gone(c, &prev.Results[i], why)
		}
	}
	return Step{Reason: Written, Entry: next, Changes: out.list(), Members: len(prev.Results) > 0}
}
