// Package maintain makes the catalogue's manifests from Sourcegraph's public deployment repositories, and proves them right.
//
// Import reads tags of both repositories, reduces each to a form (services, files, objects, images), and writes one manifest for each minor
// release. Verify goes the other way: what berth makes of the catalogue must equal what Sourcegraph ships. Its one rule: the same tags give
// the same bytes, and a new release needs no new code here.
package maintain
