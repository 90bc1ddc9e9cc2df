package external

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/policy"
)

// Evaluator asks external evaluations. It is safe for concurrent use.
type Evaluator struct {
	cfg     Config
	signer  Signer
	web     *web
	clock   clock.Clock
	log     *slog.Logger
	metrics *metrics

	places    chan struct{} // one for each evaluation that runs
	endpoints *lru.Cache[policy.Evaluation, *endpoint]
	keys      *keysets
	kept      *lru.Cache[cacheKey, kept]
	flights   singleflight.Group
}

// cacheKey is a rule and everything that its endpoint is told, as a digest.
type cacheKey [sha256.Size]byte

// kept is what came of an evaluation. A failure is kept too, for a moment, so that each click of a person
// does not wait for the same dead endpoint.
type kept struct {
	verdict bool
	failed  bool
	until   time.Time
}

const (
	maxEndpoints   = 1024
	maxAnswers     = 1 << 16     // in the cache
	keepAnswerFor  = time.Minute // at most; an answer that expires sooner is kept until then
	keepFailureFor = 2 * time.Second
)

// New makes an evaluator. It starts nothing.
func New(cfg Config, deps Deps) (*Evaluator, error) {
	cfg = cfg.withDefaults()
	if err := deps.check(); err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	endpoints, err := lru.New[policy.Evaluation, *endpoint](maxEndpoints)
	if err != nil {
		return nil, fmt.Errorf("external evaluations: %w", err)
	}
	answers, err := lru.New[cacheKey, kept](maxAnswers)
	if err != nil {
		return nil, fmt.Errorf("external evaluations: %w", err)
	}
	w := &web{deps.Client}
	keys, err := newKeysets(w, deps.Clock)
	if err != nil {
		return nil, err
	}
	return &Evaluator{cfg: cfg, signer: deps.Signer, web: w, clock: deps.Clock, log: deps.Log, metrics: m,
		places: make(chan struct{}, cfg.InFlight), endpoints: endpoints, keys: keys, kept: answers}, nil
}

// Evaluate makes the evaluations that a list of policies needs, all at the same time, about the person who
// makes a request. One that is not in what it gives could not be made; nothing is known of it. It takes no
// longer than [Config.Timeout], or than ctx lasts; where all answers are kept, no time at all.
func (e *Evaluator) Evaluate(ctx context.Context, a *Ask, rules []policy.Evaluation) map[policy.Evaluation]bool {
	if len(rules) == 0 || a.Session == nil {
		return nil
	}
	identity, err := a.identity()
	if err != nil {
		e.log.Warn("an external evaluation was not asked", "error", err)
		return nil
	}
	verdicts := make(map[policy.Evaluation]bool, len(rules))
	var waiting []waiting
	now := e.clock.Now()
	for _, r := range rules {
		key := keyOf(a, r, identity)
		if k, ok := e.kept.Get(key); ok && now.Before(k.until) {
			if !k.failed {
				verdicts[r] = k.verdict
			}
			continue
		}
		waiting = append(waiting, e.begin(ctx, key, &question{Ask: a, Evaluation: r, identity: identity}))
	}
	for _, w := range waiting {
		select {
		case f := <-w.flight:
			if k := f.Val.(kept); !k.failed {
				verdicts[w.rule] = k.verdict
			}
		case <-ctx.Done():
			return verdicts
		}
	}
	return verdicts
}

type waiting struct {
	rule   policy.Evaluation
	flight <-chan singleflight.Result
}

// keyOf tells apart all that could make an answer another one.
func keyOf(a *Ask, r policy.Evaluation, identity []byte) cacheKey {
	h := sha256.New()
	for _, part := range []string{r.EvaluateURL, r.KeysURL, a.Session.Nonce} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	h.Write(identity)
	return cacheKey(h.Sum(nil))
}

// begin asks once however many want to know the same.
func (e *Evaluator) begin(ctx context.Context, key cacheKey, q *question) waiting {
	return waiting{q.Evaluation, e.flights.DoChan(string(key[:]), func() (any, error) {
		// Whoever came first may leave; the others still wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Timeout)
		defer cancel()
		k := e.settle(ctx, q)
		e.kept.Add(key, k)
		return k, nil
	})}
}

// settle asks, and says what to keep of it.
func (e *Evaluator) settle(ctx context.Context, q *question) kept {
	start := e.clock.Now()
	verdict, until, err := e.ask(ctx, q)
	now := e.clock.Now()
	if err != nil {
		e.metrics.asked(resultOf(err))
		e.log.Debug("an external evaluation failed", "evaluate_url", q.EvaluateURL, "application", q.Application, "error", err)
		return kept{failed: true, until: now.Add(keepFailureFor)}
	}
	e.metrics.seconds.Observe(now.Sub(start).Seconds())
	e.metrics.asked(map[bool]string{true: "yes", false: "no"}[verdict])
	if most := now.Add(keepAnswerFor); until.After(most) {
		until = most
	}
	return kept{verdict: verdict, until: until}
}
