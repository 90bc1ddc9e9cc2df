// Package frame is what every screen of the console stands in: the router, the person and their client of the API, the
// layout, fragments for htmx, forms, errors, and the components of the templates. See the console's README for how to
// add a screen.
//
// Text from the API is untrusted. Only html/template renders it; a component never returns markup that was not rendered
// by a template.
package frame
