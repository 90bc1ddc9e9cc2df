package api

import (
	"net/http"
	"strconv"
	"time"
)

// headerProgress asks, in a request, for progress, and carries it, in informational responses, as a count of rows.
const headerProgress = "X-Plumbline-Progress"

// progressEvery is how often a client is told how far an import is.
const progressEvery = 500 * time.Millisecond

// informed sends the client of an import informational responses (102, RFC 2518) with the rows that are handled so
// far: the upload runs ahead of the work. It does nothing for a client that did not ask.
type informed struct {
	w    http.ResponseWriter // nil: nobody asked
	last time.Time
}

func newInformed(w http.ResponseWriter, r *http.Request) *informed {
	if r.Header.Get(headerProgress) == "" || !r.ProtoAtLeast(1, 1) {
		return &informed{}
	}
	return &informed{w: w}
}

func (p *informed) handled(rows int, now time.Time) {
	if p.w == nil || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	p.w.Header().Set(headerProgress, strconv.Itoa(rows))
	p.w.WriteHeader(http.StatusProcessing)
	p.w.Header().Del(headerProgress)
}
