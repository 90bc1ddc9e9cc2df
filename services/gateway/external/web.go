package external

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"plumbline.dev/services/internal/egress"
)

// maxBody bounds a response, in bytes.
const maxBody = 64 << 10

// web makes the calls, to URLs checked by package egress. Its errors are *[failure]s and contain no part of a URL's
// query or of a response.
type web struct{ client *http.Client }

func (w *web) post(ctx context.Context, url string, body []byte) ([]byte, error) {
	return w.do(ctx, http.MethodPost, url, body)
}

func (w *web) get(ctx context.Context, url string) ([]byte, error) {
	return w.do(ctx, http.MethodGet, url, nil)
}

func (w *web) do(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{unreachable, fmt.Errorf("the URL cannot be called: %w", err)}
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "plumbline")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return nil, &failure{unreachable, egress.Explain(err)}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	switch {
	case answer.StatusCode != http.StatusOK:
		return nil, failf(unreachable, "%s answered with status %d", r.URL.Host, answer.StatusCode)
	case err != nil:
		return nil, &failure{unreachable, egress.Explain(err)}
	case len(text) > maxBody:
		return nil, failf(badAnswer, "%s answered with more than %d bytes", r.URL.Host, maxBody)
	}
	return text, nil
}
