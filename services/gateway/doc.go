// Package gateway guards applications: it decides about each request (package gate), sends those that are
// admitted to their origin (package proxy), logs people in (package login), and answers other proxies that
// ask before they send a request on (package forward).
//
// Everything it decides by is in memory, kept up to date by watches. Where NATS or the exchange is away it
// goes on with what it last knew, for as long as the operator allows, and then refuses everything (package
// hold). Any number of gateways may run at once.
package gateway
