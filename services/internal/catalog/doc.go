// Package catalog is a service's cached view of the CONFIG bucket: integrations, checks, applications, policies,
// groups, identity providers and organizations, decoded, indexed and kept up to date by a watch.
//
// A view may lag behind the bucket. A service can wait for a revision that another service has already seen.
package catalog
