package bus_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/proto"
)

// publishRaw stores a body under a schema not written by this build.
func publishRaw(t *testing.T, c *bus.Conn, subject, schema string, body []byte) error {
	t.Helper()
	m := nats.NewMsg(subject)
	m.Header.Set(proto.HeaderSchema, schema)
	m.Data = body
	_, err := c.JetStream().PublishMsg(t.Context(), m)
	return err
}

// messageOf is a message of a schema without a decoder.
func messageOf(subject, schema string) *nats.Msg {
	m := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: []byte("\xc1garbage")}
	if schema != "" {
		m.Header.Set(proto.HeaderSchema, schema)
	}
	return m
}
