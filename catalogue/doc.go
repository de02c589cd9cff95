// Package catalogue is what berth knows about Sourcegraph releases, as data. It has a manifest for each minor release with the image
// digests of every patch, an index, notices about releases, and what each service does. Its one rule: knowledge about a release is in these
// files and never an if in Go.
//
// releases/ and index.yaml are made by `berth-catalogue import`; notices.yaml, relations.yaml, sizes.yaml and
// services.yaml are written by hand. A command reads only
// what it needs: the index to resolve a version, and one manifest, for one target, to load a release.
//
// One package because the files of the catalogue and the types that read them change together, and every other room imports them as one
// thing: releases. Its parts are the data (types, manifest, notices, relations, upgrades), reading (catalogue, load, filter, merge, overlay) and the
// fast form (fast, fast_tree).
package catalogue
