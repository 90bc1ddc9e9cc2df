package evaluator_test

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/foldtest"
)

// recorded is a message of testdata/before-enforcement.ndjson: what the version before enforcement stored. Its api,
// registry and evaluator wrote an integration, two checks (>= 50 with an expiration, < 90 without one), page 0 with 30
// devices and page 3 with two, two polls of page 0 and one of page 3. The expiration was 1 h; it is 100 years here, in
// the check, the entries and their summaries, because the results must not expire before the test runs.
type recorded struct {
	Stream, Subject string
	Header          nats.Header
	Data            []byte
}

// former returns a fixture that contains the recorded data at its recorded sequences, and the ids of the checks.
func former(t *testing.T) (f *fixture, checks []proto.ID) {
	t.Helper()
	f = newEmptyFixture(t, topology.Options{})
	js, err := jetstream.New(f.b.Anybody(topology.Pipeline))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open("testdata/before-enforcement.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, last := json.NewDecoder(file), map[string]uint64{}
	for {
		var m recorded
		if err := lines.Decode(&m); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		ack, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
		if err != nil {
			t.Fatal(err)
		}
		last[m.Stream]++
		if ack.Stream != m.Stream || ack.Sequence != last[m.Stream] {
			t.Fatalf("%s is in %s at %d, want %s at %d", m.Subject, ack.Stream, ack.Sequence, m.Stream, last[m.Stream])
		}
		_, key, isKey := strings.Cut(strings.TrimPrefix(m.Subject, "$KV."), ".")
		if !strings.HasPrefix(m.Subject, "$KV.") || !isKey {
			continue
		}
		f.revisions[key] = ack.Sequence
		parts := strings.Split(key, ".")
		if f.account, err = proto.ParseAccount(parts[0]); err != nil {
			t.Fatal(err)
		}
		if len(parts) < 3 || m.Stream != topology.BucketStream(topology.Config) {
			continue
		}
		id, err := proto.ParseID(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		if parts[1] == "integration" {
			f.integration = id
		} else {
			checks = append(checks, id)
		}
	}
	if len(checks) != 2 || last[topology.PostureLog] == 0 {
		t.Fatalf("%d checks, messages by stream %v", len(checks), last)
	}
	return f, checks
}

// The evaluators continue the pages of the version before enforcement: a poll is judged against the former outcomes,
// and is held; the members for enforcement of a former check can be set; and the changes of both versions lead to the
// entries' outcomes.
func TestPagesOfTheVersionBeforeEnforcement(t *testing.T) {
	f, checks := former(t)
	before := f.newest(topology.PostureLog, 0)
	if before == nil || before.Tick != 2 || len(before.Results) != 30 {
		t.Fatalf("the former entry is %+v", before)
	}
	at := 0 // the place of the first check
	if before.Checks[0].ID != checks[0] {
		at = 1
	}
	counts := map[proto.Outcome]int{}
	for _, r := range before.Results {
		v := r.Verdicts[at]
		if v.Observed != v.Outcome {
			t.Errorf("a former result is %+v", v)
		}
		counts[v.Outcome]++
	}
	if counts[proto.OutcomePass] != 25 || counts[proto.OutcomeFail] != 3 || counts[proto.OutcomeUnknown] != 2 {
		t.Errorf("the former outcomes are %v", counts)
	}
	f.evaluators(2)
	f.settled()
	scores := map[proto.ID]int{}
	for _, r := range before.Results {
		scores[r.Device] = 0
	}
	f.poll(0, 3, before.PageRevision, scores)
	other := f.newest(topology.PostureLog, 3)
	f.poll(3, 3, other.PageRevision, map[proto.ID]int{other.Results[0].Device: 10})
	e := f.until(0, "the poll of this version is evaluated", func(e *proto.Entry) bool { return e.Tick == 3 })
	if e.State(at).Hold == nil || !e.State(at).Hold.Out {
		t.Errorf("the states are %+v", e.States)
	}
	for n, r := range e.Results {
		was, is := before.Results[n].Verdicts[at], r.Verdicts[at]
		want := proto.Verdict{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore, Observed: proto.OutcomeFail}
		if was.Outcome == proto.OutcomePass {
			want.Outcome, want.Reason = proto.OutcomePass, proto.ReasonHeld
		}
		if r.Device != before.Results[n].Device || is != want {
			t.Errorf("a device with %+v before has %+v, want %+v", was, is, want)
		}
	}
	f.holdIs(checks[0], proto.HoldStanding)

	former := new(proto.Check)
	key := topology.ConfigKey(f.account, topology.KindCheck, checks[0])
	if _, err := f.reader.Get(t.Context(), topology.Config, key, former); err != nil {
		t.Fatal(err)
	}
	if former.Mode != "" || former.Breaker != nil || former.Score != 50 {
		t.Errorf("the former check is %+v", former)
	}
	former.Mode = proto.ModeObserve
	f.put(topology.Config, key, former)
	want := map[foldtest.ResultKey]proto.Outcome{}
	for _, n := range []topology.PageNumber{0, 3} {
		e := f.until(n, "the former check is only observed", func(e *proto.Entry) bool {
			for _, r := range e.Results {
				if r.Verdicts[at].Reason != proto.ReasonObserveOnly {
					return false
				}
			}
			return true
		})
		for _, r := range e.Results {
			for i, v := range r.Verdicts {
				want[foldtest.ResultKey{Device: r.Device, Check: e.Checks[i].ID}] = v.Outcome
			}
		}
	}
	f.settled()
	f.changesLeadTo(want)
}
