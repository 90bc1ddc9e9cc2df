package isolation_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A follower names subjects of the pipeline, of the copies' account and of another follower as the reply subject of
// every request that it may make, and as the subject that a consumer delivers to. Nothing is stored anywhere.
func TestAHostileFollowerWritesNothing(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *bustest.Bus{"one server": bustest.Start,
		"three servers": bustest.Cluster} {
		t.Run(name, func(t *testing.T) { t.Parallel(); hostileFollower(t, start(t)) })
	}
}

func hostileFollower(t *testing.T, b *bustest.Bus) {
	w, operator := b.LogWriter(), b.Conn(topology.Operator)
	w.Commit()
	bustest.Eventually(t, "the copies are up to date", w.Settled)
	victim, evil := b.Follower("victim"), b.Follower("evil")
	position := jetstream.ConsumerConfig{Durable: consumerOf(b, "victim"), AckPolicy: jetstream.AckExplicitPolicy}
	if _, err := victim.JetStream().CreateConsumer(t.Context(), topology.PostureLog, position); err != nil {
		t.Fatal(err)
	}
	before, own := sizes(t, operator), consumerOf(b, "evil")
	var targets []string
	for _, s := range topology.Streams(topology.Options{}) {
		for _, subject := range s.Subjects {
			targets = append(targets, bustest.Literal(subject))
		}
		targets = append(targets, "$JS.API.STREAM.DELETE."+s.Name, "$JS.API.STREAM.PURGE."+s.Name)
	}
	for _, z := range topology.Zones() {
		for _, i := range z.Imports() {
			targets = append(targets, bustest.Literal(i.LocalSubject()))
		}
	}
	targets = append(targets, "$JS.API.CONSUMER.DELETE.POSTURE_LOG."+position.Durable,
		"mirror.api.CONSUMER.CREATE.POSTURE_LOG."+own)
	nc, page := evil.NATS(), w.Pages[0]
	for i, target := range targets {
		for _, stream := range []string{topology.PostureLog, topology.PostureState} {
			for call, body := range map[string]string{
				"STREAM.INFO." + stream: "", "STREAM.MSG.GET." + stream: `{"seq":1}`,
				"DIRECT.GET." + stream: `{"seq":9999999}`, "DIRECT.GET." + stream + "." + topology.Log(page): "",
				fmt.Sprintf("CONSUMER.CREATE.%s.%s", stream, own): fmt.Sprintf(
					`{"stream_name":%q,"config":{"durable_name":%q,"deliver_subject":%q,"headers_only":%v,"ack_policy":"none"}}`,
					stream, own, target, i%2 == 0),
				"CONSUMER.INFO." + stream + "." + own: "", "CONSUMER.MSG.NEXT." + stream + "." + own: `{"batch":1,"no_wait":true}`,
				"CONSUMER.DELETE." + stream + "." + own: "",
			} {
				if err := nc.PublishRequest("$JS.API."+call, target, []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := nc.Publish(target, nil); err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(10 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	// Messages sent before these replies were handled before them. A consumer may exist, created by an attack.
	for _, stream := range []string{topology.PostureLog, topology.PostureState} {
		pull := jetstream.ConsumerConfig{Durable: own, AckPolicy: jetstream.AckExplicitPolicy}
		var err error
		bustest.Eventually(t, "the attack on "+stream+" was handled", func() bool {
			if err = evil.JetStream().DeleteConsumer(t.Context(), stream, own); err != nil &&
				!errors.Is(err, jetstream.ErrConsumerNotFound) {
				return false
			}
			if _, err = evil.JetStream().CreateConsumer(t.Context(), stream, pull); err != nil {
				return false
			}
			err = evil.JetStream().DeleteConsumer(t.Context(), stream, own)
			return err == nil
		})
	}
	if _, err := evil.Last(t.Context(), topology.PostureState, topology.Log(page)); err != nil {
		t.Logf("after the attack: %v", err)
	}
	w.Commit() // the log can still be written, and read
	bustest.Eventually(t, "the copies are up to date", w.Settled)
	after := sizes(t, operator)
	for stream, end := range before {
		own := stream == topology.PostureLog || stream == topology.PostureState
		if got, ok := after[stream]; !ok || got != end && !own {
			t.Errorf("stream %s: %+v before, %+v after, there: %v", stream, end, got, ok)
		}
	}
	if _, err := victim.JetStream().Consumer(t.Context(), topology.PostureLog, position.Durable); err != nil {
		t.Errorf("the position of another follower is gone: %v", err)
	}
	var names []string
	log, err := operator.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	for name := range log.ConsumerNames(t.Context()).Name() {
		names = append(names, name)
	}
	for _, name := range names {
		if name == own {
			t.Error("a follower made a consumer on the pipeline's stream")
		}
	}
}

type size struct{ Messages, Last uint64 }

// sizes returns the number of messages of each stream of the pipeline, and its last sequence.
func sizes(t *testing.T, operator *bus.Conn) map[string]size {
	t.Helper()
	all := map[string]size{}
	for _, s := range topology.Streams(topology.Options{}) {
		stream, err := operator.JetStreamOf(s.Name).Stream(t.Context(), s.Name)
		if err != nil {
			t.Errorf("stream %s: %v", s.Name, err)
			continue
		}
		state := stream.CachedInfo().State
		all[s.Name] = size{state.Msgs, state.LastSeq}
	}
	return all
}
