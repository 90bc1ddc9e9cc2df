package fetcher

import (
	"net/url"
	"testing"
	"time"

	"plumbline.dev/proto"
)

func TestPauses(t *testing.T) {
	of, other := ref{proto.Account{1}, proto.ID{1}}, ref{proto.Account{1}, proto.ID{2}}
	at := &target{url: &url.URL{Scheme: "https", Host: "api.test"}, clientID: "id", secret: "secret"}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		after, later time.Duration
		of           ref
		at           target
		want         time.Duration // that is left; 0: it may be asked
	}{
		"at once":           {time.Hour, 0, of, *at, time.Hour},
		"later":             {time.Hour, 59 * time.Minute, of, *at, time.Minute},
		"at its end":        {time.Hour, time.Hour, of, *at, 0},
		"a year is bounded": {365 * 24 * time.Hour, 0, of, *at, maxPause},
		"another one":       {time.Hour, 0, other, *at, 0},
		"another URL":       {time.Hour, 0, of, target{url: &url.URL{Scheme: "https", Host: "b.test"}, clientID: "id", secret: "secret"}, 0},
		"another id":        {time.Hour, 0, of, target{url: at.url, clientID: "b", secret: "secret"}, 0},
		"another secret":    {time.Hour, 0, of, target{url: at.url, clientID: "id", secret: "b"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var p pauses
			p.begin(of, at, 429, now, c.after)
			p.begin(of, at, 503, now, c.after/2) // a shorter one ends nothing
			got, status := p.problem(c.of, &c.at, now.Add(c.later))
			if (got == nil) != (c.want == 0) || (got != nil && (got.after != c.want || status != 429 || !got.retry)) {
				t.Errorf("%+v, status %d; want %v", got, status, c.want)
			}
		})
	}
}
