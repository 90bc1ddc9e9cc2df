package retry_test

import (
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/services/dispatcher/retry"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestDelays(t *testing.T) {
	want := []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	if retry.MaxAttempts != len(want) {
		t.Fatalf("%d attempts", retry.MaxAttempts)
	}
	for attempts, d := range want {
		if got := retry.Delay(attempts, 0.5); got != d {
			t.Errorf("after %d attempts %v, want %v", attempts, got, d)
		}
		if got := retry.Delay(attempts, 0); got != d-d/10 {
			t.Errorf("the shortest delay after %d attempts is %v", attempts, got)
		}
	}
}

func TestDecide(t *testing.T) {
	date := now.Add(time.Hour).Format(http.TimeFormat)
	for name, c := range map[string]struct {
		response retry.Response
		attempts int
		verdict  retry.Verdict
		delay    time.Duration
	}{
		"200":                       {retry.Response{Status: 200}, 1, retry.Delivered, 0},
		"299":                       {retry.Response{Status: 299}, 9, retry.Delivered, 0},
		"204 at the last attempt":   {retry.Response{Status: 204}, 10, retry.Delivered, 0},
		"1xx":                       {retry.Response{Status: 101}, 1, retry.Again, 5 * time.Second},
		"301":                       {retry.Response{Status: 301}, 1, retry.Again, 5 * time.Second},
		"307":                       {retry.Response{Status: 307}, 2, retry.Again, 5 * time.Minute},
		"400":                       {retry.Response{Status: 400}, 3, retry.Again, 30 * time.Minute},
		"410":                       {retry.Response{Status: 410}, 1, retry.Disable, 0},
		"500":                       {retry.Response{Status: 500}, 9, retry.Again, 24 * time.Hour},
		"500 at the last attempt":   {retry.Response{Status: 500}, 10, retry.Disable, 0},
		"no response":               {retry.Response{}, 1, retry.Again, 5 * time.Second},
		"a denied address":          {retry.Response{Lasting: true}, 4, retry.Again, 2 * time.Hour},
		"seconds to wait":           {retry.Response{Status: 429, RetryAfter: "120"}, 1, retry.Again, 2 * time.Minute},
		"a time to wait for":        {retry.Response{Status: 503, RetryAfter: date}, 1, retry.Again, time.Hour},
		"less to wait than planned": {retry.Response{Status: 503, RetryAfter: "1"}, 1, retry.Again, 5 * time.Second},
		"more to wait than a day":   {retry.Response{Status: 503, RetryAfter: "9999999999"}, 1, retry.Again, 24 * time.Hour},
	} {
		d := retry.Decide(c.response, c.attempts, now, 0.5)
		if d.Verdict != c.verdict || d.Delay != c.delay || (d.Reason != "") != (d.Verdict == retry.Disable) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "-1": 0, "x": 0, "1.5": 0, "7": 7 * time.Second,
		"99999999999999999999999": 0, "18446744073709551615": retry.MaxDelay,
		now.Add(-time.Hour).Format(http.TimeFormat): 0, now.AddDate(1, 0, 0).Format(http.TimeFormat): retry.MaxDelay} {
		if got := retry.After(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestEveryMessageEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var waited time.Duration
		for attempts := 1; ; attempts++ {
			r := retry.Response{Status: rapid.IntRange(300, 599).Draw(t, "status"),
				RetryAfter: rapid.SampledFrom([]string{"", "5", "x", "999999"}).Draw(t, "header")}
			d := retry.Decide(r, attempts, now, rapid.Float64Range(0, 0.999).Draw(t, "random"))
			if d.Verdict == retry.Delivered || d.Delay < 0 || d.Delay > retry.MaxDelay {
				t.Fatalf("%+v after %d attempts", d, attempts)
			}
			if waited += d.Delay; d.Verdict == retry.Disable {
				break
			}
			if d.Delay == 0 || attempts >= retry.MaxAttempts {
				t.Fatalf("attempt %d follows at once, or too late", attempts+1)
			}
		}
		if waited > time.Duration(retry.MaxAttempts)*retry.MaxDelay {
			t.Fatalf("%v in all", waited)
		}
	})
}
