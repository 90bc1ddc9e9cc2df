package isolation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// Only the evaluator reads or writes the keys that sign entries. Every other role, with all permissions of its account,
// tries every way to a record that the server offers, and none leads to it.
func TestNobodyElseHasTheKeysOfEntries(t *testing.T) {
	b := bustest.Start(t)
	operator := b.Conn(topology.Operator)
	const secret = "the sealed key that signs entries"
	subject := topology.BucketSubject(topology.EntryKeys, topology.EntryKeyKey(1))
	stream := topology.BucketStream(topology.EntryKeys)
	ack, err := operator.JetStream().Publish(t.Context(), subject, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	find := func(nc *nats.Conn) []string {
		t.Helper()
		heard, err := nc.SubscribeSync(">")
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		asked := map[string]bool{}
		for _, m := range waysTo(stream, subject) {
			asked[m.Subject] = true
			m.Reply = nc.NewInbox()
			if err := nc.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		// A change of the bucket rings its bell.
		if _, err := operator.JetStream().Publish(t.Context(), subject, []byte(secret)); err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		var found []string
		for {
			m, err := heard.NextMsg(300 * time.Millisecond)
			if err != nil {
				break
			}
			if asked[m.Subject] {
				continue // one of the requests above
			}
			if text := m.Subject + fmt.Sprint(m.Header) + string(m.Data); strings.Contains(text, topology.EntryKeys) ||
				strings.Contains(text, secret) {
				found = append(found, text)
			}
		}
		if err := heard.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, r := range topology.Roles() {
		found := find(b.Anybody(topology.ZoneOf(r)))
		permitted := r == topology.Evaluator || r == topology.Operator
		if got := len(found) > 0; got != permitted {
			t.Errorf("%s got %d messages about the keys: %.2000q", r, len(found), found)
		}
	}
	for _, r := range topology.Roles() {
		if r == topology.Evaluator || r == topology.Operator {
			continue
		}
		nc := b.Anybody(topology.ZoneOf(r))
		if err := nc.Publish(subject, []byte("of "+r)); err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(30 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	m, err := operator.Last(t.Context(), stream, subject)
	if err != nil || string(m.Data) != secret || m.Seq < ack.Sequence {
		t.Errorf("%v, %v", m, err)
	}
}

// waysTo returns requests that show a record to who may make them.
func waysTo(stream, subject string) []*nats.Msg {
	var all []*nats.Msg
	ask := func(call, body string) {
		for _, prefix := range []string{"$JS.API.", "mirror.api.", topology.Mirror.APIPrefix() + ".",
			topology.Queue.APIPrefix() + "."} {
			all = append(all, &nats.Msg{Subject: prefix + call, Data: []byte(body)})
		}
	}
	ask("DIRECT.GET."+stream+"."+subject, "")
	ask("DIRECT.GET."+stream, `{"last_by_subj":"`+subject+`"}`)
	ask("DIRECT.GET."+stream, `{"multi_last":[">"],"batch":3}`)
	ask("STREAM.MSG.GET."+stream, `{"last_by_subj":"`+subject+`"}`)
	ask("STREAM.INFO."+stream, "")
	ask("STREAM.NAMES", "")
	ask("CONSUMER.CREATE."+stream+".x",
		`{"stream_name":"`+stream+`","config":{"name":"x","ack_policy":"none","deliver_subject":"_INBOX.x"}}`)
	for _, have := range []string{topology.PostureLog, topology.PostureState} {
		ask("STREAM.UPDATE."+have, `{"name":"`+have+`","sources":[{"name":"`+stream+`"}]}`)
	}
	return all
}
