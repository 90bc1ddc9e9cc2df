package bustest

import (
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// StandStill makes a stream stop copying its source, and returns the sources for [Bus.GoOn]. A copy also stands still
// while its server waits for an answer of the copied stream, for up to a minute.
func (b *Bus) StandStill(stream string) (sources []*jetstream.StreamSource) {
	b.t.Helper()
	return b.changeSources(stream, nil)
}

// GoOn makes a stream copy sources.
func (b *Bus) GoOn(stream string, sources []*jetstream.StreamSource) {
	b.t.Helper()
	b.changeSources(stream, sources)
}

func (b *Bus) changeSources(stream string, sources []*jetstream.StreamSource) (before []*jetstream.StreamSource) {
	b.t.Helper()
	if b.operator == nil {
		b.operator = b.Conn(topology.Operator)
	}
	js := b.operator.JetStream()
	s, err := js.Stream(b.t.Context(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	before, cfg.Sources = cfg.Sources, sources
	if _, err := js.UpdateStream(b.t.Context(), cfg); err != nil {
		b.t.Fatal(err)
	}
	return before
}
