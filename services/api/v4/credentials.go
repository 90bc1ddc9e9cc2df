package v4

// Headers with credentials (api/README.md 1.2).
const (
	HeaderBearer     = "Authorization"
	HeaderKey        = "X-Auth-Key"
	HeaderEmail      = "X-Auth-Email"
	HeaderServiceKey = "X-Auth-User-Service-Key"
	// HeaderAssertion has the application token of a person who came through the gateway (api/README.md 1.9).
	HeaderAssertion = "Cf-Access-Jwt-Assertion"
)
