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

// Evaluator runs external evaluations. It is safe for concurrent use.
type Evaluator struct {
	cfg     Config
	signer  Signer
	web     *web
	clock   clock.Clock
	log     *slog.Logger
	metrics *metrics

	places    chan struct{} // one slot for each running evaluation
	endpoints *lru.Cache[policy.Evaluation, *endpoint]
	keys      *keysets
	kept      *lru.Cache[cacheKey, result]
	flights   singleflight.Group
}

// cacheKey is a digest of a rule and everything sent to its endpoint.
type cacheKey [sha256.Size]byte

// result is a cached result. Failures are cached briefly too, so that each click does not wait for the same dead
// endpoint.
type result struct {
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

// New returns an evaluator. It starts nothing.
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
	answers, err := lru.New[cacheKey, result](maxAnswers)
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

// Evaluate runs the evaluations of a list of policies concurrently, for the person behind a request. Failed
// evaluations are missing from the result. It returns within [Config.Timeout] or when ctx ends, and at once if all
// answers are cached.
func (e *Evaluator) Evaluate(ctx context.Context, a *Ask, rules []policy.Evaluation) map[policy.Evaluation]bool {
	if len(rules) == 0 || a.Session == nil {
		return nil
	}
	identity, err := a.identity()
	if err != nil {
		e.log.Warn("external evaluation skipped", "error", err)
		return nil
	}
	verdicts := make(map[policy.Evaluation]bool, len(rules))
	var waiting []pending
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
			if k := f.Val.(result); !k.failed {
				verdicts[w.rule] = k.verdict
			}
		case <-ctx.Done():
			return verdicts
		}
	}
	return verdicts
}

type pending struct {
	rule   policy.Evaluation
	flight <-chan singleflight.Result
}

// keyOf covers everything that could change an answer.
func keyOf(a *Ask, r policy.Evaluation, identity []byte) cacheKey {
	h := sha256.New()
	for _, part := range []string{r.EvaluateURL, r.KeysURL, a.Session.Nonce} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	h.Write(identity)
	return cacheKey(h.Sum(nil))
}

// begin starts an evaluation; concurrent equal ones share one call.
func (e *Evaluator) begin(ctx context.Context, key cacheKey, q *question) pending {
	return pending{q.Evaluation, e.flights.DoChan(string(key[:]), func() (any, error) {
		// The first caller may leave while the others still wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Timeout)
		defer cancel()
		k := e.settle(ctx, q)
		e.kept.Add(key, k)
		return k, nil
	})}
}

// settle runs the evaluation and returns the result to cache.
func (e *Evaluator) settle(ctx context.Context, q *question) result {
	start := e.clock.Now()
	verdict, until, err := e.ask(ctx, q)
	now := e.clock.Now()
	if err != nil {
		e.metrics.asked(resultOf(err))
		e.log.Debug("external evaluation failed", "evaluate_url", q.EvaluateURL, "application", q.Application, "error", err)
		return result{failed: true, until: now.Add(keepFailureFor)}
	}
	e.metrics.seconds.Observe(now.Sub(start).Seconds())
	e.metrics.asked(map[bool]string{true: "yes", false: "no"}[verdict])
	if most := now.Add(keepAnswerFor); until.After(most) {
		until = most
	}
	return result{verdict: verdict, until: until}
}
