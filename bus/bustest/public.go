package bustest

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/schema/schematest"
)

// publicStreams are the streams with public messages, and the subjects of those.
var publicStreams = []struct{ stream, subject string }{
	{topology.PostureLog, topology.AllChanges},
	{topology.PostureLog, topology.AllHolds},
	{topology.AccessLogs, ">"},
	{topology.AuditLog, ">"},
}

// maxValidated bounds the bytes that are validated of each public stream: validation of 1 MiB takes about 0.2 s.
const maxValidated = 4 << 20

// validateFor is how long the validation may take.
const validateFor = time.Minute

// validatePublic checks, at the end of a test, that the public messages in the streams are of their JSON Schemas:
// whatever a test has a service publish is valid, up to the first maxValidated bytes. Messages of another schema, or
// without one, are those of a test of unreadable messages. A benchmark, a failed test, and one that stopped its server
// are left out.
func (b *Bus) validatePublic() {
	if _, benchmark := b.t.(*testing.B); benchmark || b.t.Failed() || !b.servers[0].Running() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), validateFor)
	defer cancel()
	c, err := b.servers[0].Connect(ctx, topology.Operator, Log(b.t))
	if err != nil {
		b.t.Logf("public messages were not validated: %v", err)
		return
	}
	defer c.Close()
	for _, s := range publicStreams {
		err := validateStream(ctx, c, s.stream, s.subject)
		if invalid := (*invalidError)(nil); errors.As(err, &invalid) {
			b.t.Errorf("a message on %s is not of its JSON Schema: %v", invalid.subject, invalid.err)
		} else if err != nil {
			b.t.Logf("the messages of %s were not validated: %v", s.stream, err) // the test deleted the stream
		}
	}
}

// invalidError is about a message that is not of its schema.
type invalidError struct {
	subject string
	err     error
}

func (e *invalidError) Error() string { return e.err.Error() }

// validateStream returns an error about the first invalid message of some subjects.
func validateStream(ctx context.Context, c *bus.Conn, stream, subject string) error {
	size := 0
	return c.Range(ctx, stream, subject, 1, math.MaxUint64, func(m *bus.Msg) error {
		s, err := proto.ParseSchema(m.Header.Get(proto.HeaderSchema))
		if err != nil || !schematest.Public(s) || m.Header.Get(message.Malformed) != "" {
			return nil //nolint:nilerr // of a test of unreadable messages
		}
		if err := schematest.Validate(s, m.Data); err != nil {
			return &invalidError{m.Subject, err}
		}
		if size += len(m.Data); size > maxValidated {
			return bus.ErrStop
		}
		return nil
	})
}
