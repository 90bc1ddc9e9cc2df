package securityevent

import "plumbline.dev/proto"

// subject is a subject identifier (RFC 9493), or a complex subject of Shared Signals.
type subject struct {
	Format string   `json:"format"`
	Issuer string   `json:"iss,omitempty"`
	Sub    string   `json:"sub,omitempty"`
	Email  string   `json:"email,omitempty"`
	ID     string   `json:"id,omitempty"`
	Device *subject `json:"device,omitempty"`
	User   *subject `json:"user,omitempty"`
	Tenant *subject `json:"tenant,omitempty"`
}

// subjectOf returns the subject of a device in the stream's format; nil if it has none. email is the address of the
// device's user, or empty.
func (s Stream) subjectOf(device proto.ID, email string) *subject {
	byID := &subject{Format: "iss_sub", Issuer: s.Issuer, Sub: device.String()}
	var user *subject
	if email != "" {
		user = &subject{Format: "email", Email: email}
	}
	switch s.Subject {
	case proto.SubjectEmail:
		return user
	case proto.SubjectIssSub:
		return byID
	}
	return &subject{Format: "complex", Device: byID, User: user,
		Tenant: &subject{Format: "opaque", ID: s.Account.String()}}
}
