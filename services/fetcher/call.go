package fetcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v4"
	"plumbline.dev/proto"
	"plumbline.dev/services/fetcher/scoring"
	"plumbline.dev/services/internal/clock"
)

// caller makes calls to scoring APIs (api/README.md 5.5).
type caller struct {
	client  *http.Client
	clock   clock.Clock
	cfg     Config
	tokens  *tokens
	metrics *metrics
	pauses  pauses
}

// call is one call about a page: as many attempts as it takes, within a bound.
type call struct {
	*caller
	at *target
	// of is the polled integration; the zero value is a probe, and no pause delays a probe.
	of    ref
	body  *payload
	asked []proto.Device
	// into is overwritten with the response's observations.
	into []proto.Observation
	// record is nil, or records the last attempt. fresh is nil, or the client in place of the caller's.
	record   *recorder
	fresh    *http.Client
	attempts int
	status   int
	answer   scoring.Answer
}

// maxDrained is the limit for reading a useless response, in bytes.
const maxDrained = 16 << 10

// errAbandoned is a call ended because the caller was stopped: its result is unknown.
var errAbandoned = errors.New("the call was given up: the fetcher stops, or the integration was changed or removed")

// make makes the call, with at most retries further attempts (negative: any number) and within a time in
// all. The error is [errAbandoned]; everything else is in the poll.
func (c *call) make(ctx context.Context, within time.Duration, retries int) (proto.Poll, error) {
	start := c.clock.Now()
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	wait := &patience{clock: c.clock, until: start.Add(within), retries: retries,
		BackOff: backoff.NewExponentialBackOff(backoff.WithInitialInterval(c.cfg.retryWait), backoff.WithMultiplier(2),
			backoff.WithMaxInterval(maxWait), backoff.WithMaxElapsedTime(0), backoff.WithClockProvider(c.clock))}
	var last *problem
	_ = backoff.RetryNotifyWithTimer(func() error {
		before := last
		if last = c.attemptWithFreshToken(bounded); last == nil {
			return nil
		}
		if before != nil && bounded.Err() != nil {
			// The end of the call's time cut this attempt short; the previous one says more.
			last = before
		}
		if !last.retry {
			return backoff.Permanent(last)
		}
		wait.asked = last.after
		return last
	}, backoff.WithContext(wait, bounded), nil, &timer{clock: c.clock})
	if ctx.Err() != nil {
		return proto.Poll{}, errAbandoned
	}
	poll := proto.Poll{Attempts: c.attempts, Status: c.status, Took: max(0, c.clock.Now().Sub(start))}
	if last == nil {
		poll.Unknown = c.answer.Unknown
		return poll, nil
	}
	poll.Error, poll.Detail = last.reason, last.sentence
	if c.attempts > 1 {
		poll.Detail += fmt.Sprintf(" It was tried %d times.", c.attempts)
	}
	return poll, nil
}

// attemptWithFreshToken makes an attempt. If the API rejects an application token, it makes another one with a new
// token.
func (c *call) attemptWithFreshToken(ctx context.Context) *problem {
	token, p := c.attempt(ctx)
	if p != nil && p.refused && c.at.uncovered != "" {
		p.sentence += " " + c.at.uncovered
	}
	if p == nil || !p.refused || token == "" {
		return p
	}
	c.tokens.refused(c.at, token)
	if _, again := c.attempt(ctx); again == nil || !again.refused {
		return again
	}
	p.sentence += " A fresh application token made no difference."
	return p
}

// attempt makes one request and reads its response. token is the application token in the request.
func (c *call) attempt(ctx context.Context) (token string, p *problem) {
	if c.of != (ref{}) {
		if p, status := c.pauses.problem(c.of, c.at, c.clock.Now()); p != nil {
			c.status = status
			c.metrics.withheld.Inc()
			return "", p
		}
	}
	if c.at.app != nil {
		if token, p = c.tokens.get(ctx, c.at); p != nil {
			c.record.noToken(c.at, p)
			return "", p
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.AttemptTimeout)
	defer cancel()
	c.attempts++
	resp, err := cmp.Or(c.fresh, c.client).Do(c.record.begin(c.request(ctx, token), c.at, token, c.body.data))
	if err != nil {
		c.record.failed(err)
		c.metrics.requests.WithLabelValues("none").Inc()
		return token, judgeCall(err)
	}
	defer resp.Body.Close()
	body := c.record.answered(resp)
	defer func() { c.record.ended(resp, p) }()
	c.status = resp.StatusCode
	c.metrics.requests.WithLabelValues(strconv.Itoa(resp.StatusCode/100) + "xx").Inc()
	if p := judgeStatus(resp.StatusCode, resp.Header, c.clock.Now()); p != nil {
		if p.after > 0 && c.of != (ref{}) {
			c.pauses.begin(c.of, c.at, resp.StatusCode, c.clock.Now(), p.after)
		}
		if 0 <= resp.ContentLength && resp.ContentLength <= maxDrained && c.record == nil {
			// A short rest is read, to use the connection again.
			_, _ = io.CopyN(io.Discard, resp.Body, resp.ContentLength+1)
		}
		return token, p
	}
	c.answer, err = scoring.Decode(body, c.cfg.MaxAnswer, c.asked, c.into)
	if err != nil {
		return token, judgeAnswer(err, resp.Header)
	}
	return token, nil
}

func (c *call) request(ctx context.Context, token string) *http.Request {
	h := make(http.Header, 6)
	h["Content-Type"] = jsonType
	h["Accept"] = jsonType
	h["User-Agent"] = userAgent
	if token != "" {
		h["Cf-Access-Jwt-Assertion"] = []string{token}
	} else {
		h["Cf-Access-Client-Id"] = []string{c.at.clientID}
		h["Cf-Access-Client-Secret"] = []string{c.at.secret}
	}
	r := &http.Request{
		Method: http.MethodPost, URL: c.at.url, Host: c.at.url.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Body: c.body.reader(), ContentLength: int64(len(c.body.data)),
		GetBody: func() (io.ReadCloser, error) { return c.body.reader(), nil },
	}
	return r.WithContext(ctx)
}

var (
	jsonType  = []string{"application/json"}
	userAgent = []string{"Plumbline"}
)

// patience decides how long to wait before the next attempt, if there may be one.
type patience struct {
	backoff.BackOff
	clock   clock.Clock
	until   time.Time
	retries int           // retries left; negative means no limit
	asked   time.Duration // by the API
}

func (p *patience) NextBackOff() time.Duration {
	wait := max(p.BackOff.NextBackOff(), p.asked)
	p.asked = 0
	if p.retries == 0 || !p.clock.Now().Add(wait).Before(p.until) {
		return backoff.Stop
	}
	p.retries--
	return wait
}

// timer is a [backoff.Timer] by the service's clock.
type timer struct {
	clock clock.Clock
	c     <-chan time.Time
}

func (t *timer) Start(d time.Duration) { t.c = t.clock.After(d) }
func (t *timer) Stop()                 {}
func (t *timer) C() <-chan time.Time   { return t.c }
