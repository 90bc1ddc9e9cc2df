package gate

import (
	"context"
	"log/slog"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/excerpt"
	"plumbline.dev/services/internal/policy"
)

// record writes the decision to the log and to ACCESS_LOG. ACCESS_LOG omits requests admitted by a Bypass policy
// (api/README.md 4.4), requests for no application, and unknown credentials, which may be a misplaced secret (8.6).
func (q *evaluation) record() {
	d, who := q.a.Decision, &q.a.Identity
	level := slog.LevelInfo
	if q.a.Admitted() || d.Reason == policy.Undecided {
		level = slog.LevelDebug
	}
	if q.Log.Enabled(context.Background(), level) {
		q.log(level)
	}
	if q.a.App.Value == nil || d.Reason == policy.Undecided || d.Reason == policy.Bypass || d.Reason == policy.Preflight ||
		q.creds.given && who.ClientID == "" && !q.app.lenient {
		return
	}
	note := proto.Authentication{
		At: proto.At(q.now), Application: q.a.App.Value.ID, Allowed: q.a.Admitted(), Reason: d.Reason.String(),
		Policy: d.Policy, ClientID: who.ClientID, TokenID: who.Token, IP: q.ip(), Action: proto.ActionRequest,
		Host: q.r.URL.Host, Device: q.a.Device, Ray: q.a.Ray,
	}
	check, why := q.posture()
	if note.Check = check; why != proto.ReasonNone {
		note.Posture = why.String()
	}
	if who.ClientID != "" {
		note.Action = proto.ActionService
	}
	if s := who.Session; s != nil {
		note.User, note.Email, note.IDP, note.Country = s.User, s.Email, s.IDP, s.Country
	}
	q.Access.Record(q.a.App.Account, note)
}

// posture returns the check that denied the request, or one that passed for another reason than its score, and the
// reason. The id is zero if there is none.
func (q *evaluation) posture() (proto.ID, proto.Reason) {
	switch d := q.a.Decision; {
	case !d.Check.IsZero() && !q.a.Device.IsZero():
		return d.Check, q.Devices.Posture(q.a.App.Account, q.a.Device, d.Check).Reason
	case q.a.Admitted():
		return q.excused.check, q.excused.reason
	default:
		return d.Check, proto.ReasonNone
	}
}

func (q *evaluation) log(level slog.Level) {
	check, why := q.posture()
	d, who := q.a.Decision, &q.a.Identity
	fields := []slog.Attr{
		slog.String("ray", q.a.Ray), slog.String("reason", d.Reason.String()),
		slog.String("host", excerpt.Of(q.r.URL.Host, maxHost)), slog.String("ip", q.ip()),
	}
	if app := q.a.App.Value; app != nil {
		fields = append(fields, slog.String("application", app.ID.String()))
	}
	for _, id := range []struct {
		name string
		proto.ID
	}{{"policy", d.Policy}, {"check", check}, {"token", who.Token}, {"device", q.a.Device}} {
		if !id.IsZero() {
			fields = append(fields, slog.String(id.name, id.ID.String()))
		}
	}
	if who.ClientID != "" {
		fields = append(fields, slog.String("client_id", who.ClientID))
	}
	if who.Session != nil {
		fields = append(fields, slog.String("user", who.Session.User.String()))
	}
	if why != proto.ReasonNone {
		fields = append(fields, slog.String("posture", why.String()))
	}
	if d.Selector != "" {
		fields = append(fields, slog.String("selector", d.Selector))
	}
	message := "request denied"
	switch {
	case q.repeated:
		message = "admitted request ended"
	case level == slog.LevelDebug:
		message = "request admitted"
	}
	q.Log.LogAttrs(context.Background(), level, message, fields...)
}

// ip returns the client's address as text; empty if it is not known.
func (q *evaluation) ip() string {
	if !q.r.Peer.IsValid() {
		return ""
	}
	if q.text == "" {
		q.text = q.r.Peer.Unmap().WithZone("").String()
	}
	return q.text
}

// maxHost bounds the host in the log, in bytes.
const maxHost = 255
