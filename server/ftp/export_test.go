package ftp

import "time"

// GiveMore gives clients more time for the last words between them and the server:
// a client of a test may have to wait for the processor.
func (o *Options) GiveMore(d time.Duration) { o.parting = d }
