package device

import (
	"cmp"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// ExemptionView is an exemption in a response.
type ExemptionView struct {
	ID         proto.ID     `json:"id"`
	Device     proto.ID     `json:"device_id"`
	DeviceName string       `json:"device_name" says:"Name of the device when the exemption was made."`
	Rule       *proto.ID    `json:"rule_id" says:"The check; null: every check."`
	RuleName   *string      `json:"rule_name"`
	Until      v4.Timestamp `json:"until"`
	Reason     string       `json:"reason"`
	Author     string       `json:"author"`
	CreatedAt  v4.Timestamp `json:"created_at"`
}

// ViewExemption returns an exemption as responses show it.
func (s *API) ViewExemption(a proto.Account, x *proto.Exemption) ExemptionView {
	v := ExemptionView{ID: x.ID, Device: x.Device, DeviceName: x.DeviceName, Until: v4.Timestamp(x.Until),
		Reason: x.Reason, Author: x.Author, CreatedAt: v4.Timestamp(x.CreatedAt)}
	if !x.Check.IsZero() {
		v.Rule = &x.Check
		if check, found := s.store.Catalog.Check(a, x.Check); found {
			v.RuleName = &check.Value.Name
		}
	}
	return v
}

// IsActive reports whether an exemption's time is not over and its check exists. The record of another one is about to
// be deleted.
func (s *API) IsActive(a proto.Account, x *proto.Exemption) bool {
	if x.Until <= proto.At(s.store.Clock.Now()) {
		return false
	}
	if x.Check.IsZero() {
		return true
	}
	_, found := s.store.Catalog.Check(a, x.Check)
	return found
}

// Exemptions returns the active exemptions of a device, by id, or nil if there are none.
func (s *API) Exemptions(a proto.Account, d *proto.Device) (views []ExemptionView) {
	for _, r := range s.store.Catalog.ExemptionsByDevice(a)[d.ID] {
		if s.IsActive(a, r.Value) && r.Value.Concerns(d.EnrolledAt) {
			views = append(views, s.ViewExemption(a, r.Value))
		}
	}
	return views
}

// NameOf returns the name of a device for people: the first that it has of hostname, serial number and id.
func NameOf(d *proto.Device) string { return cmp.Or(d.Hostname, d.Serial, d.ID.String()) }

// CountExemptions returns the number of active exemptions of an account.
func (s *API) CountExemptions(a proto.Account) (n int) {
	for _, r := range s.store.Catalog.Exemptions(a) {
		if s.IsActive(a, r.Value) {
			n++
		}
	}
	return n
}
