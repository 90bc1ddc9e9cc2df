package policytest

import (
	"context"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/identity"
)

// readPosture reads the outcomes of the users' devices, page by page: those of the device of the last login, or, if
// that is unknown, those of the devices enrolled for the user's address.
func (t *test) readPosture(ctx context.Context) error {
	if len(t.checks) == 0 || len(t.members) == 0 {
		return nil
	}
	byID, byEmail := map[proto.ID][]*member{}, map[string][]*member{}
	hashes := map[uint32]bool{}
	for _, m := range t.members {
		switch {
		case !m.device.IsZero():
			byID[m.device] = append(byID[m.device], m)
		case m.email != "":
			byEmail[m.email] = append(byEmail[m.email], m)
			hashes[device.EmailHash(m.email)] = true
		}
	}
	if err := t.api.device.Fresh(ctx); err != nil {
		return err
	}
	for _, page := range t.api.device.Inventory.PagesOf(t.account, func(id proto.ID, email uint32) bool {
		return hashes[email] || byID[id] != nil
	}) {
		p, err := t.api.device.Page(ctx, t.account, page)
		if err != nil {
			return err
		}
		slices.SortFunc(p.Devices, func(a, b proto.Device) int { return device.CompareIDs(a.ID, b.ID) })
		outcome, err := t.api.posture.Outcomes(ctx, t.account, page, t.checks)
		if err != nil {
			return err
		}
		for i := range p.Devices {
			d := &p.Devices[i]
			for _, m := range slices.Concat(byID[d.ID], byEmail[strings.ToLower(d.Email)]) {
				m.add(len(t.checks), func(check int) proto.Outcome { return outcome(d.ID, check) })
			}
		}
		if err := t.renew(ctx); err != nil {
			return err
		}
	}
	return nil
}

// add adds a device of a user. A user with several devices passes a check if all of them do.
func (m *member) add(checks int, outcome func(check int) proto.Outcome) {
	if m.devices == identity.MaxOwnDevices {
		return
	}
	if m.devices++; m.devices == 1 {
		m.outcomes = make([]proto.Outcome, checks)
		for n := range m.outcomes {
			m.outcomes[n] = proto.OutcomePass
		}
	}
	for n, before := range m.outcomes {
		if before == proto.OutcomePass {
			m.outcomes[n] = outcome(n)
		}
	}
}

// outcome returns a function from a check to the user's outcome. It returns nil if the user has no known device.
func (t *test) outcome(m *member) func(proto.ID) proto.Outcome {
	if m.devices == 0 {
		return nil
	}
	return func(id proto.ID) proto.Outcome {
		if n := slices.Index(t.checks, id); n >= 0 {
			return m.outcomes[n]
		}
		return proto.OutcomeUnknown
	}
}
