package system

import (
	"embed"
	"fmt"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// Register adds the screen.
func Register(f *frame.Frame) { f.Get("/system", show) }

func show(r *frame.Request) error {
	s, err := r.API.System(r.Context())
	if err != nil {
		return err
	}
	return r.Page(frame.Page{Title: "Health", Nav: "/system", Set: set, Name: "system", Data: newView(&s)})
}

// view is the data of the screen.
type view struct {
	*client.System
	Problems []problem
	Queues   []queue
	Streams  []stream
	Polls    []poll
	Limits   []limit
}

func newView(s *client.System) view {
	v := view{System: s}
	for _, p := range s.Problems {
		v.Problems = append(v.Problems, newProblem(p))
	}
	for _, q := range s.Queues {
		v.Queues = append(v.Queues, queue{q})
	}
	for _, one := range s.Streams {
		v.Streams = append(v.Streams, stream{one})
	}
	for _, p := range s.Integrations {
		v.Polls = append(v.Polls, poll{p})
	}
	for _, l := range s.Limits {
		v.Limits = append(v.Limits, limit{l})
	}
	return v
}

// Severe returns the number of problems because of which something does not work.
func (v view) Severe() (n int) {
	for _, p := range v.Problems {
		if p.Severity == "fail" {
			n++
		}
	}
	return n
}

// Pill returns the kind and the word of the whole.
func (v view) Pill() [2]string {
	switch {
	case v.Severe() > 0:
		return [2]string{"fail", "Does not work as it should"}
	case len(v.Problems) > 0:
		return [2]string{"warn", "Works, with remarks"}
	}
	return [2]string{"pass", "Works"}
}

// queue is the work that waits for a service.
type queue struct{ client.Queue }

// Pill returns the kind and the word of the queue.
func (q queue) Pill() [2]string {
	switch {
	case q.Late:
		return [2]string{"fail", "Late"}
	case q.Waiting > 0:
		return [2]string{"info", "Busy"}
	}
	return [2]string{"pass", "Nothing waits"}
}

// stream is what a stream holds.
type stream struct{ client.Stored }

// Kept describes the limits of the stream.
func (s stream) Kept() string {
	const day = 24 * time.Hour
	age := time.Duration(s.MaxAgeMS) * time.Millisecond
	switch {
	case age == 0:
		return "always"
	case age == day:
		return "1 day"
	case age >= 2*day:
		return fmt.Sprintf("%d days", age/day)
	}
	return age.String()
}

// Share returns the percentage of the limit that the stream takes.
func (s stream) Share() string {
	if s.Limit == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(s.Bytes)/float64(s.Limit))
}

// Pill returns the kind and the word of the stream.
func (s stream) Pill() [2]string {
	switch {
	case s.Error != "":
		return [2]string{"fail", "No answer"}
	case s.Current < s.Servers:
		return [2]string{"warn", "Server behind"}
	case s.Lost > 0:
		return [2]string{"warn", "Data lost"}
	}
	return [2]string{"pass", "Complete"}
}

// poll is the newest poll of an integration.
type poll struct{ client.Polled }

// Pill returns the kind and the word of the integration.
func (p poll) Pill() [2]string {
	switch {
	case p.Standing == "overdue":
		return [2]string{"fail", "Overdue"}
	case p.Standing == "paused":
		return [2]string{"unk", "Paused"}
	case p.Standing == "unsupported":
		return [2]string{"unk", "Not polled"}
	case p.Failed > 0:
		return [2]string{"warn", "Failing"}
	case p.Standing == "on_time":
		return [2]string{"pass", "On time"}
	}
	return [2]string{"unk", "Idle"}
}

// limit is a limit of the installation.
type limit struct{ client.Limit }

// Count returns how much is used, or -1 where it is not counted.
func (l limit) Count() int64 {
	if l.Used == nil {
		return -1
	}
	return *l.Used
}
