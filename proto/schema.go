package proto

import (
	"fmt"
	"strconv"
	"strings"
)

// Names of Plumbline's headers, besides those of NATS.
const (
	HeaderSchema      = "Plumb-Schema"
	HeaderContentType = "Content-Type"
	// HeaderReplyTo names the inbox for the answer to a stored command: the message's own reply subject is used by the
	// stream's acknowledgement.
	HeaderReplyTo = "Plumb-Reply-To"
	// HeaderSummary carries an entry's [Summary]. Readers of times and counts can ask the server for headers alone.
	HeaderSummary = "Plumb-Summary"
	// HeaderFlips carries the flips of an entry's tick and the page's holds, by check (see [FormatFlips]).
	HeaderFlips = "Plumb-Flips"
	// HeaderOutcomes carries the counts of an entry's results, by check (see [FormatOutcomes]).
	HeaderOutcomes = "Plumb-Outcomes"
	// HeaderExemptionsEnded carries the ids of exemptions on the page that ended and still have a record.
	HeaderExemptionsEnded = "Plumb-Exemptions-Ended"
	// HeaderSignature carries an entry's signature (package entrysign).
	HeaderSignature = "Plumb-Signature"

	ContentType = "application/msgpack"
)

// A Schema names a message's type and the major version of its wire form.
type Schema struct {
	Name  string
	Major int
}

// String is the form in [HeaderSchema]: "entry.1".
func (s Schema) String() string { return s.Name + "." + strconv.Itoa(s.Major) }

// ParseSchema reads the form written by String.
func ParseSchema(text string) (Schema, error) {
	name, major, ok := strings.Cut(text, ".")
	n, err := strconv.Atoi(major)
	if !ok || err != nil || name == "" || n < 1 {
		return Schema{}, fmt.Errorf("schema %q is not of the form name.major", text)
	}
	return Schema{Name: name, Major: n}, nil
}

// Message is a message for the bus: it knows its schema.
type Message interface{ Schema() Schema }

// Versioned is a message of which earlier major versions can be read as well. A stream keeps messages for up to a year,
// so those of the previous version stand beside the new ones.
type Versioned interface {
	Message
	// Oldest returns the lowest major version that can be read.
	Oldest() int
}
