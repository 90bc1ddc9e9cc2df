package bus

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/servererr"
)

// ErrConflict is returned if the newest message of a subject is not the expected one because of a concurrent write.
// Nothing was stored. Read the subject again and start over.
var ErrConflict = errors.New("another writer was first")

// ErrOccupied is returned if a subject limited to one message still holds one.
var ErrOccupied = errors.New("the subject still holds a message")

// ErrNotFound is returned if the key or message does not exist.
var ErrNotFound = message.ErrNotFound

// ErrBusy is returned if the server has too many open atomic batches. The same batch may be retried.
var ErrBusy = errors.New("too many atomic batches are open")

// Errors of the client library that callers distinguish.
var (
	// ErrNoResponders is returned by [Conn.Request] if no service listens on the subject.
	ErrNoResponders = nats.ErrNoResponders
	// ErrTimeout is returned if a request was not answered in time, besides [context.DeadlineExceeded].
	ErrTimeout = nats.ErrTimeout
	// ErrDisconnected is returned if the connection to the server is lost.
	ErrDisconnected = nats.ErrDisconnected
	// ErrTooLarge is returned for a message above the server's limit.
	ErrTooLarge = nats.ErrMaxPayload
	// ErrNoConsumer is returned if the consumer does not exist.
	ErrNoConsumer = jetstream.ErrConsumerNotFound
)

// Rejected reports whether the server understood a write and rejected it for a reason other than conflicting writes, so
// a retry cannot succeed.
func Rejected(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == 400 && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrBusy)
}

// Permanent marks err as permanent: if a handler returns it, the message becomes a dead letter at once instead of
// being redelivered. Permanent(nil) is nil.
func Permanent(err error) error { return message.Permanent(err) }

// IsPermanent reports whether err, or an error it wraps, was marked by [Permanent].
func IsPermanent(err error) bool { return message.IsPermanent(err) }

// translate joins API errors with the errors of this package, such as [ErrConflict], and returns all others
// unchanged.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return fromCode(int(api.ErrorCode), err)
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrMsgNotFound) ||
		errors.Is(err, jetstream.ErrKeyDeleted) {
		return errors.Join(ErrNotFound, err)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return errors.Join(ErrConflict, err)
	}
	return err
}

func fromCode(code int, err error) error {
	switch code {
	case servererr.WrongLastSequence, servererr.WrongLastSequenceConstant:
		return errors.Join(ErrConflict, err)
	case servererr.StoreFailed:
		if servererr.IsFull(err) {
			return err
		}
		return errors.Join(ErrOccupied, err)
	case servererr.BatchIncomplete, servererr.BatchesOpen:
		return errors.Join(ErrBusy, err)
	case servererr.NoMessage:
		return errors.Join(ErrNotFound, err)
	}
	return err
}

// Answered reports whether err is the server's reply to the request (not found, or unreadable), as opposed to a
// failure of the connection or a missing leader.
func Answered(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, ErrNotFound) || errors.As(err, &api) && !servererr.IsNotReady(api.ErrorCode)
}

// Transient reports whether err is about the connection or the server rather than the request, so a retry may
// succeed.
func Transient(err error) bool {
	for _, t := range []error{nats.ErrTimeout, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrNoStreamResponse, jetstream.ErrNoStreamResponse, ErrBusy} {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
