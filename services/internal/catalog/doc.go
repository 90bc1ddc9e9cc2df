// Package catalog is a service's view of the CONFIG bucket: integrations, checks, applications,
// policies, groups, identity providers and organisations, decoded, indexed and kept up to date by a watch.
//
// A view may be behind the bucket. Its revision says how far it is, so that a service can wait until it
// has seen what another service had seen.
package catalog
