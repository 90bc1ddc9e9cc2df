package apply_test

import (
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

const behindAnApplication = `
kind: integration
name: scores
spec: {type: custom_s2s, interval: 1h, config: {api_url: "https://scores.example.com/v1/score", access_client_id: poller, access_client_secret: "${env:A}"}}
---
kind: check
name: healthy
spec: {type: custom_s2s, input: {connection_id: scores, operator: ">=", score: 60}}
---
kind: application
name: scores
spec: {domain: scores.example.com, policies: [pollers]}
---
kind: application
name: everything else
spec: {domain: "*.example.com", policies: [healthy devices]}
---
kind: policy
name: pollers
spec: {decision: non_identity, include: [{service_token: {token_id: poller}}]}
---
kind: policy
name: healthy devices
spec: {decision: allow, include: [{everyone: {}}], require: [{device_posture: {integration_uid: healthy}}]}
---
kind: service_token
name: poller
`

func parsed(t *testing.T, text string) []document.Document {
	t.Helper()
	docs, err := document.Parse("f", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// A scoring API that insists on an application token can be called once its application is there, with its policies.
func TestAnIntegrationComesAfterItsApplication(t *testing.T) {
	docs := parsed(t, behindAnApplication)
	for range len(docs) {
		docs = append(docs[1:], docs[0])
		p, err := apply.New(docs, apply.State{}, secrets, apply.Options{})
		if err != nil {
			t.Fatal(err)
		}
		order := strings.Split(strings.ReplaceAll(lines(p), "+ create ", ""), "\n")
		for _, pair := range [][2]string{
			{`service token "poller"`, `policy "pollers"`}, {`policy "pollers"`, `application "scores"`}, {`application "scores"`, `integration "scores"`},
			{`integration "scores"`, `check "healthy"`}, {`check "healthy"`, `policy "healthy devices"`}, {`policy "healthy devices"`, `application "everything else"`},
		} {
			if slices.Index(order, pair[0]) < 0 || slices.Index(order, pair[0]) > slices.Index(order, pair[1]) {
				t.Errorf("%s comes after %s: %q", pair[0], pair[1], order)
			}
		}
	}
}

// An application of a scoring API that asks for the outcome of the scoring API can never be the first.
func TestACircleIsNamed(t *testing.T) {
	text := strings.Replace(behindAnApplication, "policies: [pollers]", "policies: [pollers, healthy devices]", 1)
	_, err := apply.New(parsed(t, text), apply.State{}, secrets, apply.Options{})
	const want = `integration "scores" → application "scores" → policy "healthy devices" → check "healthy" → ` +
		`integration "scores"`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	groups := "kind: group\nname: a\nspec: {include: [{group: {id: b}}]}\n---\nkind: group\nname: b\nspec: {include: " +
		"[{group: {id: a}}]}"
	if _, err := apply.New(parsed(t, groups), apply.State{}, secrets, apply.Options{}); err == nil ||
		!strings.Contains(err.Error(), `group "a" → group "b" → group "a"`) {
		t.Errorf("%v", err)
	}
}

// Existing resources may refer to each other in a circle, and an integration without a new test waits for nothing.
func TestACircleOfWhatExistsIsNone(t *testing.T) {
	const id = "00000000-0000-4000-8000-00000000000"
	state := apply.State{
		client.KindServiceToken: {{"id": id + "1", "name": "poller", "client_id": "x.access"}},
		client.KindIntegration:  {{"id": id + "2", "name": "scores", "config": map[string]any{"api_url": "https://old.example.com"}}},
		client.KindCheck:        {{"id": id + "3", "name": "healthy"}},
		client.KindPolicy:       {{"id": id + "4", "name": "pollers"}, {"id": id + "5", "name": "healthy devices"}},
		client.KindApplication:  {{"id": id + "6", "name": "scores", "domain": "scores.example.com"}},
	}
	text := strings.Replace(behindAnApplication, "policies: [pollers]", "policies: [pollers, healthy devices]", 1)
	if p, err := apply.New(parsed(t, text), state, secrets, apply.Options{}); err != nil || creates(p) != 1 {
		t.Errorf("%v", err)
	}
}
