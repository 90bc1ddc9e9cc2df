package zone_test

import (
	"encoding/json"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// account is an account in a response.
type account struct {
	ID         proto.Account
	Name, Type string
}

// TestAccounts checks that clients that know only a token find its account.
func TestAccounts(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	var all []account
	r := at(f, apitest.Bootstrap, "GET", "/accounts", nil)
	if json.Unmarshal(r.Result, &all) != nil || len(all) != 1 || all[0].ID != f.Account || all[0].Name == "" ||
		all[0].Type != "standard" || r.ResultInfo["total_count"] != 1.0 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	name := all[0].Name
	for query, n := range map[string]int{"?name=" + name: 1, "?name=none": 0, "?page=2": 0} {
		if r := at(f, apitest.Bootstrap, "GET", "/accounts"+query, nil); r.Status != 200 ||
			json.Unmarshal(r.Result, &all) != nil || len(all) != n {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
	narrow := f.StoreToken(nil, apitest.GroupID("Posture Results Read"))
	for _, token := range []string{apitest.Bootstrap, narrow} {
		var one account
		if r := at(f, token, "GET", "/accounts/"+f.Account.String(), nil); r.Status != 200 ||
			json.Unmarshal(r.Result, &one) != nil || one.ID != f.Account {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	for path, status := range map[string]int{"/accounts/" + proto.NewAccount().String(): 403, "/accounts/x": 404} {
		if r := at(f, apitest.Bootstrap, "GET", path, nil); r.Status != status {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	if r := at(f, "nobody", "GET", "/accounts", nil); r.Status != 403 {
		t.Errorf("a stranger: %d", r.Status)
	}
}
