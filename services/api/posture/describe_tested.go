package posture

import (
	"fmt"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
)

// testOperations describes the test of an integration. Cloudflare has no such endpoint.
func testOperations() openapi.Operations {
	result := openapi.Of[testView]()
	members := result["properties"].(openapi.Members)
	credential := openapi.Of[testCredential]()
	within := credential["properties"].(openapi.Members)
	within["kind"] = openapi.Enum(credentialToken, credentialSecret)
	within["status"] = openapi.Enum(credentialAccepted, credentialRefused, credentialUnknown)
	members["credential"] = credential.OrNull()
	return openapi.Operations{
		"POST /plumbline/integrations/test": {
			Summary: "Test an integration without saving it",
			Details: fmt.Sprintf("A fetcher calls the scoring API once, like a poll, about a few devices. The result describes "+
				"the connection, the credential, the request, the response with the beginning of its body (at most %d KiB), "+
				"the scores, and what each check of the integration would decide. Secrets are replaced by %q. Headers and body "+
				"of a response from an address that is not public are left out, unless --egress-allow of the fetchers has it; "+
				"withheld then says so. A failed test "+
				"is a result with error and detail, not an error of the request. With integration_id, integration has the "+
				"members that change (a JSON merge patch), and the stored secret is used unless the body has another one; it "+
				"is only sent to the host it was stored for, as when saving. Without, integration is a whole new one. Each "+
				"test is in the audit log. The request needs permission to read devices and results as well.",
				proto.MaxProbeBody>>10, proto.Hidden),
			Body: openapi.Object(openapi.Members{
				"integration_id": openapi.UUID().OrNull(),
				"integration":    openapi.AnyOf(openapi.Ref("IntegrationChange"), openapi.Schema{"type": "null"}),
				"device_ids": openapi.List(openapi.UUID()).OrNull().Describe(fmt.Sprintf("Devices to ask about, at most %d. "+
					"Default: the first %d enrolled ones. An empty list asks about none.", maxTestedDevices, testedDevices)),
			}),
			Result: result, Statuses: []int{http.StatusTooManyRequests},
		},
	}
}
