package docs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// pollOnce enrols the fleet and polls an API; one device of two passes.
func (f *fixture) pollOnce(t *testing.T) {
	t.Helper()
	scores := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(scores.Close)
	f.with("SCORES", scores.URL, "HOST", strings.TrimPrefix(scores.URL, "http://"))
	f.write(t, "fleet.csv", fleet)
	f.run(t, "poll", `
./plumb devices import fleet.csv
./plumb token create --name fetchers --secret-file fetchers.secret
CLIENT_ID=$(./plumb token show fetchers -o json | sed -n 's/.*"client_id": *"\([^"]*\)".*/\1/p')
./plumb app create --name scores --domain HOST --allow fetchers
./plumb integration create --name EDR --api-url SCORES/ --client-id "$CLIENT_ID" --client-secret-file fetchers.secret
./plumb check create --name healthy --integration EDR --operator '>=' --score 60
./plumb poll EDR
`)
}
