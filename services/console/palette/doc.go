// Package palette finds pages, actions and resources by what a person types: names, ids, what they want to do, and the
// terms that Cloudflare's dashboard has for it.
package palette
