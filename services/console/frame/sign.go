package frame

import (
	"strconv"
	"strings"
	"time"

	"plumbline.dev/services/plumb/client"
)

// Texts of the live sign. Every other text says why a page is not live.
const (
	signLive  = "Live"
	signAway  = "Reconnecting"
	loggedOut = "Logged out"
)

// awayTime is how long a browser waits before it connects again to live events that failed.
const awayTime = 10 * time.Second

// live reports whether htmx asks for live events. It does not follow redirects of such a request, and repeats a
// response that ends at once, so a problem is an event too.
func (r *Request) live() bool { return r.Fragmented() && strings.HasSuffix(r.URL.Path, streamPath) }

// sign sets the live sign of the page.
func (s *Stream) sign(text string) error { return s.Send("sign", text) }

// end sets the live sign, and has the browser not connect again.
func (s *Stream) end(text string) {
	if s.sign(text) == nil {
		_ = s.Send("end", "") // the browser may have left
	}
}

// again has the browser connect again after a while.
func (s *Stream) again() {
	_ = s.write("retry: " + strconv.FormatInt(awayTime.Milliseconds(), 10) + "\nevent: sign\ndata: " + signAway + "\n\n")
}

// failLive answers live events with a problem. A cause that is expected to pass has the browser connect again.
func (r *Request) failLive(p *Problem) {
	s := r.Stream()
	if p.Retry {
		s.again()
		return
	}
	s.end(p.Title)
}

// over ends live events whose source is over. Without an error the browser connects again at once.
func (r *Request) over(s *Stream, err error) {
	switch {
	case err == nil:
	case client.IsUnauthenticated(err) && r.Person.Gateway():
		s.again() // with a newer assertion
	case client.IsUnauthenticated(err):
		r.endSession()
		s.end(loggedOut)
	default:
		s.end(problemOf(err).Title)
	}
}
