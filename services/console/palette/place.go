package palette

// place is a page or an action, with other words for it. A word may be Cloudflare's.
type place struct{ kind, text, path, words string }

var places = []place{
	{"Page", "Overview", "/overview", "home dashboard status freshness analytics"},
	{"Page", "Devices", "/devices", "warp client my team fleet inventory registrations physical devices endpoints zero trust clients"},
	{"Page", "Checks", "/checks", "device posture checks warp client checks posture rules risk threshold score"},
	{"Page", "Integrations", "/integrations", "service provider checks third-party providers s2s custom service provider crowdstrike sentinelone intune scoring api"},
	{"Page", "Holds", "/holds", "breaker held outcomes lock-out open-up release reject"},
	{"Page", "Applications", "/applications", "access applications self-hosted saas bookmark zero trust access apps"},
	{"Page", "Policies", "/policies", "access policies reusable rule groups allow block bypass service auth"},
	{"Page", "Tokens and keys", "/tokens", "service tokens service auth api tokens client id client secret mtls signing keys rotate"},
	{"Page", "Members", "/members", "people users roles administrators manage members permissions"},
	{"Page", "Posture log", "/logs/posture", "logs device posture results logpush live tail"},
	{"Page", "Access log", "/logs/access", "logs access requests authentication denied blocked logins service auth bypass live tail"},
	{"Page", "Audit", "/logs/audit", "audit logs changes who changed what history"},
	{"Page", "Destinations", "/destinations", "webhooks logpush notifications alerts events receivers siem splunk slack deliveries"},
	{"Page", "Start here", "/start", "walk-through getting started tutorial onboarding first steps"},
	{"Page", "Health", "/system", "system status version metrics services"},
	{"Action", "Add an integration", "/integrations/new", "create custom service provider test and save"},
	{"Action", "Add a check", "/checks/new", "create device posture check threshold"},
	{"Action", "Add an application", "/applications/new", "create self-hosted application add an application service auth"},
	{"Action", "Add a policy", "/policies/new", "create access policy service auth allow block bypass"},
	{"Action", "Create a service token", "/tokens/new", "service auth client id client secret generate token"},
	{"Action", "Add a destination", "/destinations/new", "create webhook notification logpush job"},
	{"Action", "Add a member", "/members", "invite person e-mail role"},
	{"Action", "Devices that fail", "/devices?filter=outcome%3Afail", "failing failed posture noncompliant"},
	{"Action", "Denied requests", "/logs/access?allowed=false", "blocked refused denied 403"},
}
