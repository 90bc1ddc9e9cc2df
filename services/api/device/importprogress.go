package device

import (
	"net/http"
	"strconv"
	"time"
)

// HeaderProgress requests progress, and holds the number of processed rows in informational responses.
const HeaderProgress = "X-Plumbline-Progress"

// progressEvery is the interval of progress responses.
const progressEvery = 500 * time.Millisecond

// progressWriter sends the client of an import informational responses (102, RFC 2518) with the number of processed
// rows, since the upload runs ahead of the work. It does nothing unless the client asked for them.
type progressWriter struct {
	w    http.ResponseWriter // nil: not requested
	last time.Time
}

func newProgressWriter(w http.ResponseWriter, r *http.Request) *progressWriter {
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
