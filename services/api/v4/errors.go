package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"plumbline.dev/bus"
)

// Error is an error response: an HTTP status, a code for programs and a message for people (api/README.md 1.6). The
// cause is only logged.
type Error struct {
	Status  int
	code    int
	Message string
	// transient marks a 5xx that may not recur at the next attempt. All other 5xx and every 409 tell clients not to
	// retry by themselves (api/README.md 1.3).
	transient bool
	// unwritten marks a transient error of a request that has written nothing: clients may repeat any method.
	unwritten bool
	allow     string // Allow header of a 405
	detail    any    // x_detail of the error object; nil: none
	Cause     error
}

func (p *Error) Error() string {
	if p.Cause != nil {
		return fmt.Sprintf("%s (%d): %v", p.Message, p.code, p.Cause)
	}
	return fmt.Sprintf("%s (%d)", p.Message, p.code)
}

func (p *Error) Unwrap() error { return p.Cause }

// Error codes of api/README.md 1.6, and our own: 104xx and 105xx end in the HTTP status.
const (
	CodeAuthentication     = 10000
	CodeUnauthorized       = 9109
	CodeNoRoute            = 7003
	CodeNotFound           = 12135
	CodeUnknownApplication = 11021
	CodeUnknownGroup       = 12152
	CodeNoSuchGroup        = 11020
	CodeUnknownRule        = 6024
	CodeUnknownIntegration = 2047
	CodeInvalid            = 12130
	CodeTokenInUse         = 12139
	CodeNoAPIToken         = 1001
	CodeApplicationExists  = 12136
	CodeIntegration        = 2046
	CodeRule               = 6025
	CodeMethod             = 10405
	CodeConflict           = 10409
	CodeGone               = 10410
	CodePrecondition       = 10412
	CodeTooLarge           = 10413
	CodeMediaType          = 10415
	CodeTooManyRequests    = 10429
	CodePartOfPeriod       = 10206 // code of a message
	CodeUnreadable         = 10207 // code of a message
	CodeNotYetRelayed      = 10208 // code of a message
	CodePassesAlready      = 10209 // code of a message
	CodeNotEnforced        = 10210 // code of a message
	CodeExemptions         = 10211 // code of a message
	CodeNotPermitted       = 10212 // code of a message
	CodeNoEffect           = 10213 // code of a message
	CodeInternal           = 10500
	CodeUnavailable        = 10503
)

// Errorf returns an error with an HTTP status and an error code. Clients see the formatted message.
func Errorf(status, code int, format string, args ...any) *Error {
	return &Error{Status: status, code: code, Message: fmt.Sprintf(format, args...)}
}

// WithDetail returns a copy of the error with facts for programs, which must encode as a JSON object.
func (p *Error) WithDetail(facts any) *Error {
	detailed := *p
	detailed.detail = facts
	return &detailed
}

// Invalid returns the general error for an invalid request.
func Invalid(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, CodeInvalid, "access.api.error.invalid_request: "+format, args...)
}

var (
	// ErrNoRoute is the response to a path outside the API.
	ErrNoRoute = Errorf(http.StatusNotFound, CodeNoRoute, "No route for the URI")

	// ErrConflict is the response to a request that lost against another one about the same resource.
	ErrConflict = Errorf(http.StatusConflict, CodeConflict,
		"another request changed the resource at the same time: read it again, then repeat the change")
	// ErrPrecondition is the response to a request with the If-Match of another revision.
	ErrPrecondition = Errorf(http.StatusPreconditionFailed, CodePrecondition,
		"the resource has changed since it was read (If-Match): read it again, then repeat the change")
)

// Unavailable returns a 503 that clients may retry. The cause is only logged.
func Unavailable(cause error, format string, args ...any) *Error {
	p := Errorf(http.StatusServiceUnavailable, CodeUnavailable, format, args...)
	p.transient, p.Cause = true, cause
	return p
}

// AsError returns an error in the form for clients. Packages below this one return their own errors: an error with a
// method Unavailable() string becomes a 503, one with a method Invalid() string a 400, both with the returned message.
// The method Unwritten() bool of the former reports whether the request has written nothing.
func AsError(err error) *Error {
	var p *Error
	var large *http.MaxBytesError
	var unavailable interface {
		Unavailable() string
		Unwritten() bool
	}
	var invalid interface{ Invalid() string }
	switch {
	case errors.As(err, &unavailable):
		p := Unavailable(err, "%s", unavailable.Unavailable())
		p.unwritten = unavailable.Unwritten()
		return p
	case errors.As(err, &invalid):
		return Invalid("%s", invalid.Invalid())
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return Errorf(http.StatusRequestEntityTooLarge, CodeTooLarge, "the body is larger than %d bytes", large.Limit)
	case errors.Is(err, bus.ErrConflict):
		return ErrConflict
	case bus.Transient(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unavailable(err, "the message bus is temporarily unavailable: try again")
	}
	return &Error{Status: http.StatusInternalServerError, code: CodeInternal, Message: "internal error", Cause: err}
}

// ErrShutdown is the error for requests that cannot start because the service is ending.
var ErrShutdown = Unavailable(nil, "the control plane is shutting down: try again")

// MethodNotAllowed returns the error for a method that a path does not support.
func MethodNotAllowed(allowed ...string) error {
	p := Errorf(http.StatusMethodNotAllowed, CodeMethod, "Method not allowed")
	p.allow = strings.Join(allowed, ", ")
	return p
}

// Rejected reports whether err means that a request was rejected before it changed anything.
func Rejected(err error) bool { return AsError(err).Status < http.StatusInternalServerError }
