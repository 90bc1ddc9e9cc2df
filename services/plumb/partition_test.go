package plumb

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
)

var (
	partitionRounds = flag.Int("partition-rounds", 2, "how often TestPollsGoOnAfterAPartition takes a server away")
	partitionWithin = flag.Duration("partition-within", time.Minute, "how soon polls have to be complete again")
)

// A server is cut off or hangs, for ten seconds, and comes back: polls of every page are complete again, without
// a restart. It is in turn the leader of a stream of each stage.
func TestPollsGoOnAfterAPartition(t *testing.T) {
	t.Parallel()
	n := bustest.StartNetwork(t)
	s := startServices(t, func() {}, n.Dial)
	s.awaitReady(t)
	api := httptest.NewServer(http.HandlerFunc(scoreAll))
	t.Cleanup(api.Close)
	account, integration := s.installation.Account, proto.NewID()
	const pages = 5
	operator := n.Dial(topology.Operator)
	for page := range topology.PageNumber(pages) {
		put(t, operator, topology.Devices, topology.PageKey(account, page),
			&proto.Page{Devices: []proto.Device{{ID: proto.NewID(), Serial: fmt.Sprint(page)}}})
	}
	secret, err := seal.Seal(s.secrets.sealTo, integration.String(), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, operator, topology.Config, topology.ConfigKey(account, topology.KindIntegration, integration),
		&proto.Integration{ID: integration, Name: "test", Type: proto.TypeCustomS2S, Interval: time.Second, APIURL: api.URL,
			ClientID: "0123456789abcdef0123456789abcdef.access", SealedSecret: secret, Schedule: 1,
			CreatedAt: proto.At(time.Now())})
	// polled waits until the log has an entry of each page for a tick after one.
	polled := func(after uint64) {
		t.Helper()
		for page := range topology.PageNumber(pages) {
			subject := topology.Log(topology.PageRef{Account: account, Integration: integration, Page: page})
			bustest.Eventually(t, "a poll after tick "+fmt.Sprint(after), func() bool {
				m, err := operator.Last(t.Context(), topology.PostureLog, subject)
				var e proto.Entry
				return err == nil && m.Decode(&e) == nil && e.Tick > after && e.Poll.Error == proto.ReasonNone
			})
		}
	}
	polled(0)
	streams := []string{topology.PostureScores, topology.PostureTicks, topology.PostureBatches, topology.PostureLog,
		topology.BucketStream(topology.Config)}
	for round := range *partitionRounds {
		victim := n.Leader(streams[round%len(streams)])
		what, fault := "partition", n.Partition
		if round%2 == 1 {
			what, fault = "vanish", n.Vanish
		}
		fault(victim)
		away := time.NewTicker(10 * time.Second)
		<-away.C
		away.Stop()
		n.Heal()
		healed := time.Now()
		var newest *bus.Msg
		bustest.Eventually(t, "the newest tick is read", func() bool {
			newest, err = operator.Last(t.Context(), topology.PostureTicks, topology.Tick(account, integration))
			return err == nil
		})
		polled(newest.Seq)
		took := time.Since(healed)
		t.Logf("round %d: %s of n%d, polls complete again after %v", round, what, victim, took.Round(10*time.Millisecond))
		if took > *partitionWithin {
			t.Errorf("round %d: complete again after %v, want at most %v", round, took, *partitionWithin)
		}
		s.awaitReady(t)
	}
}

func put(t *testing.T, conn *bus.Conn, bucket, key string, value proto.Message) {
	t.Helper()
	if _, err := conn.Put(t.Context(), bucket, key, value, 0); err != nil {
		t.Fatal(err)
	}
}

// scoreAll gives every device the same score.
func scoreAll(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Devices []struct {
			ID string `json:"device_id"`
		} `json:"devices"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result := map[string]any{}
	for _, d := range body.Devices {
		result[d.ID] = map[string]any{"s2s_id": d.ID, "score": 80}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"result": result})
}
