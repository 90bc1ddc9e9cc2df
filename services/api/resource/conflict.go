package resource

import (
	"fmt"
	"net/http"
	"strings"

	"plumbline.dev/services/api/v4"
)

// maxUsers is how many of the resources that refer to one an error names at most.
const maxUsers = 5

// InUse is the error about a resource that cannot be deleted; users are those that refer to it. It is nil if there
// are none.
func InUse(what string, users []string) error {
	if len(users) == 0 {
		return nil
	}
	more := ""
	if n := len(users) - maxUsers; n > 0 {
		users, more = users[:maxUsers], fmt.Sprintf(" and %d more", n)
	}
	return v4.Errorf(http.StatusConflict, v4.CodeConflict, "access.api.error.conflict: the %s is used by the %s%s: take it out there first",
		what, strings.Join(users, ", the "), more)
}
