package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// TrialRequest asks for a trial of a check that is not saved. Rule has the members to change of the rule with the id
// RuleID, or is a whole new rule without one.
type TrialRequest struct {
	RuleID string         `json:"rule_id,omitempty"`
	Rule   map[string]any `json:"rule,omitempty"`
	Limit  int            `json:"limit"` // flipping devices to list
	Since  string         `json:"since,omitempty"`
	Step   string         `json:"step,omitempty"`
}

// Tally counts what a tried check decides. A flip is a device with another outcome than the one compared with.
type Tally struct {
	Devices        int `json:"devices"`
	Pass           int `json:"pass"`
	Fail           int `json:"fail"`
	Unknown        int `json:"unknown"`
	Flips          int `json:"flips"`
	FlipsToFail    int `json:"flips_to_fail"`
	FlipsToPass    int `json:"flips_to_pass"`
	FlipsToUnknown int `json:"flips_to_unknown"`
	Reasons        []struct {
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
		Devices int    `json:"devices"`
	} `json:"reasons"`
}

// Trial is the result of a trial of the newest scores.
type Trial struct {
	Tally
	Flipping []struct {
		Device  string `json:"device_id"`
		Name    string `json:"name"`
		Score   *int   `json:"score"`
		From    string `json:"from"`
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	} `json:"flipping"`
	More bool `json:"more"` // there are further flipping devices
}

// TrialLine is a line of a trial of the posture log: of the kind step, or the summary at its end.
type TrialLine struct {
	Kind  string     `json:"kind"`
	Step  int        `json:"step"`
	Steps int        `json:"steps"`
	At    *time.Time `json:"at"`
	Tally
	Changed    int        `json:"changed"`
	From       *time.Time `json:"from"`
	Entries    int        `json:"entries"`
	Unreadable int        `json:"unreadable"`
	MostFlips  int        `json:"most_flips"`
	MostAt     *time.Time `json:"most_flips_at"`
}

const trialPath = "/plumbline/checks/try"

// Try evaluates a check against the newest scores.
func (c *Client) Try(ctx context.Context, q TrialRequest) (Item[Trial], error) {
	return decode[Item[Trial]](c.call(ctx, http.MethodPost, trialPath, q))
}

// errNoSummary is returned if a trial of the log ended early.
var errNoSummary = errors.New("the control plane ended the trial before its summary: the result is incomplete")

// TryLog evaluates a check against the posture log, and yields the lines as they come. The request ends with ctx.
func (c *Client) TryLog(ctx context.Context, q TrialRequest) iter.Seq2[Item[TrialLine], error] {
	return func(yield func(Item[TrialLine], error) bool) {
		err := c.tryLog(ctx, q, func(l Item[TrialLine]) bool { return yield(l, nil) })
		if err != nil {
			yield(Item[TrialLine]{}, err)
		}
	}
}

func (c *Client) tryLog(ctx context.Context, q TrialRequest, each func(Item[TrialLine]) bool) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	resp, err := c.request(ctx, http.MethodPost, trialPath, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if _, err = result(resp); err == nil {
			err = &Error{Status: resp.StatusCode, Message: "not a trial"}
		}
		return err
	}
	lines, whole := bufio.NewScanner(resp.Body), false
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		var line Item[TrialLine]
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("trial: %w", err)
		}
		whole = line.Value.Kind == "summary"
		if !each(line) {
			return nil
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if lines.Err() != nil || !whole {
		return errors.Join(errNoSummary, lines.Err())
	}
	return nil
}
