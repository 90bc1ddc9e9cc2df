package integration

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// copyText is the integration in the form of another tool.
type copyText struct{ ID, Name, Text string }

// copies returns the integration as the tools would create it. The secret is a reference to a variable of the
// environment.
func copies(r *frame.Request, i client.Integration) []copyText {
	if i.Type != proto.TypeCustomS2S {
		return nil
	}
	// mark stands for the secret until the reference takes its place. It is new, so that no stored text has it.
	mark := rand.Text()
	body, err := json.MarshalIndent(map[string]any{"name": i.Name, "type": i.Type, "interval": i.Interval,
		"x_concurrency": i.Concurrency, "config": map[string]any{"api_url": i.Config.APIURL,
			"access_client_id": i.Config.ClientID, "access_client_secret": mark}}, "", "  ")
	if err != nil {
		return nil
	}
	curl := "curl \"$PLUMB_URL/client/v4/accounts/" + r.Person.Account.String() + "/devices/posture/integration\" \\\n" +
		"  -H \"Authorization: Bearer $PLUMB_TOKEN\" \\\n  --json " +
		strings.ReplaceAll(shell(string(body)), mark, `'"$CLIENT_SECRET"'`)
	plumb := "plumb integration create --name " + shell(i.Name) + " --api-url " + shell(i.Config.APIURL) +
		" \\\n  --interval " + shell(i.Interval) + " --concurrency " + strconv.Itoa(i.Concurrency) +
		" --client-id " + shell(i.Config.ClientID) +
		" --client-secret-file secret"
	return []copyText{{"copy-curl", "curl", curl}, {"copy-plumb", "plumb", plumb},
		{"copy-yaml", "YAML for plumb apply", document(i)}, {"copy-terraform", "Terraform", terraform(i)}}
}

// shell quotes a text for a POSIX shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func document(i client.Integration) string {
	return copyas.YAML("integration", i.Name, "type: custom_s2s", "interval: "+copyas.Quoted(i.Interval),
		"x_concurrency: "+strconv.Itoa(i.Concurrency), "config:", "  api_url: "+copyas.Quoted(i.Config.APIURL),
		"  access_client_id: "+copyas.Quoted(i.Config.ClientID), "  access_client_secret: ${env:CLIENT_SECRET}").Text
}

func terraform(i client.Integration) string {
	return "resource \"cloudflare_zero_trust_device_posture_integration\" \"scores\" {\n  account_id = var.account_id\n" +
		"  name       = " + copyas.HCL(i.Name) + "\n  type       = \"custom_s2s\"\n  interval   = " +
		copyas.HCL(i.Interval) + "\n  config = {\n    api_url              = " + copyas.HCL(i.Config.APIURL) +
		"\n    access_client_id     = " + copyas.HCL(i.Config.ClientID) +
		"\n    access_client_secret = var.client_secret\n  }\n}\n"
}
