package fleet

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/column"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// counted are the devices that a filter selects, by the states of the checks.
type counted struct {
	Devices  int          `json:"devices"`
	Revoked  int          `json:"revoked" says:"Revoked ones among the devices. They have no results."`
	Some     stateCounts  `json:"some" says:"Devices with at least one check in the state."`
	Checks   []checkCount `json:"checks"`
	Outdated int64        `json:"outdated_pages" says:"Inventory pages whose newest results are not counted yet."`
}

// stateCounts counts devices by state. Held, exempt, grace and observe devices have an outcome that is not by the
// score.
type stateCounts struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	Held    int `json:"held"`
	Exempt  int `json:"exempt"`
	Grace   int `json:"grace"`
	Observe int `json:"observe"`
}

type checkCount struct {
	Check proto.ID `json:"check_id"`
	Name  string   `json:"name"`
	stateCounts
}

// counts counts the devices that a filter selects.
func (s *API) counts(ctx context.Context, c *v4.Call) (v4.Response, error) {
	patient, err := readPatience(c.URL.Query())
	if err != nil {
		return v4.Response{}, err
	}
	scan, done, err := s.beginFor(ctx, c.Account, c.URL.Query().Get("filter"), patient)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	checks := s.checks(c.Account)
	ids := make([]proto.ID, len(checks))
	for n, check := range checks {
		ids[n] = check.ID
	}
	tally := column.NewTally(ids)
	err = scan.run(ctx, 0, func(p *selected) error {
		tally.Add(p.page, p.rows)
		return nil
	})
	v := counted{Devices: tally.Devices + tally.Revoked, Revoked: tally.Revoked, Some: stateCounts(tally.Some),
		Checks: make([]checkCount, len(checks))}
	for n, check := range checks {
		v.Checks[n] = checkCount{check.ID, check.Name, stateCounts(tally.Checks[n])}
	}
	v.Outdated = scan.outdated.Load()
	return v4.Response{Result: v, Messages: resource.ObserveNotice(s.Store, c.Account)}, err
}
