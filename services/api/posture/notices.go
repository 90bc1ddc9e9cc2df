package posture

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// notices returns the messages of responses about outcomes. more are those of one response.
func (s *API) notices(a proto.Account, more ...v4.Notice) []v4.Notice {
	return append(resource.ObserveNotice(s.store, a), more...)
}
