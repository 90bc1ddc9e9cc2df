package breaker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/breaker"
	"plumbline.dev/services/api/v4"
)

func read(text string) (*proto.BreakerSettings, error) {
	return breaker.Read(v4.Object{breaker.Member: json.RawMessage(text)})
}

func TestRead(t *testing.T) {
	for text, want := range map[string]proto.BreakerSettings{
		`{}`: {},
		`{"enabled":null,"share":null,"floor":null,"window":null,"max_hold":null}`: {},
		`{"enabled":true}`:    {Off: new(false)},
		`{"enabled":false}`:   {Off: new(true)},
		`{"share":0}`:         {Share: new(0.0)},
		`{"share":1}`:         {Share: new(1.0)},
		`{"floor":0}`:         {Floor: new(0)},
		`{"window":"1d"}`:     {Window: 24 * time.Hour},
		`{"max_hold":"1m"}`:   {MaxHold: time.Minute},
		`{"max_hold":"168h"}`: {MaxHold: 7 * 24 * time.Hour},
	} {
		got, err := read(text)
		if diff := cmp.Diff(&want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", text, err, diff)
		}
	}
	for _, none := range []string{"null", ""} {
		if got, err := read(none); got != nil || err != nil {
			t.Errorf("%q: %v, %v", none, got, err)
		}
	}
}

func TestErrorsNameTheSetting(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                  "x_breaker must be an object",
		`true`:                "x_breaker must be an object",
		`{"shares":0.1}`:      "x_breaker.shares is unknown: the settings are enabled, floor, max_hold, share, window",
		`{"enabled":"on"}`:    "x_breaker.enabled must be true or false",
		`{"share":"0.1"}`:     "x_breaker.share must be a number from 0 to 1",
		`{"share":1.01}`:      "x_breaker.share must be between 0 and 1, got 1.01",
		`{"share":-0.01}`:     "x_breaker.share must be between 0 and 1",
		`{"floor":-1}`:        "x_breaker.floor must be a whole number from 0 to 1000",
		`{"floor":1.5}`:       "x_breaker.floor must be a whole number",
		`{"window":"0s"}`:     "x_breaker.window must be a duration from 1m to 7d",
		`{"window":"59s"}`:    "x_breaker.window must be",
		`{"window":60}`:       "x_breaker.window must be",
		`{"max_hold":"8d"}`:   "x_breaker.max_hold must be a duration from 1m to 7d",
		`{"max_hold":"-1h"}`:  "x_breaker.max_hold must be",
		`{"max_hold":"soon"}`: "x_breaker.max_hold must be",
	} {
		if got, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", text, got, err, want)
		}
	}
}
