// Package catalogue is what is known about Sourcegraph releases, as data: a manifest for each minor release with the image digests of
// every patch, an index, notices about releases, and what each service does. Its one rule: knowledge about a release is in these files
// and never an if in Go.
//
// releases/ and index.yaml are made by `berth catalogue import`; notices.yaml and services.yaml are written by hand. A command reads what
// it needs: the index to resolve a version, and one manifest, for one target, to load a release.
package catalogue
