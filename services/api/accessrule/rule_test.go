package accessrule

import (
	"strings"
	"testing"

	"plumbline.dev/services/api/v4"
)

func TestRulesHoldNoSecrets(t *testing.T) {
	body, err := v4.ParseObject([]byte(`{"include":[{"future_selector":{"api_token":"hush"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(body, "include"); err == nil ||
		!strings.Contains(err.Error(), "include[0].future_selector has a secret") {
		t.Errorf("%v", err)
	}
}
