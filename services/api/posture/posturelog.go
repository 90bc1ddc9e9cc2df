package posture

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// postureLine is a line of the posture log: one JSON object for every result of every device evaluated in a period,
// oldest first, with the field names of the dataset device_posture_results (api/README.md 9.1). The log ends at until,
// or at its end when the request arrived. Each line has a cursor, and so has the trailer X-Cursor; the next request
// continues after it. Unknown values of a device are "".
type postureLine struct {
	ClientVersion      string          `json:"ClientVersion"`
	DeviceID           proto.ID        `json:"DeviceID"`
	DeviceManufacturer string          `json:"DeviceManufacturer"`
	DeviceModel        string          `json:"DeviceModel"`
	DeviceName         string          `json:"DeviceName"` // from the current inventory, like the device members below
	DeviceSerial       string          `json:"DeviceSerialNumber"`
	DeviceType         string          `json:"DeviceType"`
	Email              string          `json:"Email"`
	OSVersion          string          `json:"OSVersion"`
	PolicyID           proto.ID        `json:"PolicyID"`
	CheckName          string          `json:"PostureCheckName"` // from the current check, like type and expected value
	CheckType          string          `json:"PostureCheckType"`
	Passed             bool            `json:"PostureEvaluatedResult"`
	Expected           json.RawMessage `json:"PostureExpectedJSON"`
	Received           received        `json:"PostureReceivedJSON"`
	Registration       proto.ID        `json:"RegistrationID"`
	Timestamp          v4.Timestamp    `json:"Timestamp"`
	UserUID            string          `json:"UserUID"`

	Outcome       proto.Outcome `json:"x_outcome"`
	Reason        proto.Reason  `json:"x_reason"`
	Observed      proto.Outcome `json:"x_observed"`
	Why           string        `json:"x_why,omitempty"` // why the outcome is not by the score alone
	Integration   proto.ID      `json:"x_integration_id"`
	Tick          uint64        `json:"x_tick"`
	CheckRevision uint64        `json:"x_check_revision"`
	Cursor        string        `json:"x_cursor"`
	From          string        `json:"x_from,omitempty"` // outcome before, only in a list of changes; "none" if there was none
}

// received is the scoring API's last response about the device.
type received struct {
	Score      *int         `json:"score"`
	S2SID      string       `json:"s2s_id"`
	ObservedAt v4.Timestamp `json:"observed_at"`
	Problem    string       `json:"problem"`
}

// logQuery selects lines of the posture log.
type logQuery struct {
	since, until time.Time
	checks       []proto.ID // an empty list means all
	devices      []proto.ID
	integrations []proto.ID
	outcomes     []proto.Outcome
	after        logCursor
}

// logCursor is a position in the log: after one result of an entry, or after the whole entry.
type logCursor struct {
	seq    uint64
	result int // -1: after the whole entry
}

func (c logCursor) String() string {
	return strconv.FormatUint(c.seq, 10) + "." + strconv.Itoa(c.result)
}

func parseLogCursor(text string) (c logCursor, err error) {
	seq, result, parted := strings.Cut(text, ".")
	if c.seq, err = strconv.ParseUint(seq, 10, 63); err == nil && parted {
		c.result, err = strconv.Atoi(result)
	} else {
		c.result = -1
	}
	if err != nil || c.result < -1 {
		return c, v4.Invalid("cursor must be the x_cursor of a line, or the trailer X-Cursor")
	}
	return c, nil
}

func readLogQuery(v url.Values) (q logQuery, err error) {
	if q.since, q.until, err = v4.Period(v); err != nil {
		return q, err
	}
	for name, into := range map[string]*[]proto.ID{"check": &q.checks, "device": &q.devices,
		"integration": &q.integrations} {
		if *into, err = device.IDList(v, name); err != nil {
			return q, err
		}
	}
	for _, text := range v["outcome"] {
		o, err := proto.ParseOutcome(text)
		if err != nil {
			return q, v4.Invalid("outcome must be one of pass, fail, unknown")
		}
		q.outcomes = append(q.outcomes, o)
	}
	if text := v.Get("cursor"); text != "" {
		q.after, err = parseLogCursor(text)
	}
	return q, err
}

// TrailerCursor is the trailer with the cursor after the last line of the posture log.
const TrailerCursor = "X-Cursor"

func (s *API) postureLog(w http.ResponseWriter, c *v4.Call) error {
	q, err := readLogQuery(c.URL.Query())
	if err != nil {
		return err
	}
	ctx, out, done, err := s.streams.Begin(w, c)
	if err != nil {
		return err
	}
	defer done()
	if err := s.store.Fresh(ctx); err != nil {
		return err
	}
	if err := s.device.Fresh(ctx); err != nil {
		return err
	}
	subject := topology.LogOf(c.Account)
	if len(q.integrations) == 1 {
		subject = topology.LogOfIntegration(c.Account, q.integrations[0])
	}
	r, err := s.store.LogPeriod(ctx, store.LogRange{Stream: topology.PostureLog, Subject: subject}, q.since, q.until)
	if err != nil {
		return err
	}
	if q.after.seq != 0 {
		if err := s.checkPosition(ctx, q.after.seq); err != nil {
			return err
		}
		r.First = max(r.First, q.after.seq)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Trailer", TrailerCursor)
	lines := &postureLines{s: s, account: c.Account, query: q, out: out}
	err = s.store.ReadForwards(ctx, r, func(m *bus.Msg) error { return lines.entry(ctx, m) })
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return out.Cut(err)
	}
	if !out.Sent {
		w.WriteHeader(http.StatusOK)
	}
	w.Header().Set(TrailerCursor, logCursor{max(r.Last, q.after.seq), -1}.String())
	return nil
}

// expected returns the expected value of a check.
func expected(check *proto.Check) json.RawMessage {
	all := v4.Object{}
	all.Set("operator", check.Operator)
	all.Set("score", check.Score)
	return all.Encode()
}

// wants reports whether a list of requested values includes one; an empty list includes every value.
func wants[T comparable](list []T, one T) bool { return len(list) == 0 || slices.Contains(list, one) }
