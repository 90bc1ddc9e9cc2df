package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"plumbline.dev/services/internal/excerpt"
	"syscall"
)

// Kind classifies a failed call.
type Kind string

// The kinds.
const (
	BadURL    Kind = "bad_url"   // the URL itself is wrong
	Denied    Kind = "denied"    // the address must not be called
	Untrusted Kind = "untrusted" // the server's certificate is not trusted
	Timeout   Kind = "timeout"   // something took too long
	Transport Kind = "transport" // the connection failed
	Cancelled Kind = "cancelled" // the caller gave up
)

// Error is a failed call. The sentence is for people: it names hosts and addresses, and contains no part of the URL's
// query or of the response.
type Error struct {
	Kind     Kind
	Sentence string
	cause    error
}

func (e *Error) Error() string { return e.Sentence }

// Unwrap returns the underlying error, if any. Its text may contain parts of the URL and of the response.
func (e *Error) Unwrap() error { return e.cause }

// Lasting reports whether the same call would fail again.
func (e *Error) Lasting() bool { return e.Kind == BadURL || e.Kind == Denied || e.Kind == Untrusted }

func badURL(format string, args ...any) error {
	return &Error{Kind: BadURL, Sentence: fmt.Sprintf(format, args...)}
}

func denied(format string, args ...any) error {
	return &Error{Kind: Denied, Sentence: fmt.Sprintf(format, args...)}
}

// Explain converts an error of a client's Do, or of reading a response's body; nil for nil.
func Explain(err error) *Error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	kind, sentence := explain(err)
	return &Error{Kind: kind, Sentence: sentence, cause: err}
}

func explain(err error) (Kind, string) {
	var (
		name    *net.DNSError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		network net.Error
		op      *net.OpError
	)
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case errors.Is(err, context.Canceled):
		return Cancelled, "The call was cancelled."
	case errors.As(err, &name) && name.IsNotFound:
		return Transport, fmt.Sprintf("The host name %q does not exist.", excerpt.Words(name.Name, maxShown))
	case errors.As(err, &name):
		return Transport, fmt.Sprintf("The host name %q could not be resolved.", excerpt.Words(name.Name, maxShown))
	case errors.As(err, &cert):
		return Untrusted, "The server's certificate is not trusted: " + excerpt.Words(cert.Err.Error(), maxShown) +
			". The flag --trusted-ca names further authorities."
	case errors.As(err, &record):
		return Transport, "The server does not speak TLS on that port."
	case errors.As(err, &alert):
		return Transport, "The server refused the TLS handshake."
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout():
		if dialing {
			return Timeout, "The server did not accept a connection in time."
		}
		return Timeout, "The server did not answer in time."
	case errors.Is(err, syscall.ECONNREFUSED):
		return Transport, "The server refused the connection."
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		return Transport, "There is no route to the server."
	case dialing:
		return Transport, "The connection could not be made."
	case op != nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
		return Transport, "The server closed the connection before the answer was complete."
	}
	return Transport, "The connection failed, or the response was not HTTP."
}

// maxShown bounds text from outside in a sentence, in bytes.
const maxShown = 240
