package posture

import (
	"fmt"
	"strings"
)

// pollFailure describes why calls about some pages failed: "api_error: 2 (HTTP 503, The scoring API answered 503.)".
func pollFailure(reason string, pages, status int, detail string) string {
	var how []string
	if status != 0 {
		how = append(how, fmt.Sprintf("HTTP %d", status))
	}
	if detail != "" {
		how = append(how, detail)
	}
	text := fmt.Sprintf("%s: %d", reason, pages)
	if len(how) > 0 {
		text += " (" + strings.Join(how, ", ") + ")"
	}
	return text
}
