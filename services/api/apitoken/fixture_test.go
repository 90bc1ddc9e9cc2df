package apitoken

import (
	"encoding/json"
	"testing"
)

const (
	readApps  = "7ea222f6d5064cfa89ea366d7c1fee89"
	writeApps = "1e13c5124ca64b72b1969a67e8829049"
)

func jsonText(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
