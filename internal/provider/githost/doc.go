// Package githost makes resources of kind repository on a git host of the
// organisation. Its one Driver serves all hosts: a package of a vendor implements
// Host, and as many of the optional interfaces as the vendor has, over the vendor's
// API.
//
// A repository is in two places. The bare one on this machine, made by
// provider/gitlocal, is the mirror that pipelines, trees and heads are read from; the
// host's is what people clone and push to. The first commit is made in the mirror and
// pushed; from then on the host is right, and Follow brings what is new there.
//
// The marker is atomic with the creation: the description begins life with a mark,
// " [pave res_...]", and is clean as soon as the topic "pave-res-..." says the same.
// What has neither is foreign and stays untouched. So is what has the marker and another id
// of the host's own than the mirror knows: a topic anybody may set.
package githost
