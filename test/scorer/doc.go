// Package scorer is a scoring API as a user writes one who has read the contract and nothing of our code
// (api/README.md 5.5): it decodes the request with encoding/json, checks the application token with a JOSE
// library that the services do not verify with, and notes whatever a request does that the contract does
// not allow. A test can have it answer wrongly, late, or not at all.
package scorer
