package clock

import (
	"sync"
	"time"
)

// zones holds what LoadLocation found: it reads a file each time otherwise. There
// are some 600 names; those that nobody knows are not kept.
var zones sync.Map

// Zone returns the time zone with an IANA name, as time.LoadLocation does.
func Zone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, z)
	}
	return z, err
}
