// Package assertion identifies members by the gateway's assertion, the header Cf-Access-Jwt-Assertion. The control
// plane verifies it and says whose it is: the console has no keys, and trusts no header by itself.
package assertion
