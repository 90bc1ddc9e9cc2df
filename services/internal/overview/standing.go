package overview

import (
	"time"

	"plumbline.dev/proto"
)

// Standing is the status of an integration relative to its interval.
type Standing uint8

// The standings. Only [Overdue] is a fault.
const (
	Unsupported Standing = iota // of a type that this build stores and does not poll
	Paused
	Idle    // there is no device
	OnTime  // every page was polled within twice the interval
	Overdue // some page was not, for any reason
)

// String returns the name in the API and in logs.
func (s Standing) String() string {
	return [...]string{"unsupported", "paused", "idle", "on_time", "overdue"}[min(s, Overdue)]
}

// Judge returns the status of an integration, and the age of its oldest page: the time since that page's newest poll,
// including a failed one. A page that could not be polled yet is not late. The age counts from the latest of the
// poll, the first entry of a page without a poll, and the last change of the schedule, including a resumption.
func Judge(i *proto.Integration, a Aggregate, now time.Time) (Standing, time.Duration) {
	switch {
	case i.Type != proto.TypeCustomS2S || i.Interval <= 0:
		return Unsupported, 0
	case a.Pages == 0 && i.Paused:
		return Paused, 0
	case a.Pages == 0:
		return Idle, 0
	}
	from := max(earlier(a.OldestPoll, a.Waiting), i.CreatedAt, i.ScheduledAt)
	age := max(0, now.Sub(from.Time()))
	switch {
	case i.Paused:
		return Paused, age
	case age > 2*i.Interval:
		return Overdue, age
	}
	return OnTime, age
}
