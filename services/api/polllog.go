package api

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// Bounds of an integration's polls: of one answer, and the entries whose headers are read for it, which is a
// second's work. Of a longer period the newest part is read.
const (
	pollsPerPage = 20
	maxPolls     = 500
	maxHeaders   = 200_000
)

// pastPoll is one poll of an integration: one tick, a call for each page. Pass, fail and unknown count results,
// of which a device has one for each check.
type pastPoll struct {
	Tick     uint64        `json:"tick"`
	BeganAt  stamp         `json:"began_at"` // when the first of its calls did
	EndedAt  stamp         `json:"ended_at"` // when the last of its entries was made
	TookMS   int64         `json:"took_ms"`
	Longest  int64         `json:"longest_call_ms"`
	Pages    int           `json:"pages"`
	Devices  int           `json:"devices"`
	Pass     int           `json:"pass"`
	Fail     int           `json:"fail"`
	Unknown  int           `json:"unknown"`
	Changed  int           `json:"changed"`
	Failed   int           `json:"failed_pages"`
	Failures []pollFailure `json:"failures"`
}

// pollFailure is why calls of a poll failed, and of how many pages.
type pollFailure struct {
	Error proto.Reason `json:"error"`
	Pages int          `json:"pages"`
}

func (p *pastPoll) add(s *proto.Summary) {
	began := s.PolledAt - proto.Millis(s.TookMillis)
	if p.BeganAt == 0 || began < proto.Millis(p.BeganAt) {
		p.BeganAt = stamp(began)
	}
	p.EndedAt = max(p.EndedAt, stamp(s.EvaluatedAt))
	p.TookMS = max(0, int64(p.EndedAt-p.BeganAt))
	p.Longest = max(p.Longest, s.TookMillis)
	p.Pages++
	p.Devices += s.Devices
	p.Pass += s.Pass
	p.Fail += s.Fail
	p.Unknown += s.Unknown
	p.Changed += s.Changed
	if s.Error == proto.ReasonNone {
		return
	}
	p.Failed++
	n := slices.IndexFunc(p.Failures, func(f pollFailure) bool { return f.Error == s.Error })
	if n < 0 {
		p.Failures = append(p.Failures, pollFailure{s.Error, 1})
		return
	}
	p.Failures[n].Pages++
}

// polls gives an integration's polls, the newest first: by default as many of the newest as fit on a page. A
// period may begin within a poll: the oldest one has then only a part of its pages.
func (s *Service) polls(ctx context.Context, c *call) (answer, error) {
	i, err := s.integration(ctx, c)
	if err != nil {
		return answer{}, err
	}
	v := c.URL.Query()
	limit, err := positive(v, "limit", pollsPerPage)
	if err != nil {
		return answer{}, err
	}
	limit = min(limit, maxPolls)
	since, until, err := s.pollPeriod(v, i, limit)
	if err != nil {
		return answer{}, err
	}
	done, err := s.scanning(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	t := &timeline{limit: limit, polls: map[uint64]*pastPoll{}}
	from, err := s.summaries(ctx, topology.LogOfIntegration(c.account, i.Value.ID), since, until, t.add)
	if err != nil {
		return answer{}, err
	}
	polls := t.newestFirst()
	a := answer{result: polls, info: whole(len(polls))}
	if from.After(since) {
		a.messages = []notice{{codePartOfPeriod, "there are more polls than are read at once: these begin at " +
			from.UTC().Format(time.RFC3339) + "; ask for a shorter period (since, until)"}}
	}
	return a, nil
}

// codePartOfPeriod is of a message, not of an error.
const codePartOfPeriod = 10206

// pollPeriod is since when, and until when. Without a beginning it is long enough for the limit.
func (s *Service) pollPeriod(v url.Values, i catalog.Record[proto.Integration], limit int) (since, until time.Time, err error) {
	if since, until, err = readPeriod(v); err != nil || !since.IsZero() {
		return since, until, err
	}
	end := until
	if end.IsZero() {
		end = s.clock.Now()
	}
	return end.Add(-time.Duration(limit+1) * max(i.Value.Interval, time.Minute)), until, nil
}

// timeline gathers the newest polls.
type timeline struct {
	limit int
	polls map[uint64]*pastPoll
}

func (t *timeline) add(s *proto.Summary) {
	if s.Cause != proto.CausePoll || s.Tick == 0 {
		return
	}
	p := t.polls[s.Tick]
	if p == nil {
		p = &pastPoll{Tick: s.Tick, Failures: []pollFailure{}}
		t.polls[s.Tick] = p
		if len(t.polls) > t.limit {
			oldest := s.Tick
			for tick := range t.polls {
				oldest = min(oldest, tick)
			}
			delete(t.polls, oldest)
		}
	}
	p.add(s)
}

func (t *timeline) newestFirst() []*pastPoll {
	all := make([]*pastPoll, 0, len(t.polls))
	for _, p := range t.polls {
		slices.SortFunc(p.Failures, func(a, b pollFailure) int { return cmp.Compare(b.Pages, a.Pages) })
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pastPoll) int { return cmp.Compare(b.Tick, a.Tick) })
	return all
}

// summaries reads the headers of the entries that were stored in a period, and says from when on: later than
// it should where the period holds more than [maxHeaders].
func (s *Service) summaries(ctx context.Context, subject string, since, until time.Time, visit func(*proto.Summary)) (time.Time, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := until
	if end.IsZero() {
		end = s.clock.Now()
	}
	for {
		consumer, err := s.conn.JetStream().OrderedConsumer(ctx, topology.PostureLog, jetstream.OrderedConsumerConfig{
			FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, HeadersOnly: true,
			InactiveThreshold: time.Minute,
		})
		if err != nil {
			return since, err
		}
		info, err := consumer.Info(ctx)
		if err != nil {
			return since, err
		}
		if n := info.NumPending; n > maxHeaders && end.Sub(since) > time.Second {
			s.forget(ctx, info.Name)
			since = end.Add(-time.Duration(float64(end.Sub(since)) * maxHeaders / float64(n) * 0.9))
			continue
		}
		defer s.forget(ctx, info.Name)
		return since, s.readSummaries(ctx, consumer, info.NumPending, until, visit)
	}
}

func (s *Service) readSummaries(ctx context.Context, consumer jetstream.Consumer, pending uint64, until time.Time, visit func(*proto.Summary)) error {
	if pending == 0 {
		return nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for range pending {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if !until.IsZero() && !meta.Timestamp.Before(until) {
			return nil
		}
		summary, err := proto.ParseSummary(m.Headers().Get(proto.HeaderSummary))
		if err != nil {
			s.log.Error("an entry's headers cannot be read", "subject", m.Subject(), "seq", meta.Sequence.Stream, "err", err)
			continue
		}
		visit(&summary)
		if meta.NumPending == 0 {
			return nil
		}
	}
	return nil
}

// forget removes a consumer that nobody comes back to, which the server would do by itself a minute later.
func (s *Service) forget(ctx context.Context, consumer string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.conn.JetStream().DeleteConsumer(ctx, topology.PostureLog, consumer); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		s.log.Debug("a consumer is left for the server to remove", "consumer", consumer, "err", err)
	}
}
