package overview_test

import (
	"net/http"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/overview"
)

func TestOverviewShowsIntegrations(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"GET /plumbline/status": consoletest.Answer([]any{map[string]any{"id": "1", "name": consoletest.Hostile,
			"overdue": true, "poll": map[string]any{"devices": 1_000_000, "fail": 12}}}),
	}, overview.Register)
	c.Get("/overview").Has(http.StatusOK, "Overdue", "1,000,000 devices, 12 fail").Safe()
	part := c.Fragment("/overview", "integrations").Has(http.StatusOK, "Overdue").Safe()
	if len(part.Texts("nav", "")) > 0 {
		t.Error("a fragment has the layout")
	}
}

func TestOverviewOfAnEmptyAccountNamesTheNextStep(t *testing.T) {
	consoletest.New(t, nil, overview.Register).Get("/overview").Has(http.StatusOK, "No integrations yet", "Add integration").Safe()
}
