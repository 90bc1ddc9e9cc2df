package enforcement

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// newExemptions returns the kind of exemptions. An exemption cannot be changed: to prolong one, it is ended and made
// again, so that the audit log has a reason for each.
func (s *API) newExemptions() *resource.Kind[proto.Exemption, *proto.Exemption] {
	return &resource.Kind[proto.Exemption, *proto.Exemption]{
		Store: s.store, Name: "exemption", Kind: topology.KindExemption, Path: "/plumbline/exemptions",
		Scope: permission.Exemptions, Fixed: true, PlainStatus: true, NotFound: errNoExemption,
		Find: resource.ByID(s.findExemption), Items: s.activeExemptions, Filter: filterExemptions,
		Query: checkFilter,
		Meta:  func(_ proto.Account, x *proto.Exemption) resource.Meta { return resource.Meta{ID: x.ID} },
		New: func(c *v4.Call, now proto.Millis) proto.Exemption {
			return proto.Exemption{ID: proto.NewID(), Author: c.Author(), CreatedAt: now}
		},
		Decode: func(a proto.Account, body v4.Object, x, _ *proto.Exemption) error {
			if err := readExemption(body, x); err != nil {
				return err
			}
			return s.checkExemption(a, x)
		},
		Create: s.createExemption,
		Stored: s.undoExcess,
		View:   func(a proto.Account, x *proto.Exemption) any { return s.device.ViewExemption(a, x) },
		Basis: func(r catalog.Record[proto.Exemption]) store.Basis {
			check, _ := s.store.Catalog.Check(r.Account, r.Value.Check)
			return store.Basis{check.Revision}
		},
		Notices: s.noticePassing,
		Doc:     exemptionDoc,
	}
}

func (s *API) findExemption(a proto.Account, id proto.ID) (catalog.Record[proto.Exemption], bool) {
	r, found := s.store.Catalog.Exemption(a, id)
	return r, found && s.device.IsActive(a, r.Value)
}

// activeExemptions returns the active exemptions of an account, the oldest first.
func (s *API) activeExemptions(a proto.Account) []*store.Item[catalog.Record[proto.Exemption]] {
	all := slices.DeleteFunc(s.store.Catalog.Exemptions(a), func(r catalog.Record[proto.Exemption]) bool {
		return !s.device.IsActive(a, r.Value)
	})
	return store.ByAge(all, func(r catalog.Record[proto.Exemption]) (proto.ID, proto.Millis) {
		return r.Value.ID, r.Value.CreatedAt
	})
}

// checkFilter returns an error if a member of the query of a list is not an id.
func checkFilter(q url.Values) error {
	for _, name := range []string{"device_id", "rule_id"} {
		if _, err := proto.ParseID(q.Get(name)); q.Get(name) != "" && err != nil {
			return v4.Invalid("%s must be an id", name)
		}
	}
	return nil
}

// filterExemptions returns the filter of a list: by device, and by a check that the exemptions cover.
func filterExemptions(q url.Values) func(*proto.Exemption) bool {
	if !v4.HasParam(q, "device_id", "rule_id") {
		return nil
	}
	wants := func(name string, holds func(proto.ID) bool) bool {
		if q.Get(name) == "" {
			return true
		}
		id, err := proto.ParseID(q.Get(name))
		return err == nil && holds(id)
	}
	return func(x *proto.Exemption) bool {
		return wants("device_id", func(id proto.ID) bool { return id == x.Device }) && wants("rule_id", x.Covers)
	}
}

// readExemption reads the body of a new exemption.
func readExemption(body v4.Object, x *proto.Exemption) error {
	text, err := body.Text("device_id")
	if err == nil {
		x.Device, err = proto.ParseID(text)
	}
	if err != nil || x.Device.IsZero() {
		return v4.Invalid("device_id must be the id of a device")
	}
	if body.Has("rule_id") {
		text, err = body.Text("rule_id")
		if err == nil {
			x.Check, err = proto.ParseID(text)
		}
		if err != nil || x.Check.IsZero() {
			return v4.Invalid("rule_id must be the id of a posture rule, or null for every rule")
		}
	}
	if x.Until, err = readUntil(body); err != nil {
		return err
	}
	if x.Reason, err = body.Text("reason"); err != nil {
		return v4.Invalid("reason must be a string")
	}
	return nil
}

// readUntil reads the end of an exemption or of the observe switch.
func readUntil(body v4.Object) (proto.Millis, error) {
	text, err := body.Text("until")
	if err != nil || text == "" {
		return 0, v4.Invalid("until is required: the time of the end, such as %q", "2026-12-31T18:00:00Z")
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, v4.Invalid("until must be a time in RFC 3339, such as %q, got %s", "2026-12-31T18:00:00Z", v4.Quote(text))
	}
	return proto.At(at), nil
}

// checkExemption returns an error if a member of an exemption is invalid, or if its check is unknown or of a type that
// is not evaluated.
func (s *API) checkExemption(a proto.Account, x *proto.Exemption) error {
	if err := x.Validate(proto.At(s.store.Clock.Now())); err != nil {
		return v4.Invalid("%v", err)
	}
	if x.Check.IsZero() {
		return nil
	}
	check, found := s.store.Catalog.Check(a, x.Check)
	switch {
	case !found:
		return v4.Invalid("rule_id: posture rule not found")
	case check.Value.Type != proto.TypeCustomS2S:
		return v4.Invalid("rule_id: a rule of type %s is not evaluated, so there is nothing to exempt from", check.Value.Type)
	}
	return nil
}

// createExemption stores a new exemption. The device must be enrolled, and have no other exemption from the same check.
func (s *API) createExemption(ctx context.Context, a proto.Account, x *proto.Exemption) (uint64, error) {
	page, d, err := s.device.Find(ctx, a, x.Device)
	switch {
	case errors.Is(err, device.ErrNotFound):
		return 0, v4.Invalid("device_id: no enrolled device has the id %s", x.Device)
	case err != nil:
		return 0, err
	case d.RevokedAt != 0:
		return 0, v4.Invalid("device_id: the device is revoked, so it is not evaluated")
	}
	x.Page, x.Enrolled, x.DeviceName = uint32(page), d.EnrolledAt, device.NameOf(d)
	for range store.MaxAttempts {
		reservations, err := s.store.Reserve(ctx, a, []string{reservedName(x.Device)})
		if err == nil {
			err = s.store.Fresh(ctx)
		}
		if err == nil {
			err = s.duplicate(a, x)
		}
		if err != nil {
			return 0, err
		}
		revision, err := s.store.Commit(ctx, a, topology.Config, append(reservations,
			store.ConfigWrite(a, topology.KindExemption, x.ID, x, store.Prior{}))...)
		if !errors.Is(err, bus.ErrConflict) {
			return revision, err
		}
	}
	return 0, v4.ErrConflict
}

// reservedName returns the name that a new exemption reserves. Reservations are never deleted, so devices share 256
// names, which bounds their number.
func reservedName(d proto.ID) string { return "exemption " + d.String()[:2] }

// duplicate returns an error if the device of a new exemption already has an exemption from the same check, or if the
// account has as many exemptions as it may have.
func (s *API) duplicate(a proto.Account, x *proto.Exemption) error {
	for _, r := range s.store.Catalog.ExemptionsByDevice(a)[x.Device] {
		if other := r.Value; other.Check == x.Check && s.device.IsActive(a, other) && other.Concerns(x.Enrolled) {
			return v4.Errorf(http.StatusConflict, v4.CodeConflict,
				"the device already has an exemption from this rule, %s, until %s: end it first", other.ID,
				other.Until.Time().UTC().Format(time.RFC3339))
		}
	}
	if s.count(a) >= proto.MaxExemptions {
		return errManyExemptions
	}
	return nil
}

func (s *API) count(a proto.Account) int { return len(s.store.Catalog.Exemptions(a)) }

// undoExcess deletes a new exemption and returns an error if the account has too many, because several were made at
// once. Each request counts after its own write, so at least the last request sees all exemptions.
func (s *API) undoExcess(ctx context.Context, a proto.Account, x, _ *proto.Exemption, revision uint64) error {
	err := s.store.Fresh(ctx)
	if err == nil && s.count(a) <= proto.MaxExemptions {
		return nil
	}
	if err == nil {
		err = errManyExemptions
	}
	undone := s.store.Remove(ctx, a, topology.KindExemption, x.ID, store.Prior{Record: x, Revision: revision})
	if undone != nil && !errors.Is(undone, bus.ErrConflict) {
		return undone
	}
	return err
}

var (
	errNoExemption    = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "exemption not found, or it has ended")
	errManyExemptions = v4.Errorf(http.StatusConflict, v4.CodeConflict,
		"the account already has the maximum of %d exemptions: end some first, or change the check", proto.MaxExemptions)
)
