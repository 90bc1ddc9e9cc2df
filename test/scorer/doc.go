// Package scorer is a scoring API written from the contract alone (api/README.md 5.5), as a user would write it. It
// decodes requests with encoding/json, verifies application tokens with a JOSE library not used by the services for
// verification, and records every violation of the contract. Tests can make it answer incorrectly, late, or not at
// all.
package scorer
