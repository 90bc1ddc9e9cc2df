package scoring

import "fmt"

// Fault is why a whole answer is of no use.
type Fault uint8

// The faults.
const (
	NotJSON         Fault = iota + 1
	Truncated             // the JSON ends too soon, also: there is none at all
	NotObject             // JSON, but no object
	NoResult              // no "result", or it is no object
	DuplicateResult       // two of them
	TrailingData          // something follows the object
	LongS2SID             // an s2s_id is longer than proto.MaxS2SID
	TooLarge              // the answer is over the limit; the rest of it was not read
)

// Failure is a response unlike the format as a whole; its poll is [proto.ReasonBadResponse]. Its sentence is for people
// and holds nothing of the response.
type Failure struct {
	Fault    Fault
	Sentence string
}

func (f *Failure) Error() string { return f.Sentence }

func failure(f Fault, format string, args ...any) *Failure {
	return &Failure{Fault: f, Sentence: fmt.Sprintf(format, args...)}
}

// A ReadError is the reader's own: the answer did not come to its end, and nothing is known of its shape.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return "read the answer: " + e.Err.Error() }

// Unwrap is the reader's error.
func (e *ReadError) Unwrap() error { return e.Err }
