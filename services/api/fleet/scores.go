package fleet

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/column"
	"plumbline.dev/services/api/v4"
)

// scoreCounts are the devices that a filter selects, by their newest score from an integration.
type scoreCounts struct {
	Integration proto.ID `json:"integration_id"`
	Devices     int      `json:"devices" says:"Active devices that the filter selects."`
	None        int      `json:"without_score" says:"Devices among them without a score from the integration."`
	Scores      []int    `json:"scores" says:"Number of devices with each score, from 0 to 100."`
	Outdated    int64    `json:"outdated_pages" says:"Inventory pages whose newest results are not counted yet."`
}

// scores counts the devices that a filter selects, by their score.
func (s *API) scores(ctx context.Context, c *v4.Call) (v4.Response, error) {
	q := c.URL.Query()
	patient, err := readPatience(q)
	if err != nil {
		return v4.Response{}, err
	}
	id, err := proto.ParseID(q.Get("integration_id"))
	if err != nil {
		return v4.Response{}, v4.Invalid("integration_id is required: the id of a posture integration")
	}
	scan, done, err := s.beginFor(ctx, c.Account, q.Get("filter"), patient)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	if _, found := s.Store.Catalog.Integration(c.Account, id); !found {
		return v4.Response{}, v4.Invalid("integration_id: there is no such integration")
	}
	var h column.Histogram
	err = scan.run(ctx, 0, func(p *selected) error {
		h.Add(p.page, p.rows, id)
		return nil
	})
	v := scoreCounts{Integration: id, Devices: h.None, None: h.None, Scores: h.Scores[:], Outdated: scan.outdated.Load()}
	for _, n := range h.Scores {
		v.Devices += n
	}
	return v4.Response{Result: v}, err
}
