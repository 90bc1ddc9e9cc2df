package scorer_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/test/scorer"
)

const device = `{"device_id":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","email":"","serial_number":"A","mac_address":"","virtual_ipv4":"","hostname":"büro"}`

// The end-to-end tests rely on the API to detect requests that violate the contract.
func TestTheAPINoticesWhatTheContractDoesNotAllow(t *testing.T) {
	for name, c := range map[string]struct {
		method, kind, body string
		status             int
		violations         int
	}{
		"a page":            {"POST", "application/json", `{"devices":[` + device + `]}`, 200, 0},
		"nobody":            {"POST", "application/json", `{"devices":[]}`, 200, 0},
		"a GET":             {"GET", "application/json", ``, 400, 1},
		"a form":            {"POST", "application/x-www-form-urlencoded", `{"devices":[]}`, 400, 1},
		"no devices":        {"POST", "application/json", `{}`, 400, 1},
		"more than devices": {"POST", "application/json", `{"devices":[],"page":1}`, 400, 1},
		"the same twice":    {"POST", "application/json", `{"devices":[` + device + `,` + device + `]}`, 400, 1},
		"a missing field":   {"POST", "application/json", `{"devices":[` + strings.Replace(device, `"email":"",`, "", 1) + `]}`, 400, 1},
		"null":              {"POST", "application/json", `{"devices":[` + strings.Replace(device, `"email":""`, `"email":null`, 1) + `]}`, 400, 1},
		"an extra field":    {"POST", "application/json", `{"devices":[` + strings.Replace(device, `{`, `{"score":1,`, 1) + `]}`, 400, 1},
		"no UUID":           {"POST", "application/json", `{"devices":[` + strings.Replace(device, `6ba7b810`, `x`, 1) + `]}`, 400, 1},
		"1001 devices":      {"POST", "application/json", `{"devices":[{}` + strings.Repeat(`,{}`, 1000) + `]}`, 400, 1},
	} {
		t.Run(name, func(t *testing.T) {
			api := &scorer.API{ClientID: "id", ClientSecret: "secret"}
			r := httptest.NewRequest(c.method, "/score", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			r.Header.Set("CF-Access-Client-Id", "id")
			r.Header.Set("CF-Access-Client-Secret", "secret")
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if w.Code != c.status || len(api.Violations()) != c.violations {
				t.Errorf("status %d, violations %v", w.Code, api.Violations())
			}
		})
	}
}

func TestTheAPILetsNobodyElseIn(t *testing.T) {
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	defer keys.Close()
	for name, api := range map[string]*scorer.API{
		"by secret": {ClientID: "id", ClientSecret: "secret"},
		"by token":  {Tokens: &scorer.Tokens{Certs: keys.URL, Issuer: "http://team", AUD: "aud"}},
	} {
		r := httptest.NewRequest("POST", "/score", strings.NewReader(`{"devices":[]}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("CF-Access-Client-Id", "id")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
}
