// Package message holds a stored message as the bus delivers it, and the errors of its handling.
package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Header holds the headers of a message. Names are case-sensitive.
type Header = nats.Header

// Msg is a stored message, as passed to a handler.
type Msg struct {
	Subject   string
	Header    Header
	Data      []byte
	Stream    string
	Seq       uint64
	Time      time.Time // when the server stored it
	Delivered int       // number of deliveries, including this one

	Asker topology.Role // of a request: the role that sent it
}

// AskedBy reports whether a request comes from a role. The role is derived from the sender's NATS account, so no
// other role can forge it. An endpoint shared by several roles uses it to identify the sender.
func (m *Msg) AskedBy(r topology.Role) bool { return m.Asker == r }

// Decode decodes the body. The error is [Permanent] if the body is malformed, but not if it has a newer major
// version: the message then waits for a newer reader.
func (m *Msg) Decode(into proto.Message) error {
	if err := checkSchema(m.Header, into); err != nil {
		return err
	}
	if err := proto.Unmarshal(m.Data, into); err != nil {
		return Permanent(err)
	}
	return nil
}

func checkSchema(h Header, into proto.Message) error {
	if h.Get(Malformed) != "" {
		return Permanent(ErrMalformed)
	}
	text := h.Get(proto.HeaderSchema)
	if text == "" {
		return nil // from a foreign writer; the body decides
	}
	want := into.Schema()
	oldest := want.Major
	if v, ok := into.(proto.Versioned); ok {
		oldest = v.Oldest()
	}
	got, err := proto.ParseSchema(text)
	switch {
	case err != nil:
		return Permanent(err)
	case got.Name != want.Name:
		return Permanent(fmt.Errorf("unexpected schema %s, want %s", got, want))
	case got.Major > want.Major:
		return fmt.Errorf("%w: %s, this build supports %s", ErrNewer, got, want)
	case got.Major < oldest:
		return Permanent(fmt.Errorf("schema %s is no longer supported", got))
	}
	return nil
}

// Deleted reports whether the message of a bucket's stream marks its key as deleted. The mark is written by a client
// (ADR-8), or by the server when the key's last value expired or was removed (ADR-43).
func (m *Msg) Deleted() bool {
	switch m.Header.Get(Operation) {
	case "DEL", "PURGE":
		return true
	}
	return m.Header.Get(jetstream.MarkerReasonHeader) != ""
}

// Operation is the header marking the deletion of a bucket's key (ADR-8).
const Operation = "KV-Operation"

// Malformed is the header marking a message with malformed stored headers.
const Malformed = "Plumb-Bad-Header"

// LastValue returns the last value of a header, or "". The server's own headers come after those of the message.
func LastValue(h Header, name string) string {
	values := h[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// streamSource is the header in which the server records the origin of a sourced message.
const streamSource = "Nats-Stream-Source"

// LogSequence returns the position of an entry in POSTURE_LOG. For an entry read from POSTURE_STATE it uses the
// origin recorded by the server.
func LogSequence(m *Msg) (uint64, error) {
	source := LastValue(m.Header, streamSource)
	if source == "" {
		return m.Seq, nil
	}
	// "POSTURE_LOG 42 ...": the stream, its sequence, and the filter.
	fields := strings.Fields(source)
	if len(fields) < 2 {
		return 0, fmt.Errorf("source %q of %s names no sequence", source, m.Subject)
	}
	return strconv.ParseUint(fields[1], 10, 64)
}
