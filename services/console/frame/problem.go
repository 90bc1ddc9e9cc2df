package frame

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"plumbline.dev/services/console/session"
	"plumbline.dev/services/plumb/client"
)

// Problem is an error that is shown as a page of its own.
type Problem struct {
	Status int
	Title  string
	Text   string // a sentence or two
	// Retry makes the page load itself again: the cause is expected to pass.
	Retry bool
}

func (p *Problem) Error() string { return p.Title + ": " + p.Text }

// NotFound returns a problem with status 404.
func NotFound(text string) *Problem {
	return &Problem{Status: http.StatusNotFound, Title: "Not found", Text: text}
}

// problemOf describes an error of a handler to a person.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return ofAPI(e)
	}
	switch {
	case client.IsNotFound(err):
		return NotFound("It does not exist, or was deleted.")
	case errors.Is(err, context.DeadlineExceeded):
		return &Problem{http.StatusGatewayTimeout, "The control plane did not answer in time",
			"The page loads again by itself.", true}
	case client.IsUnreachable(err):
		return &Problem{http.StatusBadGateway, "The control plane does not answer",
			"The console is running, but the API at its address is not. Enforcement goes on without it. " +
				"The page loads again by itself.", true}
	}
	return &Problem{http.StatusInternalServerError, "This page could not be made", err.Error(), false}
}

// ofAPI describes an error response of the control plane.
func ofAPI(e *client.Error) *Problem {
	switch {
	case e.Status == http.StatusForbidden:
		return &Problem{e.Status, "Not permitted", "The control plane does not permit this with your credential: " +
			sentence(e.Message), false}
	case e.Status == http.StatusNotFound:
		return NotFound(sentence(e.Message))
	case e.Status == http.StatusPreconditionFailed:
		return &Problem{e.Status, "Changed in the meantime",
			"Somebody changed it after this page was loaded. Load the page again to see the change, then repeat yours.", false}
	case e.Status == http.StatusTooManyRequests:
		return &Problem{e.Status, "Too many requests",
			"The control plane asks to wait. The page loads again by itself.", true}
	case e.Status >= http.StatusInternalServerError:
		return &Problem{http.StatusServiceUnavailable, "The control plane is not available",
			fmt.Sprintf("It answered %d: %s Enforcement goes on with what the gateways know. The page loads again by itself.",
				e.Status, sentence(e.Message)), true}
	}
	return &Problem{e.Status, "The control plane rejected the request", sentence(e.Message), false}
}

// fail answers with a problem: a page, or a fragment that replaces the element which htmx asked for. If the answer has
// begun, it cuts the connection, so that the browser does not take a part of a file for the whole.
func (r *Request) fail(err error) {
	if r.W.status != 0 {
		r.frame.deps.Log.Warn("response cut short", "method", r.Method, "path", r.URL.Path, "err", err)
		panic(http.ErrAbortHandler)
	}
	if client.IsUnauthenticated(err) && r.API != nil {
		r.end()
		return
	}
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		r.frame.deps.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	if r.live() {
		r.failLive(p)
		return
	}
	if r.Fragmented() {
		err = r.Fragment(base, "problem", r.fragment(p), p.Status)
	} else {
		page := Page{Title: p.Title, Set: base, Name: "problem", Data: r.whole(p), Status: p.Status,
			Sheet: r.API == nil}
		if p.Retry && r.Method == http.MethodGet {
			page.Refresh = 5
		}
		err = r.Page(page)
	}
	if err != nil {
		r.frame.deps.Log.Error("problem could not be shown", "path", r.URL.Path, "err", err)
		http.Error(r.W, p.Title, p.Status)
	}
}

// end ends the session of a credential that the control plane no longer accepts, and leads to the login.
func (r *Request) end() {
	r.endSession()
	if err := r.toLogin(); err != nil {
		r.frame.deps.Log.Error("login could not be shown", "err", err)
	}
}

func (r *Request) endSession() { r.frame.deps.Sessions.End(session.Cookie(r.Request)) }

// problemView is the data of a problem's template.
type problemView struct {
	*Problem
	// ID and Again are of the fragment that loads itself again; empty in a page.
	ID, Again string
	Page      bool
	Back      string
}

func (r *Request) fragment(p *Problem) problemView {
	v := problemView{Problem: p, ID: r.target()}
	if p.Retry && r.Method == http.MethodGet {
		v.Again = r.URL.RequestURI()
	}
	return v
}

func (r *Request) whole(p *Problem) problemView { return problemView{Problem: p, Page: true} }
