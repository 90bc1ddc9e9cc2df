package enforcement

import (
	"cmp"
	"context"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/holdview"
	"plumbline.dev/services/internal/overview"
)

// Bounds of the response about one hold.
const (
	maxHeldPages   = 100 // pages listed
	maxHeldDevices = 20  // devices listed
	maxPagesRead   = 5   // entries read to find these devices
)

// heldPage is a page that holds outcomes of a check, at its newest poll.
type heldPage struct {
	Page     topology.PageNumber `json:"page"`
	Tick     uint64              `json:"tick" says:"The page's newest poll."`
	PolledAt v4.Timestamp        `json:"polled_at"`
	Since    v4.Timestamp        `json:"since" says:"When the page began to hold."`
	SafeSide bool                `json:"safe_side" says:"Devices pass only if both the held and the observed outcome are pass."`
	Devices  int                 `json:"devices" says:"Devices with a held outcome."`
	Lost     int                 `json:"lost" says:"Devices that would change from pass to fail."`
	Gained   int                 `json:"gained" says:"Devices that would change from fail to pass."`
	Pass     int                 `json:"pass" says:"Devices that passed before the poll."`
	Known    int                 `json:"known" says:"Devices that passed or failed before the poll."`
}

// heldDevice is a device whose outcome a release would change. Its names and its score are empty without the permission
// to read results.
type heldDevice struct {
	ID       proto.ID            `json:"device_id"`
	Hostname string              `json:"hostname"`
	Serial   string              `json:"serial_number"`
	Page     topology.PageNumber `json:"page"`
	Score    *int                `json:"score"`
	Outcome  proto.Outcome       `json:"outcome"`
	Observed proto.Outcome       `json:"observed" says:"Outcome by the newest score."`
}

// oneHold is the response about one hold.
type oneHold struct {
	holdview.View
	Limits      holdLimits   `json:"limits" says:"The breaker's limits, of the check or of the account, as they are now."`
	PagesHeld   []heldPage   `json:"pages_held"`
	DevicesHeld []heldDevice `json:"devices_held"`
}

// holdLimits are the limits of a breaker for one poll and direction.
type holdLimits struct {
	Share   float64 `json:"share" says:"Share of a page's passes (lock_out) or of its passes and fails (open_up)."`
	Floor   int     `json:"floor" says:"Devices that may always change."`
	Window  int64   `json:"window_ms" says:"How long the net change of a page is added up."`
	MaxHold int64   `json:"max_hold_ms"`
}

func (s *API) limitsOf(a proto.Account, check proto.ID) holdLimits {
	r, _ := s.store.Catalog.Check(a, check)
	b := proto.BreakerOf(r.Value, s.store.Catalog.Organization(a).Value)
	return holdLimits{b.Share, b.Floor, b.Window.Milliseconds(), b.MaxHold.Milliseconds()}
}

// getHold returns a hold with its pages and some of its devices.
func (s *API) getHold(ctx context.Context, c *v4.Call) (v4.Response, error) {
	r, err := s.namedHold(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	h := r.Value
	pages := heldPages(s.posture.Overview.Pages(c.Account, h.Integration), h.Check)
	devices, left := []heldDevice{}, v4.LeftOut{}
	for _, p := range pages[:min(len(pages), maxPagesRead)] {
		ref := topology.PageRef{Account: c.Account, Integration: h.Integration, Page: p.Page}
		if devices, err = s.heldDevices(ctx, ref, h.Check, devices, &left); err != nil {
			return v4.Response{}, err
		}
	}
	messages := left.Notices()
	results := v4.Permission{Scope: permission.Results}
	if len(devices) > 0 && !permission.Permits(c.Token, results, c.Zone) {
		for n := range devices {
			devices[n].Hostname, devices[n].Serial, devices[n].Score = "", "", nil
		}
		messages = append(messages, v4.Notice{Code: v4.CodeNotPermitted, Message: "the names and scores of the devices are " +
			"left out: the API token needs the permission " + permission.GroupsFor(results)})
	}
	hold := oneHold{s.viewHold(c.Account, h), s.limitsOf(c.Account, h.Check), pages[:min(len(pages), maxHeldPages)],
		devices}
	return v4.Response{Result: hold, Revision: r.Revision, Messages: messages}, nil
}

// heldPages returns the pages that hold outcomes of a check, those with the most devices first.
func heldPages(all []overview.Page, check proto.ID) []heldPage {
	held := []heldPage{}
	for _, p := range all {
		if p.Summary.Closed || proto.HoldsIn(p.Flips) == 0 {
			continue
		}
		flips, err := proto.ParseFlips(p.Flips)
		if err != nil {
			continue // of a later version
		}
		n := slices.IndexFunc(flips, func(f proto.CheckFlips) bool { return f.Check == check && f.Held })
		if n < 0 {
			continue
		}
		f := &flips[n]
		held = append(held, heldPage{Page: p.Page, Tick: p.Summary.Tick, PolledAt: v4.Timestamp(p.Summary.PolledAt),
			Since: v4.Timestamp(f.Since), SafeSide: f.Safe, Devices: f.Devices, Lost: f.Flips.Out, Gained: f.Flips.In,
			Pass: f.Flips.Passing, Known: f.Flips.Known})
	}
	slices.SortStableFunc(held, func(a, b heldPage) int { return cmp.Compare(b.Devices, a.Devices) })
	return held
}

// heldDevices adds devices of a page with outcomes that a release would change, up to [maxHeldDevices] in all.
func (s *API) heldDevices(ctx context.Context, ref topology.PageRef, check proto.ID, devices []heldDevice,
	left *v4.LeftOut) ([]heldDevice, error) {
	if len(devices) >= maxHeldDevices {
		return devices, nil
	}
	e, err := s.posture.Entry(ctx, ref, left)
	if err != nil {
		return nil, err
	}
	column := slices.IndexFunc(e.Checks, func(r proto.CheckRef) bool { return r.ID == check })
	if column < 0 {
		return devices, nil
	}
	page, err := s.device.Page(ctx, ref.Account, ref.Page)
	if err != nil {
		return nil, err
	}
	for i := range e.Results {
		r := &e.Results[i]
		v := r.Verdicts[column]
		if v.Reason != proto.ReasonHeld || len(devices) >= maxHeldDevices {
			continue
		}
		d := heldDevice{ID: r.Device, Page: ref.Page, Outcome: v.Outcome, Observed: v.Observed}
		if r.Score != proto.NoScore {
			d.Score = &r.Score
		}
		if n := slices.IndexFunc(page.Devices, func(o proto.Device) bool { return o.ID == r.Device }); n >= 0 {
			d.Hostname, d.Serial = page.Devices[n].Hostname, page.Devices[n].Serial
		}
		devices = append(devices, d)
	}
	return devices, nil
}
