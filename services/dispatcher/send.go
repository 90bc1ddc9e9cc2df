package dispatcher

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"plumbline.dev/services/dispatcher/event"
	"plumbline.dev/services/dispatcher/retry"
	"plumbline.dev/services/dispatcher/standardwebhook"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
)

// sender makes attempts.
type sender struct {
	client  *http.Client
	clock   clock.Clock
	timeout time.Duration
}

// attempt is the result of an attempt.
type attempt struct {
	response retry.Response
	took     time.Duration
	// problem is a sentence for people; empty if the receiver accepted the message. It has no part of the response.
	problem string
}

// Bounds of reading a response's body. It is read only to use the connection again.
const (
	maxDrained = 16 << 10 // bytes
	drainTime  = time.Second
)

// send makes one attempt. The status alone decides: the body of the response is not needed.
func (s *sender) send(ctx context.Context, t *target, e event.Event) attempt {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	request, problem := s.request(ctx, t, e)
	if problem != "" {
		return attempt{problem: problem}
	}
	response, err := s.client.Do(request)
	if err != nil {
		explained := egress.Explain(err)
		return attempt{response: retry.Response{Lasting: explained.Lasting()}, took: time.Since(start),
			problem: explained.Sentence}
	}
	a := attempt{response: retry.Response{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After")},
		took: time.Since(start)}
	switch {
	case a.response.Status >= 300 && a.response.Status < 400:
		a.problem = fmt.Sprintf("The receiver answered %d: redirects are not followed.", a.response.Status)
	case a.response.Status < 200 || a.response.Status >= 300:
		a.problem = fmt.Sprintf("The receiver answered %d %s.", a.response.Status, http.StatusText(a.response.Status))
	}
	timer := time.AfterFunc(drainTime, cancel) // for a body that never ends
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, response.Body, maxDrained)
	response.Body.Close()
	return a
}

// request returns the request of an attempt, or a sentence about why there is none.
func (s *sender) request(ctx context.Context, t *target, e event.Event) (*http.Request, string) {
	body := e.Body
	if t.template != nil {
		var err error
		if body, err = t.template.Render(e.Body); err != nil {
			return nil, fmt.Sprintf("The message could not be made for event %s: %v.", e.Type, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, egress.Explain(err).Sentence
	}
	request.Header.Set("Content-Type", "application/json")
	if t.lines != nil {
		request.Header.Set("Content-Type", "application/x-ndjson")
		request.Header.Set("Content-Encoding", "gzip")
	}
	request.Header.Set("User-Agent", "Plumbline")
	for name, values := range t.headers {
		request.Header[name] = values
	}
	if len(t.secrets) == 0 {
		return request, ""
	}
	now := s.clock.Now()
	if err := standardwebhook.Sign(request.Header, e.ID, now, body, t.signers(now)...); err != nil {
		return nil, "The message could not be signed: " + err.Error() + "."
	}
	return request, ""
}
