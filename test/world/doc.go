// Package world is the ground the tests of the whole platform stand on: it builds
// pave and the fixture service, gives each test a home of its own with a server, a
// node and a PostgreSQL, kills them on demand, and looks at what is really there
// afterwards: folders, databases, processes, routes. What pave's own tables say of
// that is not asked; only the audit log and the soundness of the store are.
//
// It knows the API by its HTTP routes and no handler of it.
package world
