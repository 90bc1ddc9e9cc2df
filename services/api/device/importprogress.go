package device

import (
	"net/http"
	"strconv"
	"time"
)

// HeaderProgress asks, in a request, for progress, and carries it, in informational responses, as a count of rows.
const HeaderProgress = "X-Plumbline-Progress"

// progressEvery is how often a client is told how far an import is.
const progressEvery = 500 * time.Millisecond

// progressWriter sends the client of an import informational responses (102, RFC 2518) with the rows that are handled so
// far: the upload runs ahead of the work. It does nothing for a client that did not ask.
type progressWriter struct {
	w    http.ResponseWriter // nil: nobody asked
	last time.Time
}

func newInformed(w http.ResponseWriter, r *http.Request) *progressWriter {
	if r.Header.Get(HeaderProgress) == "" || !r.ProtoAtLeast(1, 1) {
		return &progressWriter{}
	}
	return &progressWriter{w: w}
}

func (p *progressWriter) handled(rows int, now time.Time) {
	if p.w == nil || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	p.w.Header().Set(HeaderProgress, strconv.Itoa(rows))
	p.w.WriteHeader(http.StatusProcessing)
	p.w.Header().Del(HeaderProgress)
}
