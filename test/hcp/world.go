package hcp

import "sync"

// A Thing is what the module makes: whose it is, and how much it may.
type Thing struct{ Owner, Limit string }

// A World is where things are. Whoever changes one there is not seen by any workspace
// before a run looks.
type World interface {
	Find(name string) (Thing, bool)
	// Put makes a thing or changes it, and says where it is: a secret.
	Put(name string, t Thing) (url string, err error)
	Remove(name string) error
}

// Memory is a world of its own.
type Memory struct {
	mu     sync.Mutex
	things map[string]Thing
}

// Find is the thing of a name.
func (m *Memory) Find(name string) (Thing, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.things[name]
	return t, ok
}

// Put makes a thing or changes it.
func (m *Memory) Put(name string, t Thing) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.things == nil {
		m.things = map[string]Thing{}
	}
	m.things[name] = t
	return "postgres://app:pvcnry_made@db.example.com:5432/" + name, nil
}

// Remove removes a thing.
func (m *Memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.things, name)
	return nil
}

// Len is how many things there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.things)
}
