package terraform

import "github.com/pave-platform/pave"

// An engine is what a service may ask for, in the words of those who meet it.
type engine struct {
	kind   string
	aws    string // what AWS calls it
	scheme string // of its addresses
}

// engines are all engines that a module may make, by pave's word. It is the one place
// where words are translated: what pave calls postgresql is postgres at AWS.
var engines = map[string]engine{
	"postgresql": {pave.KindDatabase, "postgres", "postgres"},
	"mysql":      {pave.KindDatabase, "mysql", "mysql"},
	"mongodb":    {pave.KindDatabase, "docdb", "mongodb"},
	"redis":      {pave.KindCache, "redis", "redis"},
	"nats":       {pave.KindQueue, "", "nats"},
	"rabbitmq":   {pave.KindQueue, "RABBITMQ", "amqps"},
	"kafka":      {pave.KindQueue, "kafka", "kafka"},
	"s3":         {pave.KindBucket, "s3", "https"},
}

// schemeOf is the scheme of addresses of an engine, or of the first engine of a kind
// where the spec names none.
func schemeOf(kind, name string) string {
	if e, ok := engines[name]; ok {
		return e.scheme
	}
	return map[string]string{pave.KindDatabase: "postgres", pave.KindCache: "redis", pave.KindQueue: "nats", pave.KindBucket: "https"}[kind]
}
