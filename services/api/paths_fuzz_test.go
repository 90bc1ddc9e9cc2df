package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/openapi"
)

// FuzzPaths sends methods and paths that no route has.
func FuzzPaths(fuzz *testing.F) {
	f := apitest.Start(fuzz)
	for _, p := range []string{"/", "", "/client/v4", "/client/v4/accounts//tokens", "/client/v4/accounts/" +
		f.Account.String() + "/x", "/client/v4/zones/a/access/apps",
		"//client/v4/user/tokens/verify", "/client/v4/accounts/{account}/access/apps/%2e%2e", "/client/v4/accounts/\x00",
		"*", "/client/v4/openapi.json"} {
		for n := range fuzzMethods {
			fuzz.Add(n, p)
		}
	}
	fuzz.Fuzz(func(t *testing.T, method int, p string) {
		if strings.HasSuffix(path.Clean(p), "/results/stream") {
			return // it responds as long as the client listens
		}
		req := httptest.NewRequest(fuzzMethods[uint(method)%uint(len(fuzzMethods))], "/", nil)
		req.URL = &url.URL{Path: p}
		req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
		w := httptest.NewRecorder()
		if !serveUncut(f.Handler, w, req) && w.Code != http.StatusTemporaryRedirect {
			if p == openapi.Path && w.Code == http.StatusOK {
				return
			}
			checkResponse(t, f, req, w, nil)
		}
	})
}

var fuzzMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"}
