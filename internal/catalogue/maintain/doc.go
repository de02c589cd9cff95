// Package maintain makes the catalogue's manifests from Sourcegraph's public deployment repositories, and proves that they are right.
//
// Import reads tags of both repositories, reduces each to a form (services, files, objects, images), and writes one manifest for each minor
// release. Verify goes the other way: what berth renders from the catalogue must equal what Sourcegraph ships. Its one rule: the same tags
// give the same bytes, and a new release needs no new code here.
//
// One package because import and verify share the reading of tags and the forms in between, and only `berth catalogue` imports it. Its
// halves are readers (git, compose, helm, files, kubernetes), writers (manifest, diff) and comparison (compare, difference, verify).
package maintain
