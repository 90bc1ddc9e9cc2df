package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"plumbline.dev/bus"
)

// problem is a refusal as a client sees it: an HTTP status, the code for machines and the sentence for
// people of api/README.md 1.6. The cause is for the log only.
type problem struct {
	status  int
	code    int
	message string
	// transient marks a 5xx that may be gone at the next attempt; all other 5xx and every 409 tell clients
	// not to try again by themselves (api/README.md 1.3).
	transient bool
	allow     string // the methods that a 405 names
	cause     error
}

func (p *problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%s (%d): %v", p.message, p.code, p.cause)
	}
	return fmt.Sprintf("%s (%d)", p.message, p.code)
}

func (p *problem) Unwrap() error { return p.cause }

// The codes of api/README.md 1.6, and ours: 104xx and 105xx end in the HTTP status.
const (
	codeAuthentication     = 10000
	codeUnauthorized       = 9109
	codeNoRoute            = 7003
	codeNotFound           = 12135
	codeUnknownApplication = 11021
	codeUnknownGroup       = 12152
	codeNoSuchGroup        = 11020
	codeUnknownRule        = 6024
	codeUnknownIntegration = 2047
	codeInvalid            = 12130
	codeTokenInUse         = 12139
	codeNoAPIToken         = 1001
	codeApplicationExists  = 12136
	codeIntegration        = 2046
	codeRule               = 6025
	codeMethod             = 10405
	codeConflict           = 10409
	codeGone               = 10410
	codePrecondition       = 10412
	codeTooLarge           = 10413
	codeMediaType          = 10415
	codeInternal           = 10500
	codeUnavailable        = 10503
)

func refuse(status, code int, format string, args ...any) *problem {
	return &problem{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// invalid is the generic refusal of what a client sent.
func invalid(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, codeInvalid, "access.api.error.invalid_request: "+format, args...)
}

func invalidIntegration(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, codeIntegration, "invalid posture integration request: "+format, args...)
}

func invalidRule(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, codeRule, "invalid posture rule request: "+format, args...)
}

var (
	errAuthentication = refuse(http.StatusForbidden, codeAuthentication, "Authentication error")
	errOtherAccount   = refuse(http.StatusForbidden, codeUnauthorized, "Unauthorized to access requested resource")
	errNoRoute        = refuse(http.StatusNotFound, codeNoRoute, "No route for the URI")

	errNoServiceToken = refuse(http.StatusNotFound, codeNotFound, "access.api.error.not_found")
	errNoAPIToken     = refuse(http.StatusNotFound, codeNoAPIToken, "there is no such API token")
	errNoPolicy       = refuse(http.StatusNotFound, codeNotFound, "access.api.error.not_found")
	errNoApplication  = refuse(http.StatusNotFound, codeUnknownApplication, "access.api.error.unknown_application")
	errNoGroup        = refuse(http.StatusNotFound, codeUnknownGroup, "access.api.error.not_found")
	errNoProvider     = refuse(http.StatusNotFound, codeNotFound, "access.api.error.not_found")
	errNoPerson       = refuse(http.StatusNotFound, codeNotFound, "access.api.error.not_found")
	errNoSession      = refuse(http.StatusNotFound, codeNotFound, "access.api.error.not_found")
	errNoTag          = refuse(http.StatusNotFound, codeNotFound, "access.api.error.not_found")
	errNoRule         = refuse(http.StatusNotFound, codeUnknownRule, "posture rule not found")
	errNoIntegration  = refuse(http.StatusNotFound, codeUnknownIntegration, "posture integration not found")
	errNoDevice       = refuse(http.StatusNotFound, codeNotFound, "no such device is enrolled")
	errNoPage         = refuse(http.StatusNotFound, codeNotFound, "there is no such page")

	errConflict = refuse(http.StatusConflict, codeConflict,
		"somebody else changed this at the same moment: read it again, then repeat the change")
	errPrecondition = refuse(http.StatusPreconditionFailed, codePrecondition,
		"this was changed since you read it (If-Match): read it again, then repeat the change")
)

func unavailable(cause error, format string, args ...any) *problem {
	p := refuse(http.StatusServiceUnavailable, codeUnavailable, format, args...)
	p.transient, p.cause = true, cause
	return p
}

// problemOf is what a client is told of an error.
func problemOf(err error) *problem {
	var p *problem
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "the body is larger than %d bytes", large.Limit)
	case errors.Is(err, bus.ErrConflict):
		return errConflict
	case bus.Transient(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable(err, "the message bus does not answer at the moment: try again")
	}
	return &problem{status: http.StatusInternalServerError, code: codeInternal, message: "internal error", cause: err}
}
