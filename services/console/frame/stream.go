package frame

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"plumbline.dev/services/console/live"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/plumb/client"
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
	if err := set.render(&b, name, data, s.r.grants(set)); err != nil {
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

// Watch subscribes to a kind of the hub's streams. It calls begin at first and whenever events were missed, to send the
// whole state, and handle for each event, until the browser leaves, the subscription ends or one of them fails. Only an
// error before the first byte is returned.
func (r *Request) Watch(kind string, begin func(*Stream) error, handle func(*Stream, live.Event) error) error {
	sub, err := r.Subscribe(kind)
	if err != nil {
		return err
	}
	defer sub.Close()
	s := r.Stream()
	if !r.beat(s) || !r.begin(s, begin) {
		return nil
	}
	beat := r.frame.deps.Clock.After(beatEvery)
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-beat:
			if !r.beat(s) {
				return nil
			}
			beat = r.frame.deps.Clock.After(beatEvery)
		case e, ok := <-sub.Events():
			if !ok {
				r.over(s, sub.Err())
				return nil
			}
			switch e.Value.(type) {
			case live.Away:
				err = s.sign(signAway)
			case live.Back:
				if err = s.sign(signLive); err == nil && !r.begin(s, begin) {
					return nil
				}
			default:
				err = handle(s, e)
			}
			if err != nil {
				return nil
			}
		}
	}
}

// begin sends the whole state. If the API does not give it, the browser connects again, unless it may not have it.
func (r *Request) begin(s *Stream, begin func(*Stream) error) bool {
	err := begin(s)
	switch {
	case err == nil:
		return true
	case client.IsUnauthenticated(err):
		r.over(s, err)
	default:
		r.failLive(problemOf(err))
	}
	return false
}

// beat sends a sign of life, and reports whether the events go on.
func (r *Request) beat(s *Stream) bool {
	err := s.Beat()
	if errors.Is(err, errNoSession) {
		s.end(loggedOut)
	}
	return err == nil
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
