package person_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestStreamsEndWithTheMembership checks that a stream of a person ends once they are no member.
func TestStreamsEndWithTheMembership(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	token := c.Member("ron@example.com", reader)
	req, err := http.NewRequestWithContext(
		t.Context(),
		"GET",
		"http://"+f.API.Addr()+f.Path("/plumbline/results/stream"),
		nil,
	)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(v4.HeaderAssertion, token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: ready" {
	}
	ended := make(chan string, 1)
	go func() {
		var all []string
		for lines.Scan() {
			all = append(all, lines.Text())
		}
		ended <- strings.Join(all, "\n")
	}()
	f.Want(200, "DELETE", "/members/"+topology.MemberID(f.Account, "ron@example.com").String(), nil)
	steps := 0
	bustest.Eventually(t, "the stream ends", func() bool {
		if steps++; steps < 200 { // the public keys count for five minutes, so nothing else ends the stream
			f.Clock.Advance(v4.RecheckEvery)
		}
		select {
		case got := <-ended:
			if !strings.Contains(got, "event: end") || !strings.Contains(got, "not a member") {
				t.Errorf("the stream ended with %q", got)
			}
			return true
		default:
			return false
		}
	})
}
