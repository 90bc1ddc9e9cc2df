// Package retry decides what follows an attempt to deliver: success, another attempt after a delay, or the end.
//
// All functions are pure.
package retry

import (
	"net/http"
	"strconv"
	"time"
)

// Timeout bounds one attempt.
const Timeout = 15 * time.Second

// MaxDelay bounds every delay, including that of a Retry-After.
const MaxDelay = 24 * time.Hour

// delays are the delays before each attempt.
var delays = []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// MaxAttempts is the number of attempts for one message.
var MaxAttempts = len(delays)

// jitter is the largest share by which a delay is longer or shorter.
const jitter = 0.1

// Verdict is what follows an attempt.
type Verdict int

// The verdicts.
const (
	Delivered Verdict = iota // the receiver accepted the message
	Again                    // the message is sent again after a delay
	Disable                  // the destination is disabled
)

// Response is the result of an attempt. The zero value stands for an attempt without a response.
type Response struct {
	Status     int    // 0: no response
	RetryAfter string // the header
	// Lasting is set if the attempt failed without a response for a reason that time does not change, such as a denied
	// address. The message is still sent again: the destination may be edited, or its name may get another address.
	Lasting bool
}

// Decision is a verdict and its reason.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration // before the next attempt; 0 unless Again
	// Reason completes the sentence "The destination was disabled because ..."; empty unless Disable.
	Reason string
}

// Decide returns what follows an attempt. attempts counts those made for the message, including this one. random is
// from 0 (inclusive) to 1 (exclusive).
func Decide(r Response, attempts int, now time.Time, random float64) Decision {
	switch {
	case r.Status >= 200 && r.Status < 300:
		return Decision{Verdict: Delivered}
	case r.Status == http.StatusGone:
		return Decision{Verdict: Disable, Reason: "the receiver answered 410 Gone"}
	case attempts >= MaxAttempts:
		return Decision{Verdict: Disable, Reason: "a message failed " + strconv.Itoa(attempts) + " times"}
	}
	return Decision{Verdict: Again, Delay: max(Delay(attempts, random), After(r.RetryAfter, now))}
}

// Delay returns the delay after a number of attempts, with jitter. It is at most [MaxDelay].
func Delay(attempts int, random float64) time.Duration {
	d := float64(delays[min(max(attempts, 0), len(delays)-1)])
	return min(time.Duration(d*(1+jitter*(2*random-1))), MaxDelay)
}

// After parses a Retry-After header: a number of seconds, or a time. The result is from 0 to [MaxDelay], and 0 if the
// header cannot be read.
func After(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(MaxDelay/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), MaxDelay)
	}
	return 0
}
