package external

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/policy"
)

// question is one evaluation.
type question struct {
	*Ask
	policy.Evaluation
	identity json.RawMessage
}

// envelope is the body in both directions.
type envelope struct {
	Token string `json:"token"`
}

// ask runs an evaluation. It returns the answer and its expiry. The error is a *[failure].
func (e *Evaluator) ask(ctx context.Context, q *question) (verdict bool, until time.Time, err error) {
	for _, url := range []string{q.EvaluateURL, q.KeysURL} {
		if _, err := egress.ParseURL(url); err != nil {
			return false, time.Time{}, &failure{unreachable, err}
		}
	}
	at := e.endpoint(q.Evaluation)
	if !at.circuit.admits(e.clock.Now()) {
		return false, time.Time{}, failf(circuitOpen, "the endpoint keeps failing and is not called for a while")
	}
	leave, err := e.enter(ctx, at)
	if err != nil {
		at.circuit.passed()
		return false, time.Time{}, err
	}
	defer leave()
	nonce := rand.Text() // 26 characters, 130 bits
	token, err := e.signer.Statement(ctx,
		&proto.Statement{Kind: proto.StatementExternal, Account: q.Account, Application: q.Application,
			Hostname: q.Host, Audience: q.EvaluateURL, Identity: q.identity, Nonce: nonce})
	if err != nil {
		// This is not the endpoint's fault.
		at.circuit.passed()
		return false, time.Time{}, failf(unsigned, "the question could not be signed: %w", err)
	}
	body, err := json.Marshal(envelope{token})
	if err != nil {
		at.circuit.passed()
		return false, time.Time{}, failf(unsigned, "the question could not be written: %w", err)
	}
	text, err := e.web.post(ctx, q.EvaluateURL, body)
	if err == nil {
		verdict, until, err = e.read(ctx, q.KeysURL, nonce, text)
	}
	e.judge(at, q.EvaluateURL, err)
	return verdict, until, err
}

// judge reports the result to the endpoint's circuit.
func (e *Evaluator) judge(at *endpoint, url string, err error) {
	switch opened, closed := at.circuit.ended(e.clock.Now(), err == nil); {
	case opened:
		e.log.Warn("external evaluation keeps failing, pausing calls to its endpoint; its rules match no request until then",
			"evaluate_url", url, "error", err)
	case closed:
		e.log.Info("external evaluation recovered", "evaluate_url", url)
	}
}

// endpoint is the state of an evaluation's two URLs.
type endpoint struct {
	circuit circuit
	places  chan struct{}
}

func (e *Evaluator) endpoint(r policy.Evaluation) *endpoint {
	if at, ok := e.endpoints.Get(r); ok {
		return at
	}
	at := &endpoint{places: make(chan struct{}, e.cfg.AtEndpoint)}
	if known, there, _ := e.endpoints.PeekOrAdd(r, at); there {
		return known
	}
	return at
}

// enter waits for a slot at the endpoint, then for a global one, so that a slow endpoint does not occupy the slots of
// others.
func (e *Evaluator) enter(ctx context.Context, at *endpoint) (leave func(), err error) {
	for i, places := range []chan struct{}{at.places, e.places} {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-at.places
			}
			return nil, failf(busy, "too many concurrent evaluations: %w", context.Cause(ctx))
		}
	}
	return func() { <-e.places; <-at.places }, nil
}

// failure is the reason for a failed evaluation.
type failure struct {
	result string // for the metric
	cause  error
}

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// The results of failed evaluations.
const (
	circuitOpen = "circuit"
	busy        = "busy"
	unsigned    = "unsigned"
	unreachable = "unreachable"
	badAnswer   = "bad_answer"
	badKeys     = "bad_keys"
)

func failf(result, format string, args ...any) error {
	return &failure{result, fmt.Errorf(format, args...)}
}
