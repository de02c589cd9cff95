// Package health tells what of an installation is ready in a cluster, and why the rest is not: from the objects themselves, their pods, and
// what the cluster said of these. Judging is pure; a Watcher fetches what is judged.
package health
