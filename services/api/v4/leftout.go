package v4

import "fmt"

// maxLeftOut bounds the records that one response names.
const maxLeftOut = 20

// LeftOut collects the records that a response leaves out because they cannot be read. A nil LeftOut collects nothing.
type LeftOut struct {
	notices []Notice
	more    int
}

// Add adds a record of a log or bucket. The key must hold no secret.
func (l *LeftOut) Add(key string, seq uint64) {
	switch {
	case l == nil:
	case len(l.notices) == maxLeftOut:
		l.more++
	default:
		l.notices = append(l.notices, Notice{Code: CodeUnreadable,
			Message: fmt.Sprintf("%s, sequence %d, cannot be read and is left out", key, seq)})
	}
}

// Notices returns a message for each record, up to a limit, and one about the rest.
func (l *LeftOut) Notices() []Notice {
	if l.more == 0 {
		return l.notices
	}
	return append(l.notices, Notice{Code: CodeUnreadable,
		Message: fmt.Sprintf("%d more records cannot be read and are left out", l.more)})
}
