// Package node is where programs run when there is no cluster: a small kubelet
// for one machine. It holds the supervisor of workloads, the router in front of
// them, jobs, managed local servers, workload identities and all their logs; and
// the Client by which drivers talk to it.
//
// The server puts wanted items over a unix socket, one by one, each under an
// immutable id; the node converges and keeps them in a file sealed with its own
// key, so that it needs no server for hours and nobody after a crash. An item
// may be put again at any time: the same item is no change.
//
// The node knows no services, revisions or runs: only programs, hosts, tokens
// and lines of text.
package node
