// Package pave holds the words of the platform: the small data types, requests,
// errors and interfaces that every door (command line, API, git) and every part
// behind them share.
//
// A Service is owned by a Team and runs in Environments. What is wanted of it is
// a Revision; a Plan separates two revisions from each other and from the world;
// a Run carries a plan out, step by step, and tells Events. A Release is one
// built commit. What was discovered is the catalog: entities and Facts.
//
// The package imports the standard library only and knows no store, no provider
// and no wire format beyond the JSON of its own types.
package pave
