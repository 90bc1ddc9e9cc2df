package frame

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"plumbline.dev/services/console/live"
	"plumbline.dev/services/console/session"
)

// streamPath is the path of a page's live events. Paths that end in it are not bounded in time.
const streamPath = "/live"

// Timing of streams.
const (
	beatEvery  = 15 * time.Second // between signs of life
	calmPeriod = time.Second      // between two events of a kind without content
)

// Stream is a response of server-sent events. Its methods must not be called concurrently.
type Stream struct {
	r    *Request
	conn *http.ResponseController
}

// Stream begins a response of server-sent events.
func (r *Request) Stream() *Stream {
	h := r.W.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	return &Stream{r, http.NewResponseController(r.W)}
}

// Send sends an event. With a name, the page gets an event of the DOM: hx-trigger="NAME from:body" loads a fragment
// again. Without one, the data is markup whose elements replace those of the page by their hx-swap-oob.
func (s *Stream) Send(name, data string) error {
	var b strings.Builder
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	for line := range strings.SplitSeq(lineEnds.Replace(data), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	return s.write(b.String() + "\n")
}

// lineEnds makes every end of a line \n. A browser ends a line of an event at \r too, so that data with one would have
// members of the event of its own.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Template sends markup: the template of a set.
func (s *Stream) Template(set *Set, name string, data any) error {
	var b strings.Builder
	if err := set.render(&b, name, data); err != nil {
		return err
	}
	return s.Send("", b.String())
}

// Beat shows that the connection lives. It returns an error if the session has ended.
func (s *Stream) Beat() error {
	if !s.r.Person.Gateway() {
		if _, ok := s.r.frame.deps.Sessions.Find(session.Cookie(s.r.Request), false); !ok {
			return errNoSession
		}
	}
	return s.write(": beat\n\n")
}

func (s *Stream) write(text string) error {
	if _, err := s.r.W.Write([]byte(text)); err != nil {
		return err
	}
	err := s.conn.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// Watch subscribes to a kind of the hub's streams, and calls handle for each event and for each beat, with the event's
// zero value, until the browser leaves, the subscription ends or handle fails. Only an error before the first byte is
// returned.
func (r *Request) Watch(kind string, handle func(*Stream, live.Event) error) error {
	sub, err := r.Subscribe(kind)
	if err != nil {
		return err
	}
	defer sub.Close()
	s := r.Stream()
	if s.Beat() != nil {
		return nil
	}
	beat := r.frame.deps.Clock.After(beatEvery)
	for {
		var e live.Event
		select {
		case <-r.Context().Done():
			return nil
		case <-beat:
			if s.Beat() != nil {
				return nil
			}
			beat = r.frame.deps.Clock.After(beatEvery)
		case got, ok := <-sub.Events():
			if !ok {
				return nil
			}
			e = got
		}
		if handle(s, e) != nil {
			return nil
		}
	}
}

// Subscribe subscribes to a kind of the hub's streams. The caller closes the subscription.
func (r *Request) Subscribe(kind string) (*live.Subscription, error) {
	if r.frame.deps.Live == nil {
		return nil, NotFound("The console has no live events.")
	}
	sub, err := r.frame.deps.Live.Subscribe(kind, r.Person, r.API)
	if errors.Is(err, live.ErrBusy) {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Title: "Too many live connections",
			Text: sentence(err.Error())}
	}
	if err != nil {
		return nil, &Problem{Status: http.StatusBadRequest, Title: "No such live events", Text: sentence(err.Error())}
	}
	return sub, nil
}

// events answers /live: named events without content, at most one of a kind each calmPeriod.
func events(r *Request) error {
	subs := map[string]*live.Subscription{}
	for _, kind := range append([]string{live.Status}, r.URL.Query()["kind"]...) {
		if subs[kind] != nil {
			continue
		}
		sub, err := r.Subscribe(kind)
		if err != nil {
			return err
		}
		defer sub.Close()
		subs[kind] = sub
	}
	return r.merge(subs)
}

// merge sends the kinds of events, each at most once a calmPeriod.
func (r *Request) merge(subs map[string]*live.Subscription) error {
	s := r.Stream()
	if s.Beat() != nil {
		return nil
	}
	kinds := make(chan string, len(subs))
	for kind, sub := range subs {
		go r.calm(kind, sub, kinds)
	}
	beat := r.frame.deps.Clock.After(beatEvery)
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-beat:
			if s.Beat() != nil {
				return nil
			}
			beat = r.frame.deps.Clock.After(beatEvery)
		case kind := <-kinds:
			if kind == "" || s.Send(kind, "") != nil {
				return nil // the browser connects again
			}
		}
	}
}

// calm sends the kind after each event, and "" when they end. Events within a calmPeriod are one.
func (r *Request) calm(kind string, sub *live.Subscription, kinds chan<- string) {
	ctx := r.Context()
	pause, due := closedTime(), false
	events := sub.Events()
	for events != nil || due {
		var ready <-chan time.Time
		if due {
			ready = pause
		}
		select {
		case <-ctx.Done():
			return
		case _, ok := <-events:
			if !ok {
				events = nil
			}
			due = due || ok
		case <-ready:
			select {
			case kinds <- kind:
			case <-ctx.Done():
				return
			}
			due, pause = false, r.frame.deps.Clock.After(calmPeriod)
		}
	}
	select {
	case kinds <- "":
	case <-ctx.Done():
	}
}

// closedTime returns a timer that has fired.
func closedTime() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}
