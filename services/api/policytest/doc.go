// Package policytest tests policies against every user, as Cloudflare's policy tester does (api/README.md 4.6).
//
// A request starts a test and is answered at once. The replica that received it runs the test in the background: it
// reads everyone who logged in within the last month and evaluates the policies with package policy, which also decides
// at the gateways. The facts are those of the user's last login and the current posture of their devices. Progress and
// results are stored in the bucket POLICY_TESTS, so that any replica can serve them.
//
// A test reads all users twice. It first remembers who they are, about 200 bytes a user, and reads each page of devices
// once if a policy has a posture check. It then evaluates the users one by one and stores the results in parts.
package policytest
