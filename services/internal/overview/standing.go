package overview

import (
	"time"

	"plumbline.dev/proto"
)

// Standing is how an integration stands to its interval.
type Standing uint8

// The standings. Only [Overdue] is a fault.
const (
	Unsupported Standing = iota // of a type that this build keeps and does not poll
	Paused
	Idle    // there is no device to ask about
	OnTime  // every page was polled within twice the interval
	Overdue // some page was not, whoever is to blame
)

// String is the word in the API and in logs.
func (s Standing) String() string {
	return [...]string{"unsupported", "paused", "idle", "on_time", "overdue"}[min(s, Overdue)]
}

// Judge tells how an integration stands, and how old its oldest page is: the time since that page's newest
// poll, a failed one included. What could not be polled yet is not late: time counts from the newest of the
// poll, the page's first entry where it has no poll, and the last change of the schedule, which a
// resumption is.
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
