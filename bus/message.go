package bus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Msg is a stored message as a handler gets it.
type Msg struct {
	Subject   string
	Header    nats.Header
	Data      []byte
	Stream    string
	Seq       uint64
	Time      time.Time // when the server stored it
	Delivered int       // how often it was handed out, this time included

	askedBy topology.Role // of a request
}

// AskedBy reports whether a request is of a role. The NATS account that the request comes from decides, so that no
// other role can send it. It is how an [Endpoint] tells who asks where several roles may.
func (m *Msg) AskedBy(r topology.Role) bool { return m.askedBy == r }

// errNewer is a message whose schema has a newer major version than this build reads.
var errNewer = errors.New("the message is of a newer version than this build reads")

// Decode reads the body. A body that cannot be read is [Permanent]; one of a newer major version is not,
// it waits for its reader.
func (m *Msg) Decode(into proto.Message) error {
	if err := checkSchema(m.Header, into.Schema()); err != nil {
		return err
	}
	if err := proto.Unmarshal(m.Data, into); err != nil {
		return Permanent(err)
	}
	return nil
}

func checkSchema(h nats.Header, want proto.Schema) error {
	if h.Get(badHeader) != "" {
		return Permanent(errBadHeader)
	}
	text := h.Get(proto.HeaderSchema)
	if text == "" {
		return nil // a writer that is not ours; the body decides
	}
	got, err := proto.ParseSchema(text)
	switch {
	case err != nil:
		return Permanent(err)
	case got.Name != want.Name:
		return Permanent(fmt.Errorf("a message of schema %s where %s was expected", got, want))
	case got.Major > want.Major:
		return fmt.Errorf("%w: %s, this build reads %s", errNewer, got, want)
	case got.Major < want.Major:
		return Permanent(fmt.Errorf("a message of schema %s, which this build no longer reads", got))
	}
	return nil
}

// Deleted reports whether the message, of a bucket's stream, marks its key deleted: a writer did (ADR-8), or the
// server, when the key's last value expired or was removed (ADR-43).
func (m *Msg) Deleted() bool {
	switch m.Header.Get(kvOperation) {
	case "DEL", "PURGE":
		return true
	}
	return m.Header.Get(jetstream.MarkerReasonHeader) != ""
}

// streamSource is the header in which a sourced message tells where it was stored first.
const streamSource = "Nats-Stream-Source"

// LogSequence is where an entry stands in POSTURE_LOG, also if it was read from POSTURE_STATE, whose
// server notes where a message came from.
func LogSequence(m *Msg) (uint64, error) {
	source := lastValue(m.Header, streamSource)
	if source == "" {
		return m.Seq, nil
	}
	// "POSTURE_LOG 42 ...": the stream, the sequence there, and how it was filtered.
	fields := strings.Fields(source)
	if len(fields) < 2 {
		return 0, fmt.Errorf("source %q of %s names no sequence", source, m.Subject)
	}
	return strconv.ParseUint(fields[1], 10, 64)
}
