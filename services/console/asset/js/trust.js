// Markup reaches the page only through this policy, and only from the console's own server. Scripts, inline handlers
// and expressions never arrive that way: html/template escapes what people and devices wrote, and a response with a
// script is refused. Without eval, htmx evaluates no expression of an attribute.
const refuse = () => { throw new Error('the console evaluates no expressions') }
const policy = { createHTML: text => /<script\b/i.test(text) ? refuse() : text, createScript: refuse }
const trusted = window.trustedTypes?.createPolicy('console', policy) ?? policy

htmx.registerExtension('console', { init: api => api.initSecurity(trusted, refuse, refuse) })
