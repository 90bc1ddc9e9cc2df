package message

import "errors"

// ErrNotFound is returned if the key or message does not exist.
var ErrNotFound = errors.New("not found")

// ErrReplaced is returned if a stream was replaced by another one or reverted to an older state. Messages read before
// may no longer exist.
var ErrReplaced = errors.New("the stream was replaced, or reverted to an older state")

// ErrNewer is returned for a message with a newer major version of its schema than this build supports.
var ErrNewer = errors.New("the message has a newer version than this build supports")

// ErrMalformed is returned for a reply with malformed headers. The stored message's headers make the server's own
// unreadable too, such as the message's sequence.
var ErrMalformed = errors.New("malformed headers")

// permanent marks an error redelivery cannot fix.
type permanent struct{ err error }

func (p permanent) Error() string { return p.err.Error() }
func (p permanent) Unwrap() error { return p.err }

// Permanent marks err as permanent: if a handler returns it, the message becomes a dead letter at once instead of
// being redelivered. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent reports whether err, or an error it wraps, was marked by [Permanent].
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}
