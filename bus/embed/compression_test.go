package embed_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The state and the queue of scores were compressed before. They are provisioned in place, keep their messages, and no
// longer compress new blocks after the next start.
func TestCompressedStreamsOfBeforeAreKept(t *testing.T) {
	const pages = 400 // of 24 KB: each store fills a block, of 8 MiB at most
	dir, o := t.TempDir(), topology.Options{LogMaxBytes: 1 << 30}
	start := func() (*embed.Server, *bus.Conn) {
		s, err := embed.Start(t.Context(), embed.Config{Dir: dir, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return s, connected(t, s, topology.Operator)
	}
	f := filler{t: t, a: proto.NewAccount(), integration: proto.NewID(), ticks: make([]uint64, pages)}
	s, _ := start()
	operator := provisioned(t, s, o)
	for _, b := range compressedBefore(t, operator) {
		cfg := b.config(t)
		cfg.Compression = jetstream.S2Compression
		if _, err := b.js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()

	s, _ = start() // the server compresses from its next start on
	f.fill(s, 0, pages)
	for _, name := range []string{topology.PostureState, topology.PostureScores} {
		bustest.Eventually(t, name+" has a compressed block", func() bool { return hasCompressed(t, dir, name) })
	}
	s.Close()

	s, _ = start()
	provisioned(t, s, o)
	f.fill(s, 100, 101)
	s.Close()

	s, operator = start()
	defer s.Close()
	f.read(s)
	f.fill(s, 150, pages) // some pages stay in the compressed block
	f.read(s)
	for _, b := range compressedBefore(t, operator) {
		if c := b.config(t).Compression; c != jetstream.NoCompression {
			t.Errorf("%s is still compressed: %v", b.name, c)
		}
	}
}

// compressed is a stream that was compressed before, with the API of its zone.
type compressed struct {
	js   jetstream.JetStream
	name string
}

// compressedBefore returns these streams: two of the pipeline, and the followers' copies.
func compressedBefore(t *testing.T, operator *bus.Conn) []compressed {
	t.Helper()
	copies, err := jetstream.NewWithAPIPrefix(operator.NATS(), topology.Mirror.APIPrefix())
	if err != nil {
		t.Fatal(err)
	}
	return []compressed{{operator.JetStream(), topology.PostureState}, {operator.JetStream(), topology.PostureScores},
		{copies, topology.PostureState}, {copies, topology.PostureLog}}
}

// config returns the stream's configuration. The copies' API has no request for it alone.
func (b compressed) config(t *testing.T) jetstream.StreamConfig {
	t.Helper()
	all := b.js.ListStreams(t.Context())
	for info := range all.Info() {
		if info.Config.Name == b.name {
			return info.Config
		}
	}
	t.Fatalf("no stream %s: %v", b.name, all.Err())
	return jetstream.StreamConfig{}
}

// hasCompressed reports whether a block of a stream, or of its copy, is compressed.
func hasCompressed(t *testing.T, dir, stream string) bool {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "nats", "store", "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blocks {
		data, err := os.ReadFile(name)
		if err == nil && bytes.HasPrefix(data, []byte("cmp")) {
			return true
		}
	}
	return false
}

// filler writes entries and scores of pages.
type filler struct {
	t           *testing.T
	a           proto.Account
	integration proto.ID
	ticks       []uint64 // of the pages' newest entries
	scores      uint64
}

func (f *filler) page(n int) topology.PageRef {
	return topology.PageRef{Account: f.a, Integration: f.integration, Page: topology.PageNumber(n)} //nolint:gosec // small
}

// fill stores an entry and scores of some pages.
func (f *filler) fill(s *embed.Server, from, to int) {
	f.t.Helper()
	evaluator, fetcher := connected(f.t, s, topology.Evaluator), connected(f.t, s, topology.Fetcher)
	for n := from; n < to; n++ {
		f.ticks[n]++
		f.scores++
		entry, input := &proto.Entry{Tick: f.ticks[n]}, &proto.Input{Tick: f.ticks[n]}
		for range proto.PageSize {
			entry.Results = append(entry.Results, proto.Result{Device: proto.NewID(), Score: 1})
			input.Observations = append(input.Observations, proto.Observation{Device: proto.NewID(), Score: 1})
		}
		_, err1 := evaluator.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Log(f.page(n)), Body: entry})
		_, err2 := fetcher.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Scores(f.page(n)), Body: input})
		if err := errors.Join(err1, err2); err != nil {
			f.t.Fatal(err)
		}
	}
	bustest.Eventually(f.t, "the state has the newest entries", func() bool {
		m, err := evaluator.Last(f.t.Context(), topology.PostureState, topology.Log(f.page(to-1)))
		var e proto.Entry
		return err == nil && m.Decode(&e) == nil && e.Tick == f.ticks[to-1]
	})
}

// read checks that the state has each page's newest entry, and the queue all scores.
func (f *filler) read(s *embed.Server) {
	f.t.Helper()
	evaluator, operator := connected(f.t, s, topology.Evaluator), connected(f.t, s, topology.Operator)
	for n, tick := range f.ticks {
		m, err := evaluator.Last(f.t.Context(), topology.PostureState, topology.Log(f.page(n)))
		var e proto.Entry
		if err == nil {
			err = m.Decode(&e)
		}
		if err != nil || e.Tick != tick || len(e.Results) != proto.PageSize {
			f.t.Fatalf("page %d: tick %d of %d, %d results, %v", n, e.Tick, tick, len(e.Results), err)
		}
	}
	queue, err := operator.JetStream().Stream(f.t.Context(), topology.PostureScores)
	if err != nil {
		f.t.Fatal(err)
	}
	state := queue.CachedInfo().State
	if state.Msgs != f.scores {
		f.t.Errorf("%d scores, want %d", state.Msgs, f.scores)
	}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq += 50 { // of each block
		m, err := queue.GetMsg(f.t.Context(), seq)
		var in proto.Input
		if err == nil {
			err = proto.Unmarshal(m.Data, &in)
		}
		if err != nil || len(in.Observations) != proto.PageSize {
			f.t.Fatalf("scores %d: %d, %v", seq, len(in.Observations), err)
		}
	}
}
