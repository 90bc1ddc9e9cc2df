package remote

import (
	"testing"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

func TestExitCodes(t *testing.T) {
	for status, want := range map[int]int{400: cli.ExitFailure, 401: cli.ExitRefused, 403: cli.ExitRefused,
		404: cli.ExitNotFound, 409: cli.ExitConflict, 412: cli.ExitConflict, 500: cli.ExitFailure} {
		if got := cli.CodeOf(Coded(&client.Error{Status: status, Message: "x"})); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
	if got := cli.CodeOf(Coded(cli.Usage("x"))); got != cli.ExitUsage {
		t.Error(got)
	}
}
