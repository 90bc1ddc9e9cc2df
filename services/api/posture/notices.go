package posture

import (
	"fmt"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// notices returns the messages of responses about outcomes. more are those of one response.
func (s *API) notices(a proto.Account, more ...v4.Notice) []v4.Notice {
	return append(resource.ObserveNotice(s.store, a), more...)
}

// noticeExempt returns a message with the number of active exemptions, if there are any.
func (s *API) noticeExempt(a proto.Account) []v4.Notice {
	n := s.device.CountExemptions(a)
	switch n {
	case 0:
		return nil
	case 1:
		return []v4.Notice{{Code: v4.CodeExemptions, Message: "1 exemption is active"}}
	}
	return []v4.Notice{{Code: v4.CodeExemptions, Message: fmt.Sprintf("%d exemptions are active", n)}}
}
