// Package holdview has the JSON of a hold. The API's responses and the audit events of evaluators have the same
// members.
package holdview

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/jsontime"
)

// View is the newest hold of a check over an integration. By and Reason are empty until the hold is decided.
type View struct {
	ID              proto.ID           `json:"id"`
	Name            string             `json:"name" says:"Name of the posture rule."`
	Rule            proto.ID           `json:"rule_id"`
	Integration     proto.ID           `json:"integration_id"`
	IntegrationName string             `json:"integration_name"`
	State           proto.HoldState    `json:"state"`
	Directions      []string           `json:"directions"`
	Tick            uint64             `json:"tick" says:"Newest poll that was judged."`
	Since           jsontime.Timestamp `json:"since" says:"When the first page began to hold."`
	UpdatedAt       jsontime.Timestamp `json:"updated_at"`
	SafeSideAt      jsontime.Timestamp `json:"safe_side_at" says:"When the safe side begins to apply. Null if the hold is over."`
	Pages           int                `json:"pages" says:"Pages that hold outcomes."`
	Devices         int                `json:"devices" says:"Devices with a held outcome."`
	FleetLost       int                `json:"fleet_lost" says:"Devices, on all pages, that would change from pass to fail."`
	FleetGained     int                `json:"fleet_gained" says:"Devices, on all pages, that would change from fail to pass."`
	FleetPass       int                `json:"fleet_pass" says:"Devices, on all pages, that passed before the poll."`
	FleetKnown      int                `json:"fleet_known" says:"Devices, on all pages, that passed or failed before the poll."`
	By              string             `json:"by" says:"Who released or rejected the hold. Empty for other states."`
	Reason          string             `json:"reason"`
	DecidedAt       jsontime.Timestamp `json:"decided_at"`
}

// Of returns a hold with the names of its check and its integration, as the configuration has them now.
func Of(c *catalog.Catalog, a proto.Account, h *proto.Hold) View {
	v := View{ID: h.ID, Rule: h.Check, Integration: h.Integration, State: h.State, Directions: h.Directions(),
		Tick: h.Tick, Since: jsontime.Timestamp(h.Since), UpdatedAt: jsontime.Timestamp(h.UpdatedAt), Pages: h.Pages,
		Devices: h.Devices, FleetLost: h.Fleet.Out, FleetGained: h.Fleet.In, FleetPass: h.Fleet.Passing,
		FleetKnown: h.Fleet.Known, By: h.By, Reason: h.Reason, DecidedAt: jsontime.Timestamp(h.DecidedAt)}
	if v.Directions == nil {
		v.Directions = []string{}
	}
	check, _ := c.Check(a, h.Check)
	if check.Value != nil {
		v.Name = check.Value.Name
	}
	if i, found := c.Integration(a, h.Integration); found {
		v.IntegrationName = i.Value.Name
	}
	if !h.State.Over() {
		v.SafeSideAt = jsontime.Timestamp(h.Since.Add(proto.HoldTime(check.Value, c.Organization(a).Value)))
	}
	return v
}
