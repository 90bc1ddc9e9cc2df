package api

import (
	"testing"

	"plumbline.dev/proto"
)

// It is shown as it was sent, and kept as what everybody else goes by.
func TestWhatExpiresImmediately(t *testing.T) {
	y := start(t)
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "Vault", "domain": "vault.example.com", "session_duration": "0s",
		"policies": []any{map[string]any{"name": "All", "decision": "allow", "session_duration": "0s", "include": []any{map[string]any{"everyone": map[string]any{}}}}}})
	if app["session_duration"] != "0s" || app["policies"].([]any)[0].(map[string]any)["session_duration"] != "0s" {
		t.Errorf("shown %v", app)
	}
	id, err := proto.ParseID(app["id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if got := y.storedApplication(id).SessionDuration; got != proto.Immediately {
		t.Errorf("the application's sessions last %v", got)
	}
	if org := y.want(201, "POST", "/access/organizations", map[string]any{"name": "Example", "session_duration": "0s"}); org["session_duration"] != "0s" {
		t.Errorf("shown %v", org)
	}
	if got := y.storedOrganization().SessionDuration; got != proto.Immediately {
		t.Errorf("global sessions last %v", got)
	}
}
