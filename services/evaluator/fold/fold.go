package fold

import (
	"plumbline.dev/proto"
)

// Page is what the fold needs of an inventory record.
type Page struct {
	Revision uint64 // of the page's key in DEVICES; 0: there is no such page
	Devices  []proto.ID
}

// Config is what the fold needs of an integration.
type Config struct {
	Revision uint64 // of CONFIG: nothing that is newer was used, everything up to it was seen
	// Exists is false once the integration was removed.
	Exists bool
	// Checks are those over the integration, in any order. The first [proto.MaxChecks] by id count.
	Checks []Check
}

// Check is a check and its revision in CONFIG.
type Check struct {
	Revision uint64
	*proto.Check
}

// Basis is what an input is folded on.
type Basis struct {
	Page   Page
	Config Config
	// StoredAt is when the server stored the input: scores are observed then.
	StoredAt proto.Millis
	Now      proto.Millis
}

// Reason is why there is an entry to write, or none. The zero value writes nothing.
type Reason uint8

// The reasons.
const (
	Unchanged   Reason = iota // an input that is not a poll and changes nothing
	Late                      // a poll of a tick that is not newer than the entry's, which changes nothing else
	StalePage                 // the page is older than what the input or the entry has seen: read it again
	StaleConfig               // the same of the configuration
	Written                   // there is an entry to write
)

// String is the word in metrics and logs.
func (r Reason) String() string {
	return [...]string{"unchanged", "late", "stale_page", "stale_config", "written"}[min(r, Written)]
}

// Step is what an input makes of a page. Entry and Changes are there only where Reason is [Written].
type Step struct {
	Reason  Reason
	Entry   *proto.Entry
	Changes []Change
	// Members tells that devices came or left.
	Members bool
}

// Change is the devices whose outcome for a check became Outcome.
type Change struct {
	Check   proto.ID
	Outcome proto.Outcome
	Devices []proto.ChangedDevice
}

// Changed is how many results the step's changes name.
func (s *Step) Changed() (n int) {
	for i := range s.Changes {
		n += len(s.Changes[i].Devices)
	}
	return n
}

// Next is the page's next entry after prev, nil before the first, for an input. It modifies nothing that
// it is given; the new entry shares strings with them.
//
// Scores count for devices that are in the page and, as the tick's order goes, only if the tick is newer
// than prev's. A late poll is folded as if somebody had said that the page changed: what it had seen of
// page and configuration may be news. An input other than a poll keeps prev's tick and poll.
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
		return remove(prev, on)
	case prev == nil && on.Page.Revision == 0:
		return Step{Reason: Unchanged} // nobody was enrolled into such a page
	}
	poll := in.Cause == proto.CausePoll && in.Tick > before.Tick
	p := pass{before: before, in: in, on: on, poll: poll}
	return p.run()
}

// remove closes the page's results of an integration that was removed.
func remove(prev *proto.Entry, on Basis) Step {
	if prev == nil || prev.Closed {
		return Step{Reason: Unchanged}
	}
	next := &proto.Entry{
		Cause: proto.CauseConfig, Tick: prev.Tick, Poll: prev.Poll, PageRevision: on.Page.Revision,
		ConfigRevision: on.Config.Revision, EvaluatedAt: on.Now, Closed: true,
	}
	var out changes
	out.open(columns(prev.Checks, nil))
	for i := range prev.Results {
		for c := range out.columns {
			out.gone(c, &prev.Results[i], proto.ReasonCheckRemoved)
		}
	}
	return Step{Reason: Written, Entry: next, Changes: out.list(), Members: len(prev.Results) > 0}
}
