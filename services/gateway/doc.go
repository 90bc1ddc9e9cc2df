// Package gateway protects applications. It decides about each request (package gate), sends admitted ones to their
// origin (package proxy), logs people in (package login), and answers other proxies that ask before forwarding a
// request (package forward).
//
// All data for decisions is in memory and kept up to date by watches. If NATS or the exchange is away, the gateway
// continues with the last known state for as long as the operator allows, and then denies everything (package
// staleness). Any number of gateways may run at once.
package gateway
