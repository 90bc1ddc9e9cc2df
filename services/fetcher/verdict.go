package fetcher

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/fetcher/scoring"
	"plumbline.dev/services/internal/egress"
)

// problem is the reason an attempt failed, with the possible remedy.
type problem struct {
	reason   proto.Reason
	sentence string
	// retry: the same again, later, may succeed. after is the pause requested by the API.
	retry bool
	after time.Duration
	// refused is set if the API rejected the credentials; another application token may help.
	refused bool
}

func (p *problem) Error() string { return p.sentence }

// judgeStatus evaluates a response by its status: nil if its content is to be read.
func judgeStatus(status int, header http.Header, now time.Time) *problem {
	name := fmt.Sprintf("%d", status)
	if text := http.StatusText(status); text != "" {
		name += " " + text
	}
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &problem{reason: proto.ReasonAuthFailed, refused: true, sentence: "The API answered " + name + "."}
	case status >= 300 && status < 400:
		return &problem{reason: proto.ReasonAuthFailed, refused: true,
			sentence: "The API answered " + name + ", a redirect, perhaps to a login; redirects are not followed."}
	case status == http.StatusTooManyRequests || status >= 500:
		p := &problem{reason: proto.ReasonAPIError, retry: true, after: retryAfter(header, now),
			sentence: "The API answered " + name + "."}
		if p.after > 0 {
			p.sentence = fmt.Sprintf("The API answered %s and asked to be left alone for %v.", name, p.after.Round(time.Second))
		}
		return p
	case status >= 400:
		return &problem{reason: proto.ReasonAPIError, sentence: "The API answered " + name + "."}
	}
	return &problem{reason: proto.ReasonBadResponse, sentence: "The API answered " + name + " where 200 OK was expected."}
}

// retryAfter returns the value of a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3); 0 without a usable
// one.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(365*24*time.Hour/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// judgeCall evaluates a request without a response, or with a broken one.
func judgeCall(err error) *problem {
	e := egress.Explain(err)
	p := &problem{reason: proto.ReasonAPIError, retry: !e.Lasting(), sentence: e.Sentence}
	if e.Kind == egress.Timeout {
		p.reason = proto.ReasonTimeout
	}
	return p
}

// judgeAnswer evaluates content that was not understood.
func judgeAnswer(err error, header http.Header) *problem {
	var read *scoring.ReadError
	if errors.As(err, &read) {
		return judgeCall(read.Err)
	}
	var f *scoring.Failure
	if !errors.As(err, &f) {
		return &problem{reason: proto.ReasonBadResponse, sentence: "The answer could not be read."}
	}
	p := &problem{reason: proto.ReasonBadResponse, sentence: f.Sentence}
	if f.Fault == scoring.NotJSON || f.Fault == scoring.TrailingData {
		if media, _, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil && len(media) < 60 &&
			media != "application/json" {
			p.sentence += " Its Content-Type is " + media + "."
		}
	}
	return p
}
