package e2e_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

func asRefused(err error, into **stack.Refused) bool { return errors.As(err, into) }

// "Test and save": an API with an improper response is not saved.
func TestAnAPIThatDoesNotAnswerIsRefused(t *testing.T) {
	plumb := stack.Up(t)
	control, err := plumb.Control()
	if err != nil {
		t.Fatal(err)
	}
	api := &scorer.API{ClientID: "0123456789abcdef0123456789abcdef.access", ClientSecret: "the-secret"}
	url := api.Listen(t)
	closed, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	for name, i := range map[string]stack.Integration{
		"wrong secret":   {Name: "x", URL: url, Interval: "1m", ClientID: api.ClientID, ClientSecret: "not-the-secret"},
		"nobody listens": {Name: "x", URL: "http://" + closed + "/", Interval: "1m", ClientID: api.ClientID, ClientSecret: "the-secret"},
		"our own port":   {Name: "x", URL: "http://" + plumb.API + "/", Interval: "1m", ClientID: api.ClientID, ClientSecret: "the-secret"},
	} {
		_, err := control.CreateIntegration(t.Context(), i)
		var refused *stack.Refused
		if !asRefused(err, &refused) || refused.Status != http.StatusBadRequest || !slices.Contains(refused.Codes, 2046) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := control.CreateIntegration(t.Context(),
		stack.Integration{Name: "x", URL: url, Interval: "1m", ClientID: api.ClientID, ClientSecret: "the-secret"})
	if err != nil {
		t.Fatal(err)
	}
	var refused *stack.Refused
	if err := control.ChangeIntegration(t.Context(), good,
		map[string]any{"config": map[string]string{"api_url": "http://" + closed + "/",
			"access_client_secret": "the-secret"}}); !asRefused(err, &refused) || refused.Status != http.StatusBadRequest {
		t.Errorf("a change to an URL where nobody listens: %v", err)
	}
}
