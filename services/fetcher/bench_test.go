package fetcher

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/fetcher/scoring"
)

const benchPages = 32

// benchAPI repeats its previous response for each page, to keep its own work out of the measurement.
func benchAPI(b *testing.B, w *fixture) *httptest.Server {
	answers := map[string][]byte{}
	for page := range topology.PageNumber(benchPages) {
		devices := w.enrol(page, proto.PageSize)
		ids := make([]proto.ID, len(devices))
		for i, d := range devices {
			ids[i] = d.ID
		}
		rec := httptest.NewRecorder()
		answer(rec, ids)
		answers[ids[0].String()] = rec.Body.Bytes()
	}
	const before = len(`{"devices":[{"device_id":"`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bodies.Get().(*bytes.Buffer)
		defer bodies.Put(body)
		body.Reset()
		_, _ = io.Copy(body, r.Body)
		_, _ = w.Write(answers[string(body.Bytes()[before:before+36])])
	}))
	b.Cleanup(s.Close)
	return s
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// BenchmarkPoll is a tick of 32 full pages, from the tick to the last input stored.
func BenchmarkPoll(b *testing.B) {
	w := newFixture(b)
	w.start(Config{})
	i := w.integrate(benchAPI(b, w).URL)
	stored, err := w.operator.NATS().SubscribeSync(
		topology.Scores(topology.PageRef{Account: w.account, Integration: i.ID})[:len("posture.scores.")] + ">")
	if err != nil {
		b.Fatal(err)
	}
	if err := stored.SetPendingLimits(-1, -1); err != nil {
		b.Fatal(err)
	}
	round := func() {
		w.tick(i)
		for range benchPages {
			if _, err := stored.NextMsg(10 * time.Second); err != nil {
				b.Fatal(err)
			}
		}
	}
	round()
	w.idle(i)
	b.ReportAllocs()
	for b.Loop() {
		round()
		w.idle(i)
	}
}

// BenchmarkBareLoop is the same calls by a loop that encodes, posts, reads and decodes and does nothing else.
func BenchmarkBareLoop(b *testing.B) {
	w := newFixture(b)
	url := benchAPI(b, w).URL
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: proto.DefaultConcurrency}}
	b.ReportAllocs()
	for b.Loop() {
		var next atomic.Int32
		var workers sync.WaitGroup
		for range proto.DefaultConcurrency {
			workers.Go(func() {
				for {
					page := int(next.Add(1)) - 1
					if page >= benchPages {
						return
					}
					devices := w.pages[topology.PageNumber(page)]
					resp, err := client.Post(url, "application/json", bytes.NewReader(scoring.AppendRequest(nil, devices)))
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := scoring.Decode(resp.Body, 8<<20, devices, nil); err != nil {
						b.Error(err)
					}
					resp.Body.Close()
				}
			})
		}
		workers.Wait()
	}
}
