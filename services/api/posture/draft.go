package posture

import (
	"context"
	"maps"
	"net/http"
	"strconv"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// ErrNoRule is the error for a rule that does not exist.
var ErrNoRule = errNoRule

// Draft returns the rule that a create with the body would store, or, if old is not nil, an update of old with the
// members of the body: a JSON merge patch. It validates like them and stores nothing. The view of CONFIG is in sync.
func (s *API) Draft(a proto.Account, body v4.Object, old *proto.Check) (proto.Check, error) {
	if old == nil {
		check := proto.Check{ID: proto.NewID()}
		return check, s.checks.Decode(a, body, &check, nil)
	}
	whole := v4.Decode(withoutStale(old))
	input, err := body.Member("input")
	if err != nil {
		return proto.Check{}, invalidRule("input must be an object")
	}
	merged, err := whole.Member("input")
	if err != nil || merged == nil {
		merged = v4.Object{}
	}
	maps.Copy(whole, body)
	if input != nil {
		maps.Copy(merged, input)
		whole.Set("input", merged)
	}
	check := proto.Check{ID: old.ID, CreatedAt: old.CreatedAt}
	return check, s.checks.Decode(a, whole, &check, old)
}

// paramExpectFlips is the query parameter of an update with the largest number of outcomes that it may flip.
const paramExpectFlips = "expect_flips"

// expectFlips returns an error if an update would flip more outcomes than its query allows.
func (s *API) expectFlips(ctx context.Context, c *v4.Call, check, old *proto.Check) error {
	text := c.URL.Query().Get(paramExpectFlips)
	if text == "" {
		return nil
	}
	most, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return v4.Invalid("%s must be a whole number from 0", paramExpectFlips)
	}
	flips, devices, err := s.flips(ctx, c.Account, check, old)
	if err != nil {
		return err
	}
	if flips > int(most) {
		return v4.Errorf(http.StatusConflict, v4.CodeConflict,
			"the change would flip the outcomes of %d of %d devices, more than the %d expected (%s): nothing was changed",
			flips, devices, most, paramExpectFlips).WithDetail(flipsDetail{flips, devices, most})
	}
	return nil
}

// flipsDetail is the detail of a rejected update.
type flipsDetail struct {
	Flips       int    `json:"flips"`
	Devices     int    `json:"devices"`
	ExpectFlips uint64 `json:"expect_flips"`
}

func expectFlipsParam() openapi.Parameter {
	return openapi.Parameter{Name: paramExpectFlips, Schema: openapi.Schema{"type": "integer", "minimum": 0},
		Description: "Reject the change with 409 if it would flip the outcomes of more devices than this. The outcomes are " +
			"those of POST /plumbline/checks/try."}
}
