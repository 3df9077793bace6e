package jinja

func pyDictMethods() map[string]*filter {
	return map[string]*filter{
		"items":      fn("", viewOf("items")),
		"keys":       fn("", viewOf("keys")),
		"values":     fn("", viewOf("values")),
		"get":        fn("key default? !", dictGet),
		"pop":        fn("key default?", dictPop),
		"popitem":    fn("", dictPopItem),
		"setdefault": fn("key default?", dictSetDefault),
		"update":     fn("*", dictUpdate),
		"clear": fn("", func(c *call) (any, error) {
			*c.value.(*Dict) = *NewDict()
			return nil, nil
		}),
		"copy": fn("", func(c *call) (any, error) {
			d := c.value.(*Dict)
			return d.clone(), c.r.spendItems(4 * d.Len())
		}),
	}
}

func viewOf(kind string) func(c *call) (any, error) {
	return func(c *call) (any, error) { return &view{c.value.(*Dict), kind}, nil }
}

// otherwise is the default argument, which is none if it was not given.
func (c *call) otherwise(i int) any {
	if c.given(i) {
		return c.args[i]
	}
	return nil
}

func (c *call) key() (any, error) {
	if u, ok := c.args[0].(*undefined); ok {
		return nil, u.err()
	}
	if _, ok := hash(c.args[0]); !ok {
		return nil, failf("%s cannot be a key", typeName(c.args[0]))
	}
	return c.args[0], nil
}

func dictGet(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	if v, ok := c.value.(*Dict).get(k); ok {
		return v, nil
	}
	return c.otherwise(1), nil
}

func dictPop(c *call) (any, error) {
	d := c.value.(*Dict)
	k, err := c.key()
	if err == nil {
		err = c.r.scan(64 * d.Len())
	}
	if err != nil {
		return nil, err
	}
	if v, ok := d.remove(k); ok {
		return v, nil
	}
	if !c.given(1) {
		return nil, failf("pop: unknown key").with("known keys are %s", clip(d.names()))
	}
	return c.args[1], nil
}

func dictPopItem(c *call) (any, error) {
	d := c.value.(*Dict)
	if d.Len() == 0 {
		return nil, failf("popitem: the map is empty")
	}
	k := d.keys[d.Len()-1]
	v, _ := d.remove(k)
	return tuple{k, v}, c.r.scan(64 * d.Len())
}

func dictSetDefault(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	d := c.value.(*Dict)
	if v, ok := d.get(k); ok {
		return v, nil
	}
	d.put(k, c.otherwise(1))
	return c.otherwise(1), c.r.spendItems(4)
}

func dictUpdate(c *call) (any, error) { return nil, c.fill(c.value.(*Dict)) }

// fill puts the arguments of dict(...) or update(...) into d.
func (c *call) fill(d *Dict) error {
	if len(c.args) > 1 {
		return failf("%s takes one argument and keywords", c.name)
	}
	for _, a := range c.args {
		from, isDict := a.(*Dict)
		if isDict {
			if err := c.r.spendItems(4 * from.Len()); err != nil {
				return err
			}
			for i, k := range from.keys {
				d.put(k, from.vals[i])
			}
			continue
		}
		pairs, err := c.r.items(a)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			kv, err := c.r.items(p)
			if err == nil {
				err = c.r.spendItems(4)
			}
			if err != nil {
				return err
			}
			if len(kv) != 2 || !d.put(kv[0], kv[1]) {
				return failf("%s needs a map, or pairs of a key and a value", c.name)
			}
		}
	}
	for _, k := range c.kw {
		d.put(k.name, k.value)
	}
	return c.r.spendItems(4 * len(c.kw))
}
