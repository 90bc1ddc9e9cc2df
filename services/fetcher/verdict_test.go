package fetcher

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/fetcher/scoring"
)

func TestStatuses(t *testing.T) {
	const api, auth, bad = proto.ReasonAPIError, proto.ReasonAuthFailed, proto.ReasonBadResponse
	for status, want := range map[int]problem{
		101: {reason: bad}, 201: {reason: bad}, 202: {reason: bad}, 204: {reason: bad}, 206: {reason: bad},
		300: {reason: auth, refused: true}, 301: {reason: auth, refused: true}, 302: {reason: auth, refused: true}, 307: {reason: auth, refused: true},
		400: {reason: api}, 401: {reason: auth, refused: true}, 403: {reason: auth, refused: true}, 404: {reason: api}, 405: {reason: api},
		408: {reason: api}, 413: {reason: api}, 429: {reason: api, retry: true},
		500: {reason: api, retry: true}, 502: {reason: api, retry: true}, 503: {reason: api, retry: true}, 599: {reason: api, retry: true}, 999: {reason: api, retry: true},
	} {
		got := judgeStatus(status, http.Header{}, time.Now())
		if got == nil {
			t.Fatalf("%d was taken for an answer", status)
		}
		if !strings.HasSuffix(got.sentence, ".") {
			t.Errorf("%d: %s", status, got.sentence)
		}
		if got.sentence = ""; *got != want {
			t.Errorf("%d: %+v, want %+v", status, *got, want)
		}
	}
	if p := judgeStatus(200, http.Header{}, time.Now()); p != nil {
		t.Error(p)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "7.5": 0, "soon": 0, "99999999999999999999": 0,
		"9223372036854775807":            365 * 24 * time.Hour,
		"Fri, 02 Jan 2026 03:04:35 GMT":  30 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT":  0,
		"Friday, 02-Jan-26 03:05:05 GMT": time.Minute,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestContentTypeIsNamedOnlyWhereItHelps(t *testing.T) {
	notJSON := &scoring.Failure{Fault: scoring.NotJSON, Sentence: "The answer is not JSON."}
	for contentType, want := range map[string]string{
		"text/html; charset=utf-8":              "The answer is not JSON. Its Content-Type is text/html.",
		"application/json":                      "The answer is not JSON.",
		"":                                      "The answer is not JSON.",
		"<script>":                              "The answer is not JSON.",
		"text/" + strings.Repeat("x", 100):      "The answer is not JSON.",
		"application/json; SECRET=\"a secret\"": "The answer is not JSON.",
	} {
		if p := judgeAnswer(notJSON, http.Header{"Content-Type": {contentType}}); p.sentence != want ||
			p.reason != proto.ReasonBadResponse || p.retry {
			t.Errorf("%q: %+v", contentType, p)
		}
	}
	broken := judgeAnswer(&scoring.ReadError{Err: errors.New("malformed chunk SECRET")}, http.Header{})
	if !broken.retry || broken.reason != proto.ReasonAPIError || strings.Contains(broken.sentence, "SECRET") {
		t.Errorf("%+v", broken)
	}
}
