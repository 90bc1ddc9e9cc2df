package bus

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrConflict is returned when what a write expected to be the newest message of its subject no longer
// is: somebody else wrote. Nothing was stored; read again and start over.
var ErrConflict = errors.New("another writer was first")

// ErrOccupied is returned when a subject that holds one message at a time still holds one.
var ErrOccupied = errors.New("the subject still holds a message")

// ErrNotFound is returned when there is no such key or message.
var ErrNotFound = errors.New("not found")

// ErrBusy is returned when the server has too many atomic batches open; the same batch may be tried again.
var ErrBusy = errors.New("too many atomic batches are open")

// permanent marks an error that no redelivery can mend.
type permanent struct{ err error }

func (p permanent) Error() string { return p.err.Error() }
func (p permanent) Unwrap() error { return p.err }

// Permanent marks err as one that no redelivery can mend: a handler that returns it sends its message to
// the dead letters at once. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent tells whether err, or what it wraps, was marked by [Permanent].
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

// The server's error codes that mean something to a writer (nats-server errors.json).
const (
	codeWrongLastSequence         = 10071
	codeWrongLastSequenceConstant = 10164 // the same, from a replicated stream
	codeStoreFailed               = 10077 // the stream's bounds, by subject or in all, or its disk
	codeBatchIncomplete           = 10176
	codeBatchesOpen               = 10210
	codeNoMessage                 = 10037
	codeInsufficientStorage       = 10047
	codeInsufficientResources     = 10023
	codeAccountResources          = 10002
	codeNoPeers                   = 10005 // of a cluster, for what is to be placed
	codeNotAvailable              = 10008 // JetStream has no leader
)

// translate gives the errors that callers act on their names and leaves the others.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return fromCode(int(api.ErrorCode), err)
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrKeyDeleted) {
		return errors.Join(ErrNotFound, err)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return errors.Join(ErrConflict, err)
	}
	return err
}

func fromCode(code int, err error) error {
	switch code {
	case codeWrongLastSequence, codeWrongLastSequenceConstant:
		return errors.Join(ErrConflict, err)
	case codeStoreFailed:
		if isFull(err) {
			return err
		}
		return errors.Join(ErrOccupied, err)
	case codeBatchIncomplete, codeBatchesOpen:
		return errors.Join(ErrBusy, err)
	case codeNoMessage:
		return errors.Join(ErrNotFound, err)
	}
	return err
}

// Answered reports whether err is the server's answer to what was asked, that there is nothing or that it cannot be
// read, and not about the connection or a server without a leader.
func Answered(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, ErrNotFound) || errors.As(err, &api) && api.ErrorCode != codeNotAvailable
}

// Transient tells an error that is about the connection or the server, not about what was asked.
func Transient(err error) bool {
	for _, t := range []error{nats.ErrTimeout, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrNoStreamResponse, jetstream.ErrNoStreamResponse, ErrBusy} {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
