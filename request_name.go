package pave

// RenameService gives a service another name. What has the old one goes on working:
// addresses, clones and requests, until another service takes the name.
type RenameService struct {
	Name string `json:"name"`
	To   string `json:"to"`
}

func (RenameService) Verb() string { return "rename service" }
