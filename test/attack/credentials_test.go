package attack

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// Service credentials that are not one whole pair, once, in one form, are refused with 401 (api/README.md 8.6).
func TestCredentialsThatAreNotOnePair(t *testing.T) {
	w := under
	id, secret := "CF-Access-Client-Id: "+w.service.ClientID, "CF-Access-Client-Secret: "+w.service.ClientSecret
	otherID, otherSecret := "CF-Access-Client-Id: "+w.stranger.ClientID,
		"CF-Access-Client-Secret: "+w.stranger.ClientSecret
	flipped := w.service.ClientSecret[:len(w.service.ClientSecret)-1] +
		map[bool]string{true: "1", false: "0"}[strings.HasSuffix(w.service.ClientSecret, "0")]
	for _, host := range []string{appHost, mixedHost} {
		w.admitted(t, "the pair", request("GET", host, "/", id, secret))
		w.admitted(t, "the pair in small letters",
			request("GET", host, "/", strings.ToLower(id[:20])+id[20:], strings.ToLower(secret[:24])+secret[24:]))
		for name, headers := range map[string][]string{
			"the id alone": {id}, "the secret alone": {secret}, "an empty secret": {id, "CF-Access-Client-Secret:"}, "an empty id": {"CF-Access-Client-Id:", secret},
			"the id twice": {id, id, secret}, "the secret twice": {id, secret, secret}, "both twice": {id, id, secret, secret},
			"another id first": {otherID, id, secret}, "another id last": {id, secret, otherID}, "two pairs": {id, secret, otherID, otherSecret},
			"a second secret in another spelling": {id, secret, "cf-access-client-secret: x"},
			"the id once more with _":             {id, secret, "CF_Access_Client_Id: " + w.service.ClientID},
			"the secret with _":                   {id, "CF_ACCESS_CLIENT_SECRET: " + w.service.ClientSecret},
			"both with _":                         {"cf_access_client_id: " + w.service.ClientID, "cf_access_client_secret: " + w.service.ClientSecret},
			"mixed - and _":                       {id, secret, "Cf-Access-Client_Secret: x"},
			"a list":                              {id + ", " + w.service.ClientID, secret},
			"two in one header":                   {id + "," + w.stranger.ClientID, secret + "," + w.stranger.ClientSecret},
			"crossed":                             {id, otherSecret}, "crossed back": {otherID, secret},
			"a wrong secret": {id, "CF-Access-Client-Secret: " + flipped}, "the secret with a tail": {id, secret + "x"}, "the secret cut": {id, secret[:len(secret)-1]},
			"the secret in capitals": {id, "CF-Access-Client-Secret: " + strings.ToUpper(w.service.ClientSecret)},
			"the id without .access": {strings.TrimSuffix(id, ".access"), secret},
			"the token's own id":     {"CF-Access-Client-Id: " + w.service.ID, secret},
			"quoted":                 {`CF-Access-Client-Id: "` + w.service.ClientID + `"`, `CF-Access-Client-Secret: "` + w.service.ClientSecret + `"`},
			"a wildcard":             {"CF-Access-Client-Id: *", "CF-Access-Client-Secret: *"}, "a subject": {"CF-Access-Client-Id: >", secret},
			"one that is off": {"CF-Access-Client-Id: " + w.off.ClientID, "CF-Access-Client-Secret: " + w.off.ClientSecret},
			"very long":       {"CF-Access-Client-Id: " + strings.Repeat("a", 10_000), secret},
			"beside a good application token of nobody": {id, "cf-access-token: x", "Cookie: CF_Authorization=x"},
		} {
			a := w.refused(t, host+": "+name, request("GET", host, "/", headers...), http.StatusUnauthorized)
			if strings.Contains(fmt.Sprint(a), w.service.ClientSecret) {
				t.Errorf("%s: the secret is in the answer", name)
			}
		}
		w.refused(t, "a token that may not enter", request("GET", host, "/", otherID, otherSecret), http.StatusForbidden)
		// A name that is no header is no credential, and refuses the request or is left out.
		for _, line := range []string{"CF-Access-Client-Secret : " + w.service.ClientSecret,
			" CF-Access-Client-Secret: " + w.service.ClientSecret, "CF-Access-Client-Secret\x00: " + w.service.ClientSecret,
			"CF-Access-Client-Sécret: " + w.service.ClientSecret, "X: y\n CF-Access-Client-Secret: " + w.service.ClientSecret,
			"CF-Access-Client-Secret\t: " + w.service.ClientSecret} {
			w.refused(t, fmt.Sprintf("%q", line[:28]), request("GET", host, "/", id, line), http.StatusUnauthorized,
				http.StatusBadRequest)
		}
		// In the query, the body and the trailer there are no credentials.
		query := "/?cf-access-client-id=" + w.service.ClientID + "&cf-access-client-secret=wrong"
		w.refused(t, "in the query", request("GET", host, query), http.StatusForbidden, http.StatusFound)
		w.refused(t, "in the trailer", "POST / HTTP/1.1\r\nHost: "+host+
			"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: CF-Access-Client-Secret\r\n"+
			id+"\r\n\r\n0\r\n"+secret+"\r\n\r\n", http.StatusUnauthorized, http.StatusBadRequest)
	}
}

// The single header: once, whole, and not beside the standard ones.
func TestTheSingleHeader(t *testing.T) {
	w := under
	object := fmt.Sprintf(`{"cf-access-client-id":%q,"cf-access-client-secret":%q}`, w.service.ClientID,
		w.service.ClientSecret)
	x := w.admitted(t, "the object", request("GET", singleHost, "/", "X-Service-Token: "+object))
	if _, count := x.only("x-service-token"); count != 0 {
		t.Errorf("the header arrived: %v", x.Header)
	}
	w.admitted(t, "in capitals", request("GET", singleHost, "/",
		"X-Service-Token: "+strings.Replace(object, "cf-access-client-id", "CF-Access-Client-Id", 1)))
	w.admitted(t, "the pair", request("GET", singleHost, "/", lines(w.service)...))
	for name, headers := range map[string][]string{
		"both forms":                        lines(w.service, "X-Service-Token: "+object),
		"both forms, the pair is wrong":     {"CF-Access-Client-Id: x", "CF-Access-Client-Secret: y", "X-Service-Token: " + object},
		"both forms, half a pair":           {"CF-Access-Client-Id: " + w.service.ClientID, "X-Service-Token: " + object},
		"both forms, a good pair and trash": lines(w.service, "X-Service-Token: trash"),
		"twice":                             {"X-Service-Token: " + object, "X-Service-Token: " + object},
		"with _ besides":                    {"X-Service-Token: " + object, "X_Service_Token: " + object},
		"with _ alone":                      {"X_Service_Token: " + object},
		"a member twice":                    {"X-Service-Token: " + strings.Replace(object, "{", fmt.Sprintf(`{"cf-access-client-id":%q,`, w.stranger.ClientID), 1)},
		"a member too many":                 {"X-Service-Token: " + strings.Replace(object, "{", `{"x":1,`, 1)},
		"a member twice, in capitals":       {"X-Service-Token: " + strings.Replace(object, "{", fmt.Sprintf(`{"CF-Access-Client-Id":%q,`, w.stranger.ClientID), 1)},
		"no secret":                         {fmt.Sprintf(`X-Service-Token: {"cf-access-client-id":%q}`, w.service.ClientID)},
		"a null secret":                     {fmt.Sprintf(`X-Service-Token: {"cf-access-client-id":%q,"cf-access-client-secret":null}`, w.service.ClientID)},
		"an array":                          {"X-Service-Token: [" + object + "]"},
		"two objects":                       {"X-Service-Token: " + object + object},
		"text behind":                       {"X-Service-Token: " + object + "x"},
		"cut":                               {"X-Service-Token: " + object[:len(object)-1]},
		"empty":                             {"X-Service-Token:"},
		"a comment":                         {"X-Service-Token: /**/" + object},
		"bearer":                            {"X-Service-Token: Bearer " + object},
		"another's":                         {fmt.Sprintf(`X-Service-Token: {"cf-access-client-id":%q,"cf-access-client-secret":%q}`, w.off.ClientID, w.off.ClientSecret)},
	} {
		w.refused(t, name, request("GET", singleHost, "/", headers...), http.StatusUnauthorized)
	}
	// An application without this header setting ignores the header.
	w.refused(t, "at another application", request("GET", appHost, "/", "X-Service-Token: "+object), http.StatusForbidden)
}

var changing = regexp.MustCompile(`[0-9a-f]{16}|\d\d:\d\d:\d\d`)

// Neither the response nor its timing reveals which Client IDs exist.
func TestAnUnknownIDLooksLikeAWrongSecret(t *testing.T) {
	w := under
	wrong := strings.Repeat("0", len(w.service.ClientSecret)-6) + "123456"
	ids := map[string]string{"known": w.service.ClientID, "unknown": strings.Repeat("0123456789abcdef", 2) + ".access",
		"unknown too": strings.Repeat("fedcba9876543210", 2) + ".access",
		"off":         w.off.ClientID}
	texts := map[string]string{}
	for name, id := range ids {
		texts[name] = "GET / HTTP/1.1\r\nHost: " + appHost + "\r\nAccept: application/json\r\nCF-Access-Client-Id: " + id +
			"\r\nCF-Access-Client-Secret: " + wrong + "\r\n\r\n"
	}
	conn := w.dial(t, "")
	buffered := bufio.NewReader(conn)
	ask := func(name string) (time.Duration, string) {
		begin := time.Now()
		if _, err := io.WriteString(conn, texts[name]); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(buffered, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		resp.Header.Del("Date")
		resp.Header.Del("Cf-Ray")
		return took, fmt.Sprint(resp.StatusCode, resp.Header, changing.ReplaceAllString(string(body), "*"))
	}
	w.origin.take()
	_, want := ask("unknown")
	for name := range texts {
		if _, got := ask(name); got != want {
			t.Errorf("%s:\n%s\nwant as for an unknown id:\n%s", name, got, want)
		}
	}
	// The medians of interleaved requests. An extra lookup, hash or request to the exchange would exceed the bound by far;
	// load on the machine slows both kinds alike. One round within the bound is enough, since a real difference shows in
	// every round.
	rounds, samples := 5, 600
	var report []string
	for range rounds {
		if err := conn.SetDeadline(time.Now().Add(time.Minute * stack.Slowness())); err != nil {
			t.Fatal(err)
		}
		took := map[string][]time.Duration{}
		for range samples {
			for _, name := range []string{"unknown", "known", "off", "unknown too"} {
				d, _ := ask(name)
				took[name] = append(took[name], d)
			}
		}
		median := func(name string) time.Duration {
			slices.Sort(took[name])
			return took[name][samples/2]
		}
		base := median("unknown")
		apart := func(name string) time.Duration { return (median(name) - base).Abs() }
		// Two equivalent requests show the noise of the machine.
		bound := max(base/5, 20*time.Microsecond, 2*apart("unknown too"))
		report = append(report, fmt.Sprintf("unknown %v, another unknown %v, known %v, off %v", base, median("unknown too"),
			median("known"), median("off")))
		if apart("known") <= bound && apart("off") <= bound {
			t.Log(report[len(report)-1])
			if n := len(w.origin.take()); n > 0 {
				t.Errorf("%d requests arrived", n)
			}
			return
		}
	}
	t.Errorf("in every one of %d rounds the times differ:\n%s", rounds, strings.Join(report, "\n"))
}
