package identity_test

import (
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

func TestLastSeenIdentity(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Want(200, "POST", "/devices/posture",
		map[string]any{"name": "File", "type": "file", "input": map[string]any{"path": "/x"}})
	f.Import("text/csv", "serial_number,email\nS-1,anna@example.com\nS-2,Anna@example.com\n")
	f.Evaluate(3, 80, proto.OutcomePass)
	anna := session(f, "anna@example.com", "n")
	anna.Device = f.Devices[0]
	path := "/access/users/" + f.StoreLogin(anna).ID.String() + "/last_seen_identity"
	got := f.Want(200, "GET", path, nil)
	posture := got["devicePosture"].(map[string]any)
	apitest.Same(t, "the check that passed", posture[f.Check.String()],
		any(map[string]any{"id": f.Check.String(), "check": map[string]any{"exists": true, "path": ""},
			"data": map[string]any{"score": 80.0}, "description": "", "error": "", "rule_name": "Healthy", "success": true,
			"timestamp": "2026-03-01T12:00:00Z", "type": "custom_s2s"}))
	if len(posture) != 2 {
		t.Errorf("posture %v", posture)
	}
	for id, p := range posture {
		if p := p.(map[string]any); id != f.Check.String() &&
			(p["success"] != false || p["error"] != "unsupported" || p["type"] != "file") {
			t.Errorf("a check that is not evaluated: %v", p)
		}
	}
	delete(got, "devicePosture")
	idp := proto.ID{}.String()
	apitest.Same(t, "who", got,
		map[string]any{"id": anna.User.String(), "user_uuid": anna.User.String(), "name": "Ana",
			"email": "anna@example.com",
			"amr":   []any{"pwd"}, "idp": map[string]any{"id": idp, "type": ""}, "geo": map[string]any{"country": "DE"},
			"account_id": f.Account.String(),
			"iat":        float64(f.Clock.Now().Unix()), "ip": "192.0.2.1", "auth_status": "NONE", "common_name": "",
			"service_token_id":     "",
			"service_token_status": false, "is_warp": false, "is_gateway": false, "device_id": f.Devices[0].String(),
			"device_sessions": map[string]any{f.Devices[0].String(): map[string]any{
				"last_authenticated": float64(f.Clock.Now().Unix())}},
			"mtls_auth": map[string]any{"auth_status": "NONE", "cert_issuer_dn": "", "cert_issuer_ski": "",
				"cert_presented": false, "cert_serial": ""},
			"version": 2.0, "x_devices": []any{f.Devices[0].String()}})
	// If the login had no device, all devices of the address must pass.
	anna.Device = proto.ID{}
	f.StoreLogin(anna)
	got = f.Want(200, "GET", path, nil)
	if p := got["devicePosture"].(map[string]any)[f.Check.String()].(map[string]any); p["success"] != false ||
		p["error"] != "missing" || len(got["x_devices"].([]any)) != 2 {
		t.Errorf("of two devices: %v, %v", p, got["x_devices"])
	}
	// A revoked device does not count.
	f.Want(200, "POST", "/devices/physical-devices/"+f.Devices[1].String()+"/revoke", nil)
	got = f.Want(200, "GET", path, nil)
	if p := got["devicePosture"].(map[string]any)[f.Check.String()].(map[string]any); p["success"] != true {
		t.Errorf("of the one that is left: %v", p)
	}
}
