package resource

import (
	"fmt"
	"net/http"
	"strings"

	"plumbline.dev/services/api/v4"
)

// maxUsers bounds the referring resources in an error message.
const maxUsers = 5

// InUse returns the error for a resource that cannot be deleted because users refer to it, or nil if there are none.
func InUse(what string, users []string) error {
	if len(users) == 0 {
		return nil
	}
	more := ""
	if n := len(users) - maxUsers; n > 0 {
		users, more = users[:maxUsers], fmt.Sprintf(" and %d more", n)
	}
	return v4.Errorf(http.StatusConflict, v4.CodeConflict,
		"access.api.error.conflict: the %s is used by the %s%s: remove it there first",
		what, strings.Join(users, ", the "), more)
}
